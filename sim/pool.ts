import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { SeedResult } from './fuzz.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';

/** Seeds in hand for each worker, so that none waits for its next. */
const AHEAD = 4;

/**
 * Runs the seeds of a range on worker threads, in order of beginning. Stops early, with what is begun brought to its
 * end, when `shouldStop` says so; then a prefix of the range has been run, and that is what is returned.
 * @returns how many seeds of the range were run
 */
export async function runSeeds(
  scenario: ResolvedScenario,
  seeds: { readonly from: number; readonly to: number },
  jobs: number,
  onResult: (result: SeedResult) => void,
  shouldStop: () => boolean,
): Promise<number> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const pool = new Piscina({
    filename: fileURLToPath(new URL(`./pool-worker.${extension}`, import.meta.url)),
    minThreads: jobs,
    maxThreads: jobs,
  });
  let next = seeds.from;
  const work = async (): Promise<void> => {
    while (next <= seeds.to && !shouldStop()) {
      const seed = next++;
      onResult((await pool.run({ scenario, seed })) as SeedResult);
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs * AHEAD }, work));
  } finally {
    await pool.destroy();
  }
  return next - seeds.from;
}
