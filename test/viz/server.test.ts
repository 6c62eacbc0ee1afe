import { expect } from 'chai';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io } from 'socket.io-client';
import type { Frame, RequestStory } from '../../sim/frame.ts';
import { headerOf } from '../../sim/recorder.ts';
import type { Summary } from '../../sim/summary.ts';
import { mergeFrames } from '../../viz/frame-merge.ts';
import { MemoryFrameSource } from '../../viz/frame-source.ts';
import { serveView, type ServedView } from '../../viz/server.ts';
import { ViewError, type RequestRow } from '../../viz/view.ts';
import { tinyScenario } from '../sim/tiny-scenario.ts';
import { recordRun } from './recorded-run.ts';

const SECOND_US = 1_000_000;

describe('the server of the page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watershed-view-'));
  const pageFolder = join(folder, 'page');
  const run = join(folder, 'run');
  let summary: Summary;
  let served: ServedView;
  let stories: RequestStory[];

  before(async () => {
    mkdirSync(pageFolder);
    writeFileSync(join(pageFolder, 'main.js'), '');
    writeFileSync(join(pageFolder, 'index.html'), '<title>page</title>');
    summary = recordRun(run, tinyScenario());
    stories = linesOf<RequestStory>(join(run, 'requests.jsonl'));
    served = await serveView({ source: run, port: 0, pageFolder });
  });

  after(async () => {
    await served.close();
    rmSync(folder, { recursive: true });
  });

  async function get<T>(path: string, view = served): Promise<{ status: number; body: T }> {
    const response = await fetch(view.url + path);
    return { status: response.status, body: (await response.json()) as T };
  }

  async function rejection(source: string): Promise<string> {
    try {
      await (await serveView({ source, port: 0, pageFolder })).close();
    } catch (error) {
      expect(error).to.be.instanceOf(ViewError);
      return (error as Error).message;
    }
    throw new Error(`${source} was served`);
  }

  function copyOf(name: string): string {
    const path = join(folder, name);
    cpSync(run, path, { recursive: true });
    return path;
  }

  it('gives the header, every frame, and the summary as they lie in the folder', async () => {
    const [header, ...frames] = linesOf<object>(join(run, 'frames.jsonl'));
    expect((await get('api/header')).body).to.deep.equal({ ...header, frameCount: frames.length });
    expect((await get('api/frames')).body).to.deep.equal(frames);
    expect((await get('api/summary')).body).to.deep.equal(JSON.parse(JSON.stringify(summary)));
  });

  it('gives the frames of a span, and merges them without losing a count', async () => {
    const span = (await get<Frame[]>(`api/frames?from=${10 * SECOND_US}&until=${12 * SECOND_US}`)).body;
    expect(span.map(({ timeUs }) => timeUs / SECOND_US)).to.deep.equal([10, 11, 12]);
    const all = (await get<Frame[]>('api/frames')).body;
    const merged = (await get<Frame[]>('api/frames?every=7')).body;
    expect(merged.length).to.equal(Math.ceil(all.length / 7));
    expect(mergeFrames(merged)).to.deep.equal(mergeFrames(all));
  });

  it('filters requests by span, outcome, cluster and limit, the last that ended first', async () => {
    const newestFirst = [...stories].reverse();
    const rows = async (query: string): Promise<string[]> =>
      (await get<RequestRow[]>(`api/requests?${query}`)).body.map(({ id }) => id);
    const idsWhere = (test: (story: RequestStory) => boolean): string[] =>
      newestFirst.filter(test).map(({ id }) => id);
    expect(await rows('limit=1000')).to.deep.equal(idsWhere(() => true));
    const [from, until] = [20 * SECOND_US, 26 * SECOND_US];
    const within = idsWhere(({ endedUs }) => endedUs >= from && endedUs <= until);
    expect(within.length).to.be.within(2, stories.length - 1);
    expect(await rows(`from=${from}&until=${until}`)).to.deep.equal(within);
    const unreachable = idsWhere(({ outcome }) => outcome === 'CLUSTER_UNREACHABLE');
    expect(unreachable).not.to.be.empty;
    expect(await rows('outcome=CLUSTER_UNREACHABLE')).to.deep.equal(unreachable);
    expect(await rows('outcome=CLUSTER_UNREACHABLE&limit=1')).to.deep.equal(unreachable.slice(0, 1));
    expect(await rows('cluster=us-east')).to.be.empty;
    const open = idsWhere(({ askedUs, endedUs }) => askedUs <= until && endedUs > until);
    expect(open).not.to.be.empty;
    expect(await rows(`open=true&until=${until}`)).to.deep.equal(open);
  });

  it('gives rows without steps, and the story of one with them', async () => {
    const { body } = await get<object[]>('api/requests?limit=1');
    expect(body[0]).not.to.have.property('steps');
    const story = stories[3];
    expect((await get(`api/requests/${story.id}`)).body).to.deep.equal(story);
  });

  it('says what is wrong with a question', async () => {
    expect(await get('api/requests/r0x')).to.deep.equal({
      status: 404,
      body: { error: 'there is no request r0x' },
    });
    const { status, body } = await get<{ error: string }>('api/requests?limit=0');
    expect([status, body.error]).to.deep.equal([400, 'limit=0: a whole number from 1 to 1000 is expected']);
    expect((await get('api/frames?from=soon')).status).to.equal(400);
    expect((await get('api/nothing')).status).to.equal(404);
  });

  it('refuses a folder that is not there, or not that of a run', async () => {
    expect(await rejection(join(folder, 'gone'))).to.match(/gone: there is no such folder/);
    expect(await rejection(pageFolder)).to.match(/not the folder of a run: it has no frames.jsonl/);
  });

  it('refuses a broken line before the last, and names it', async () => {
    const path = copyOf('broken');
    const lines = readFileSync(join(path, 'frames.jsonl'), 'utf8').split('\n');
    lines[4] = lines[4].slice(0, 20);
    writeFileSync(join(path, 'frames.jsonl'), lines.join('\n'));
    expect(await rejection(path)).to.match(/frames\.jsonl, line 5: /);
    writeFileSync(join(path, 'frames.jsonl'), '{"format":9}\n');
    expect(await rejection(path)).to.match(/line 1: the header of a run in format 1 is expected/);
  });

  it('shows a run that was interrupted: torn last lines, no summary', async () => {
    const path = copyOf('torn');
    rmSync(join(path, 'summary.json'));
    for (const name of ['frames.jsonl', 'requests.jsonl']) appendFileSync(join(path, name), '{"timeUs":6');
    const torn = await serveView({ source: path, port: 0, pageFolder });
    try {
      expect((await get('api/summary', torn)).status).to.equal(404);
      expect((await get('api/frames', torn)).body).to.deep.equal((await get('api/frames')).body);
      const ids = (await get<RequestRow[]>('api/requests?limit=1000', torn)).body;
      expect(ids.length).to.equal(stories.length);
    } finally {
      await torn.close();
    }
  });

  it('says which port it cannot have', async () => {
    const port = Number(new URL(served.url).port);
    let message = '';
    await serveView({ source: run, port, pageFolder }).catch((error: Error) => (message = error.message));
    expect(message).to.equal(`127.0.0.1:${port}: something else listens there`);
  });

  it('turns away a socket that a page of another site opens', async () => {
    const connect = (origin: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = io(served.url, {
          transports: ['websocket'],
          extraHeaders: { origin },
          reconnection: false,
        });
        socket.on('connect', () => resolve(socket.close() !== undefined));
        socket.on('connect_error', () => resolve(false));
      });
    expect(await connect('http://elsewhere.example')).to.equal(false);
    expect(await connect(served.url.slice(0, -1))).to.equal(true);
  });

  it('pushes the frames and requests of a live source, and gives those it has', async () => {
    const source = new MemoryFrameSource({ ...headerOf(tinyScenario()), source: 'live' });
    const [, ...frames] = linesOf<Frame>(join(run, 'frames.jsonl'));
    source.pushFrame(frames[0]);
    const live = await serveView({ source, port: 0, pageFolder });
    const socket = io(live.url, { transports: ['websocket'] });
    try {
      await new Promise<void>((resolve) => socket.on('connect', () => resolve()));
      const pushed = new Promise((resolve) => socket.on('frame', resolve));
      const ended = new Promise<RequestRow[]>((resolve) => socket.on('requests', resolve));
      source.pushFrame(frames[1]);
      source.pushStory(stories[0]);
      expect(await pushed).to.deep.equal(frames[1]);
      expect((await ended).map(({ id }) => id)).to.deep.equal([stories[0].id]);
      expect((await get('api/frames', live)).body).to.deep.equal(frames.slice(0, 2));
      expect((await get(`api/requests/${stories[0].id}`, live)).body).to.deep.equal(stories[0]);
      expect((await get('api/summary', live)).status).to.equal(404);
    } finally {
      socket.close();
      await live.close();
    }
  });
});

describe('a live source in memory', () => {
  const header = headerOf(tinyScenario());
  const frameAt = (timeUs: number): Frame => ({
    timeUs,
    states: header.nodes.map(() => 'up' as const),
    loads: header.nodes.map(() => 0),
    cuts: [],
    traffic: [[0, 1, 2, 1]],
    outcomes: { OK: 2, OVERLOADED: 1 },
    podsEnded: { written: 1, read: 2 },
    servedBy: { local: 1, cluster: 1, federation: 0 },
    open: 0,
  });

  it('stays in its bounds, keeps every count, and thins only what is old', () => {
    const source = new MemoryFrameSource(header, { maxFrames: 16, maxStories: 32 });
    for (let i = 1; i <= 500; i++) source.pushFrame(frameAt(i));
    expect(source.frames.length).to.be.at.most(16);
    const { outcomes, podsEnded, servedBy, traffic } = mergeFrames(source.frames);
    expect(outcomes).to.deep.equal({ OK: 1_000, OVERLOADED: 500 });
    expect(podsEnded).to.deep.equal({ written: 500, read: 1_000 });
    expect(servedBy).to.deep.equal({ local: 500, cluster: 500, federation: 0 });
    expect(traffic).to.deep.equal([[0, 1, 1_000, 500]]);
    expect(source.frames.slice(-4).map(({ timeUs }) => timeUs)).to.deep.equal([497, 498, 499, 500]);
  });

  it('refuses a frame that is not later, or of another federation', () => {
    const source = new MemoryFrameSource(header);
    source.pushFrame(frameAt(5));
    expect(() => source.pushFrame(frameAt(5))).to.throw(RangeError);
    expect(() => source.pushFrame({ ...frameAt(6), states: [] })).to.throw(RangeError);
  });

  it('tells a subscriber until it leaves', () => {
    const source = new MemoryFrameSource(header);
    const seen: number[] = [];
    const leave = source.subscribe(
      ({ timeUs }) => seen.push(timeUs),
      () => undefined,
    );
    source.pushFrame(frameAt(1));
    leave();
    source.pushFrame(frameAt(2));
    expect(seen).to.deep.equal([1]);
  });
});

function linesOf<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
