import { readFileSync } from 'node:fs';
import { hashScenario } from './hash.ts';
import type { ResolvedScenario } from './resolved.ts';
import { ScenarioError, type Problem } from './scenario-error.ts';

/** What `watershed resolve` prints, and what findings and the scenarios of runs are kept as: a resolved scenario, and the hash that it must have. */
export interface ResolvedFile {
  readonly hash: string;
  readonly scenario: ResolvedScenario;
}

export function wrapResolved(scenario: ResolvedScenario): ResolvedFile {
  return { hash: `sha256:${hashScenario(scenario)}`, scenario };
}

/**
 * Reads a resolved scenario back. It is not checked field by field: the hash says that it is what was written.
 * Throws ScenarioError if the file cannot be read, is no resolved scenario, or was changed since.
 */
export function loadResolved(path: string): ResolvedScenario {
  let file: Partial<ResolvedFile>;
  try {
    file = JSON.parse(readFileSync(path, 'utf8')) as Partial<ResolvedFile>;
  } catch (error) {
    throw new ScenarioError([problemOf(path, (error as Error).message)]);
  }
  if (typeof file?.scenario !== 'object' || file.scenario?.format !== 1)
    throw new ScenarioError([problemOf(path, 'no resolved scenario of format 1 is in it')]);
  if (file.hash !== `sha256:${hashScenario(file.scenario)}`) {
    const changed =
      'it was changed since it was written: its hash is another. Edit the YAML that it came from';
    throw new ScenarioError([problemOf(path, changed)]);
  }
  return file.scenario;
}

function problemOf(file: string, found: string): Problem {
  const expected = 'a file that `watershed resolve`, `run` or `shrink` wrote';
  return { file, line: 0, column: 0, found, expected, hint: '', excerpt: '', length: 0 };
}
