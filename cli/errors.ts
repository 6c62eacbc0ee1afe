import { USAGE } from './usage.ts';
import { loadScenario } from '../sim/scenario/load.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { loadResolved } from '../sim/scenario/resolved-file.ts';
import { formatProblems, ScenarioError } from '../sim/scenario/scenario-error.ts';

export { USAGE };

/**
 * Loads a scenario, as YAML or as a resolved one in JSON, or prints what is wrong with it and gives null. A swarm is drawn by
 * `seed`, if one is given; harm that is resolved stays what it is.
 */
export function loadForCli(file: string, seed?: number): ResolvedScenario | null {
  const options = seed === undefined ? {} : { seed };
  const load = (): ResolvedScenario =>
    file.endsWith('.json') ? { ...loadResolved(file), ...options } : loadScenario(file, options);
  return tellProblems(file, load) ?? null;
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
