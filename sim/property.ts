import fc from 'fast-check';
import { stormsOver, underStorm, type FaultKind, type Storm } from './nemesis.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { shrinkWhile } from './shrink.ts';
import { simulate, type Simulation } from './simulate.ts';

/** Runs to look for a smaller storm. */
const MOST_SHRINKING_RUNS = 400;

/** What a tester's own properties draw from; all shrink. */
export const arbitraries = {
  /** Seeds of runs. */
  seeds: (): fc.Arbitrary<number> => fc.nat(),
  /** Storms over a scenario, of the kinds of fault given or of all. */
  storms: (scenario: ResolvedScenario, kinds?: readonly FaultKind[]): fc.Arbitrary<Storm> =>
    stormsOver(scenario, kinds),
};

export interface CheckOptions {
  /** Runs to try. Default 100. */
  readonly runs?: number;
  /** Where chance begins; the same seed tries the same runs. Default 1. */
  readonly seed?: number;
  /** Kinds of fault to draw. Default: all. */
  readonly kinds?: readonly FaultKind[];
}

/**
 * Checks a property of a federation in any weather: runs the scenario under many seeds and storms, and if one does
 * not hold, looks for the smallest storm under which it does not.
 * @param property false, or an exception, where the run is wrong
 * @throws Error with the seed, the smallest storm as faults of a scenario, and what was wrong
 */
export function checkProperty(
  scenario: ResolvedScenario,
  property: (simulation: Simulation) => boolean | void,
  { runs = 100, seed = 1, kinds }: CheckOptions = {},
): void {
  const storms = arbitraries.storms(scenario, kinds);
  const check = (runSeed: number, storm: Storm): void => {
    const holds = property(simulate(underStorm({ ...scenario, seed: runSeed }, storm)));
    if (holds === false) throw new Error('the property is false');
  };
  const details = fc.check(fc.property(arbitraries.seeds(), storms, check), {
    numRuns: runs,
    seed,
    endOnFailure: true,
  });
  if (!details.failed) return;
  const [runSeed, found] = details.counterexample!;
  let cause = details.errorInstance;
  let left = MOST_SHRINKING_RUNS;
  const { storm, steps } = shrinkWhile(found, (smaller) => {
    if (left-- <= 0) return false;
    try {
      check(runSeed, smaller);
      return false;
    } catch (error) {
      cause = error;
      return true;
    }
  });
  const why = cause instanceof Error ? cause.message : String(cause);
  throw new Error(
    `${scenario.name} fails under seed ${runSeed}: ${why}\n` +
      `smallest storm (${steps} steps smaller), as faults and malice of the resolved scenario:\n` +
      [...storm.faults, ...storm.malice].map((harm) => `  ${JSON.stringify(harm)}`).join('\n'),
    { cause },
  );
}
