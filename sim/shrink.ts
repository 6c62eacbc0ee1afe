import { runUnder, type SeedResult } from './fuzz.ts';
import { drawStorm, type Storm } from './nemesis.ts';
import { smallerStorms } from './nemesis/smaller.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';

/** The smallest storm found under which a scenario fails in the same way. */
export interface Shrunk {
  readonly storm: Storm;
  readonly result: SeedResult;
  /** Runs that it took. */
  readonly runs: number;
}

/**
 * Makes the storm of a failing seed smaller: fewer faults and traitors, shorter, touching less, as long as the run still fails
 * in the same way. Null if the seed does not fail, which then was no finding.
 * @param mostRuns stop looking after so many runs; the smallest found until then is returned
 */
export function shrinkStorm(scenario: ResolvedScenario, seed: number, mostRuns = 400): Shrunk | null {
  const seeded = { ...scenario, seed };
  const first = drawStorm(scenario, seed);
  const found = runUnder(seeded, first);
  if (found.failure === null) return null;
  let smallest: Shrunk = { storm: first, result: found, runs: 1 };
  let runs = 1;
  const { storm } = shrinkWhile(first, (smaller) => {
    if (runs >= mostRuns) return false;
    const result = runUnder(seeded, smaller);
    runs++;
    if (result.failure !== found.failure) return false;
    smallest = { storm: smaller, result, runs };
    return true;
  });
  return { ...smallest, storm, runs };
}

/** The smallest storm to be found step by step that fails alike, and how many steps it took. */
export function shrinkWhile(
  first: Storm,
  failsAlike: (storm: Storm) => boolean,
): { readonly storm: Storm; readonly steps: number } {
  const tried = new Set<string>();
  const isNewAndFails = (smaller: Storm): boolean => {
    const text = JSON.stringify(smaller);
    if (tried.has(text)) return false;
    tried.add(text);
    return failsAlike(smaller);
  };
  let storm = first;
  for (let steps = 0; ; steps++) {
    const smaller = firstOf(smallerStorms(storm), isNewAndFails);
    if (smaller === null) return { storm, steps };
    storm = smaller;
  }
}

function firstOf<T>(items: Iterable<T>, isMeant: (item: T) => boolean): T | null {
  for (const item of items) if (isMeant(item)) return item;
  return null;
}
