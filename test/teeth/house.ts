import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { applySabotage, markPlace, PatchError } from './patch.ts';
import { idsIn, parseRules, type Rule } from './rules.ts';
import { titlesIn } from './titles.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function readHouse(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function readRules(): Rule[] {
  return parseRules(readHouse('test/spec/RULES.md'));
}

/** The files of tests, relative to the root. */
export function testFiles(folder = 'test'): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(path);
    return /\.(test|long)\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** Where the page and the sources do not agree, a line each. Nothing is run for it. */
export function findDisagreements(
  rules: readonly Rule[],
  files: readonly string[] = testFiles(),
  read: (path: string) => string = readHouse,
): string[] {
  const problems: string[] = [];
  const stated = new Set(rules.map(({ id }) => id));
  const titlesOf = new Map(files.map((file) => [file, titlesIn(read(file))]));
  for (const [file, titles] of titlesOf) {
    for (const title of titles) {
      for (const id of idsIn(title))
        if (!stated.has(id)) problems.push(`${file}: “${title}” names ${id}, which RULES.md does not state`);
    }
  }
  for (const rule of rules) {
    for (const { file, title } of rule.tests) {
      const titles = titlesOf.get(file);
      if (titles === undefined) problems.push(`${rule.id}: there is no ${file}`);
      else if (!titles.includes(title)) problems.push(`${rule.id}: ${file} has no test “${title}”`);
    }
    for (const sabotage of rule.sabotages) {
      try {
        markPlace(applySabotage(read(sabotage.file), sabotage));
      } catch (error) {
        if (!(error instanceof PatchError)) throw error;
        problems.push(`${rule.id}: the sabotage in line ${sabotage.line}: ${error.message}`);
      }
    }
  }
  return problems;
}
