import { USAGE } from './usage.ts';
import { loadScenario } from '../sim/scenario/load.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { loadResolved } from '../sim/scenario/resolved-file.ts';
import { formatProblems, ScenarioError } from '../sim/scenario/scenario-error.ts';

export { USAGE };

/** Loads a scenario, as YAML or as a resolved one in JSON, or prints what is wrong with it and gives null. */
export function loadForCli(file: string): ResolvedScenario | null {
  const load = file.endsWith('.json') ? loadResolved : loadScenario;
  return tellProblems(file, () => load(file)) ?? null;
}

/** What `load` gives, or undefined if it found mistakes, which are printed then. */
export function tellProblems<T>(file: string, load: () => T): T | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ScenarioError)) throw error;
    const { problems } = error;
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    console.error(`${formatProblems(problems)}\n\n${count} in ${file}`);
    return undefined;
  }
}
