import { readdirSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { withSwarm } from '../nemesis.ts';
import { Problems } from './problems.ts';
import { checkLibrary, resolveSections } from './resolve.ts';
import type { ResolvedScenario } from './resolved.ts';
import { didYouMean, ScenarioError } from './scenario-error.ts';
import { LIBRARY_SECTIONS, MAX_INCLUDED } from './schema.ts';
import { SectionReader } from './sections.ts';
import { parseSource, Place, problemOfFile, readText, type Source } from './source.ts';
import { nearestSpelling } from './spelling.ts';

export interface LoadOptions {
  /** Instead of the seed that the scenario names. */
  readonly seed?: number;
}

/**
 * Reads a scenario and the files that it includes, and resolves it: its swarm comes to the faults that its seed draws.
 * Throws ScenarioError with all that is wrong, in the order of the files and their lines.
 */
export function loadScenario(path: string, options: LoadOptions = {}): ResolvedScenario {
  const read = readText(path);
  if ('problem' in read) throw new ScenarioError([read.problem]);
  return loadScenarioText(read.text, path, options);
}

/** The same for a text. `path` is what the text is called in errors, and where included files are relative to. */
export function loadScenarioText(text: string, path: string, { seed }: LoadOptions = {}): ResolvedScenario {
  const parsed = parseSource(path, text);
  const { source } = parsed;
  if (source === undefined) throw new ScenarioError(parsed.problems);
  if (isLibrary(source)) {
    const expected = 'a scenario, which begins with "scenario:" and its name';
    throw new ScenarioError([problemOfFile(path, 'this is a file for scenarios to include', expected)]);
  }
  const problems = new Problems();
  const included = readIncluded(source, problems);
  for (const problem of parsed.problems) problems.push(problem);
  problems.areNamesKnown = problems.list.length === 0;
  const resolved = resolveSections(new SectionReader(source, included, problems), included, problems);
  if (problems.list.length > 0) throw new ScenarioError(inOrder(problems, [...included, source]));
  const seeded = seed === undefined ? resolved! : { ...resolved!, seed };
  return seeded.swarm === undefined ? seeded : withSwarm(seeded);
}

/**
 * Checks a file that is a scenario, or one for scenarios to include; the latter gives null.
 * Throws ScenarioError with all that is wrong.
 */
export function loadScenarioOrLibrary(path: string): ResolvedScenario | null {
  const read = readText(path);
  if ('problem' in read) throw new ScenarioError([read.problem]);
  const { source, problems: duplicates } = parseSource(path, read.text);
  if (source === undefined || !isLibrary(source)) return loadScenarioText(read.text, path);
  const problems = new Problems();
  for (const problem of duplicates) problems.push(problem);
  checkLibrary(source, problems);
  if (problems.list.length > 0) throw new ScenarioError(inOrder(problems, [source]));
  return null;
}

function isLibrary({ data }: Source): boolean {
  const keys = Object.keys(data).filter((key) => !key.startsWith('x-'));
  return keys.length > 0 && keys.every((key) => (LIBRARY_SECTIONS as readonly string[]).includes(key));
}

function inOrder({ list }: Problems, sources: readonly Source[]): Problems['list'] {
  const files = sources.map(({ file }) => file);
  return [...list].sort(
    (left, right) =>
      files.indexOf(left.file) - files.indexOf(right.file) ||
      left.line - right.line ||
      left.column - right.column,
  );
}

/** The files under `include`; one that cannot be read is a problem. */
function readIncluded(main: Source, problems: Problems): Source[] {
  const files = main.data['include'];
  if (!Array.isArray(files)) return [];
  const sources: Source[] = [];
  files.slice(0, MAX_INCLUDED).forEach((name: unknown, i) => {
    if (typeof name !== 'string') return;
    const place = new Place(main, ['include', i]);
    const path = isAbsolute(name) ? name : join(dirname(main.file), name);
    if (files.indexOf(name) < i) {
      problems.add(place, `${name} is included a second time`, 'each file once');
      return;
    }
    if (resolve(path) === resolve(main.file)) {
      problems.add(place, 'this file includes itself', 'another file');
      return;
    }
    const read = readText(path);
    if ('problem' in read) {
      const hint = didYouMean(nearestSpelling(name, neighboursOf(path)));
      problems.add(place, `${name}: ${read.problem.found}`, 'a file to include, YAML', hint);
      return;
    }
    const parsed = parseSource(path, read.text);
    if (parsed.source !== undefined) sources.push(parsed.source);
    for (const problem of parsed.problems) problems.push(problem);
  });
  return sources;
}

function neighboursOf(path: string): string[] {
  try {
    return readdirSync(dirname(path)).filter((name) => /\.ya?ml$/.test(name));
  } catch {
    return [];
  }
}
