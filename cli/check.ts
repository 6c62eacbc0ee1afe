import { EXIT_CODES } from '../sim/checker.ts';
import { compareRuns } from '../sim/compare.ts';
import { loadForCli, USAGE } from './errors.ts';
import { say } from './lines.ts';

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
    say(`equal: two runs of ${scenario.name}, seed ${scenario.seed}, ${finding.events} events each`);
    say(`digest ${finding.digests[0]}`);
  } else {
    say(`not equal: two runs of ${scenario.name}, seed ${scenario.seed}`);
    say(`digests ${finding.digests.join(' and ')}`);
    say(`they part at ${finding.parting}`);
  }
  return finding.isEqual ? 0 : EXIT_CODES.nondeterministic;
}
