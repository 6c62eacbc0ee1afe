import fc from 'fast-check';
import { runUnder, type SeedResult } from './fuzz.ts';
import { drawKinds, seedOf, stormsOver } from './nemesis.ts';
import type { ResolvedFault, ResolvedScenario } from './scenario/resolved.ts';

/** The smallest storm found under which a scenario fails in the same way. */
export interface Shrunk {
  readonly faults: readonly ResolvedFault[];
  readonly result: SeedResult;
  /** Runs that it took. */
  readonly runs: number;
}

/**
 * Makes the storm of a failing seed smaller: fewer faults, shorter, touching less, as long as the run still fails in the
 * same way. Null if the seed does not fail, which then was no finding.
 * @param mostRuns stop looking after so many runs; the smallest found until then is returned
 */
export function shrinkStorm(scenario: ResolvedScenario, seed: number, mostRuns = 400): Shrunk | null {
  const seeded = { ...scenario, seed };
  let smallest: Shrunk | null = null;
  let runs = 0;
  const failsAlike = (faults: readonly ResolvedFault[]): boolean => {
    if (runs >= mostRuns) return false;
    runs++;
    const result = runUnder(seeded, faults);
    if (result.failure === null) return false;
    if (smallest !== null && result.failure !== smallest.result.failure) return false;
    smallest = { faults, result, runs };
    return true;
  };
  // The one run draws what drawStorm draws; all that follow are its smaller neighbours.
  fc.check(
    fc.property(stormsOver(scenario, drawKinds(seed)), (faults) => !failsAlike(faults)),
    { seed: seedOf(seed), numRuns: 1 },
  );
  return smallest === null ? null : { ...(smallest as Shrunk), runs };
}
