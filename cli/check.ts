import { EXIT_CODES } from '../sim/checker.ts';
import { compareRuns } from '../sim/compare.ts';
import { loadForCli, USAGE } from './errors.ts';

/** `watershed check`: exit 0 if two runs are equal, 5 if not. */
export async function checkScenario(
  file: string,
  options: { seed?: number; json?: boolean },
): Promise<number> {
  const scenario = loadForCli(file, options.seed);
  if (scenario === null) return USAGE;
  const finding = compareRuns(scenario);
  if (options.json === true) console.log(JSON.stringify(finding));
  else if (finding.isEqual) {
    console.log(`equal: two runs of ${scenario.name}, seed ${scenario.seed}, ${finding.events} events each`);
    console.log(`digest ${finding.digests[0]}`);
  } else {
    console.log(`not equal: two runs of ${scenario.name}, seed ${scenario.seed}`);
    console.log(`digests ${finding.digests.join(' and ')}`);
    console.log(`they part at ${finding.parting}`);
  }
  return finding.isEqual ? 0 : EXIT_CODES.nondeterministic;
}
