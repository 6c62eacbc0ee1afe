import { AffairsPanel } from './affairs.ts';
import { followBookmark } from './bookmark.ts';
import { Counters } from './counters.ts';
import { WorldMap } from './map.ts';
import { drawMasthead, showNotice } from './masthead.ts';
import { Player } from './player.ts';
import { RequestList } from './request-list.ts';
import { Store } from './store.ts';
import { Story } from './story.ts';
import { Timeline } from './timeline.ts';
import { fetchFrames, fetchHeader, fetchSummary, listen } from './wire.ts';

async function start(): Promise<void> {
  const header = await fetchHeader();
  const [frames, summary] = await Promise.all([
    fetchFrames(header.frameCount),
    header.source === 'live' ? null : fetchSummary(),
  ]);
  const store = new Store(header, summary, frames);
  drawMasthead(store);
  new Counters(store);
  new WorldMap(store);
  new Player(store);
  new Timeline(store);
  new RequestList(store);
  new AffairsPanel(store);
  new Story(store);
  if (store.isLive) followNews(store);
  else await followBookmark(store);
  document.documentElement.dataset['ready'] = 'true';
}

function followNews(store: Store): void {
  listen({
    frame: (frame) => store.addFrame(frame),
    requests: () => store.tell('requests'),
    line: (isUp) => {
      showNotice(
        isUp ? null : 'The line to the server is down; trying again. What is shown is the last that came.',
      );
      // What was pushed before the line stood, or while it was down.
      if (isUp) void catchUp(store);
    },
  });
}

async function catchUp(store: Store): Promise<void> {
  const { frameCount } = await fetchHeader();
  store.replaceFrames(await fetchFrames(frameCount));
}

start().catch((error: unknown) => {
  showNotice(`The page could not be shown: ${error instanceof Error ? error.message : String(error)}`);
});
