import type { Store } from './store.ts';
import { fetchStory } from './wire.ts';

/** Between two changes of the address while it plays, ms. */
const PAUSE_MS = 400;

/**
 * Keeps the moment and the story that are shown in the address, as in `#t=540&request=r3626`, so that a
 * colleague can be sent to what one has found; and goes there when the page is opened with one.
 */
export async function followBookmark(store: Store): Promise<void> {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const seconds = Number(wanted.get('t') ?? '');
  if (Number.isFinite(seconds) && seconds > 0) store.moveTo(seconds * 1_000_000);
  const id = wanted.get('request');
  // An address may name a request that another run had.
  if (id !== null) store.select(await fetchStory(id).catch(() => null));
  let timer: ReturnType<typeof setTimeout> | undefined;
  store.onChange((changed) => {
    if (!changed.has('position') && !changed.has('selection')) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      history.replaceState(null, '', hashOf(store));
    }, PAUSE_MS);
  });
}

function hashOf({ positionUs, selected }: Store): string {
  const parts = new URLSearchParams({ t: String(Math.round(positionUs / 100_000) / 10) });
  if (selected !== null) parts.set('request', selected.id);
  return `#${parts}`;
}
