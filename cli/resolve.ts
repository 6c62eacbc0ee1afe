import { canonicalJson } from '../sim/scenario/hash.ts';
import { wrapResolved } from '../sim/scenario/resolved-file.ts';
import { loadForCli, USAGE } from './errors.ts';

/** `watershed resolve`: prints what a scenario comes to as JSON with sorted keys, and its hash. */
export function resolveFile(file: string): Promise<number> {
  const scenario = loadForCli(file);
  if (scenario === null) return Promise.resolve(USAGE);
  const { hash } = wrapResolved(scenario);
  const sorted: unknown = JSON.parse(canonicalJson(scenario));
  console.log(JSON.stringify({ hash, scenario: sorted }, null, 2));
  return Promise.resolve(0);
}
