/** Waits for what a node was told to do with a model, and says meanwhile what it waits for. */
import { CallFailed } from '../live/caller.ts';
import type { ListedModel, ListedVersion } from '../live/models-http.ts';

/** What an order waits for. */
export interface Wait {
  readonly what: string;
  /** Changes while something comes of it. */
  readonly progress: string;
}

export interface Patience {
  readonly lookMs: number;
  /** Nothing has changed for so long: it is not waited for any longer. */
  readonly stallMs: number;
}

/** Trials last 30 s, and those who wait for chunks look for others who have them every few seconds. */
export const PATIENCE: Patience = { lookMs: 2_000, stallMs: 60_000 };

const STILL = Symbol('still waiting');

/** What was asked for; rejects with what it waited for if nothing has changed for too long. `tell` is told what it waits for, once each. */
export async function awaitOrder<T>(
  asked: Promise<T>,
  look: () => Promise<Wait>,
  tell: (what: string) => void,
  { lookMs, stallMs }: Patience = PATIENCE,
): Promise<T> {
  let last: Wait = { what: '', progress: '' };
  let sinceMs = performance.now();
  for (;;) {
    const pause = new Promise<typeof STILL>((resolve) => setTimeout(() => resolve(STILL), lookMs));
    const come = await Promise.race([asked, pause]);
    if (come !== STILL) return come;
    const wait = await look();
    if (wait.what !== last.what) tell(wait.what);
    if (wait.what !== last.what || wait.progress !== last.progress) sinceMs = performance.now();
    else if (performance.now() - sinceMs >= stallMs)
      throw new CallFailed(
        `nothing has changed for ${Math.round(stallMs / 1_000)} s, and the node goes on trying: ${wait.what}`,
      );
    last = wait;
  }
}

/**
 * The version that a node is to have next: what its publisher points at, or, where nothing runs and nobody has tried that yet, what it
 * pointed at before.
 */
export function awaitedOf({ stable, versions, runs }: ListedModel): ListedVersion | null {
  const target = versions.find(({ id }) => id === stable?.id) ?? null;
  const before = versions.find(({ id }) => id === stable?.previous);
  const isToBeginBefore = runs === null && target?.verdict !== 'good' && before?.withdrawnFrom === null;
  return isToBeginBefore ? before : target;
}

/** What a node waits for that is to have a model. `holders`: how many others have all of the version that is awaited; null: not known. */
export function describeWait(model: ListedModel | undefined, holders: number | null): Wait {
  const target = model === undefined ? null : awaitedOf(model);
  if (model === undefined || target === null)
    return { what: 'the node does not know what to run', progress: '' };
  const { version, held, chunks } = target;
  const isRunning = model.runs?.id === target.id;
  const progress = `${held} of ${chunks}`;
  if (isRunning && model.runs!.isTrial)
    return model.runs!.isLoaded
      ? { what: `version ${version} is on trial, which takes half a minute`, progress }
      : { what: `version ${version} is to be tried, and is not loaded yet`, progress };
  if (held === chunks) return { what: `version ${version} is there, and waits for its turn`, progress };
  const where = holders === 0 ? ', and no other node that answers has all of it' : '';
  if (target.id === model.stable?.id)
    return { what: `version ${version} is being fetched${where}`, progress };
  const newest = model.versions.find(({ id }) => id === model.stable?.id)?.version;
  const out = holders === 0 ? `; to begin with ${newest}, withdraw ${version} by revoke` : '';
  return {
    what: `nobody has tried version ${newest}, so the node begins with version ${version}; that is being fetched${where}${out}`,
    progress,
  };
}
