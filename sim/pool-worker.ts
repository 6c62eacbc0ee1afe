import { runSeed, type SeedResult } from './fuzz.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';

/** One seed of one scenario, in a worker thread. */
export default function work({ scenario, seed }: { scenario: ResolvedScenario; seed: number }): SeedResult {
  return runSeed(scenario, seed);
}
