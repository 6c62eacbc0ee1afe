import type { z } from 'zod';
import { oneOf } from './fields.ts';
import { didYouMean, type Problem } from './scenario-error.ts';
import type { Path, Place } from './source.ts';
import { nearestSpelling } from './spelling.ts';
import { BANDWIDTH, DURATION, RATE, SHARE, SIZE, suggestQuantity } from './units.ts';

const QUANTITIES = [DURATION, SHARE, SIZE, BANDWIDTH, RATE];

type Issue = z.core.$ZodIssue;

/** The problems of a scenario, as they are found. What is told twice of one place is kept once. */
export class Problems {
  readonly list: Problem[] = [];
  /** False where an included file could not be read, or a name stands twice: what is unknown may have been there. */
  areNamesKnown = true;
  private readonly seen = new Set<string>();
  /** Keys that stand there under another spelling. */
  private readonly misspelt = new Set<string>();

  push(problem: Problem): void {
    const key = JSON.stringify([problem.file, problem.line, problem.column, problem.found]);
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.list.push(problem);
  }

  add(place: Place, found: string, expected: string, hint = ''): void {
    this.push({ ...place.locate(), found, expected, hint });
  }

  /** The same, of a key rather than of what it holds. */
  addOfKey(place: Place, found: string, expected: string, hint = ''): void {
    this.push({ ...place.locate(true), found, expected, hint });
  }

  /** A name that stands for nothing; `isKey`: it is a key. */
  addUnknown(place: Place, what: string, name: string, known: Iterable<string>, isKey = false): void {
    if (!this.areNamesKnown) return;
    const names = [...known];
    const hint = didYouMean(nearestSpelling(name, names));
    this.push({
      ...place.locate(isKey),
      found: `there is no ${what} "${name}"`,
      expected: listed(names, hint),
      hint,
    });
  }

  /** What a schema says of a value: `place` is where the value stands. */
  addIssues(place: Place, value: unknown, issues: readonly Issue[]): void {
    // A misspelt key is one mistake: the right one is not missing besides.
    for (const issue of issues) if (issue.code === 'unrecognized_keys') this.addUnknownKeys(place, issue);
    for (const issue of issues) if (issue.code !== 'unrecognized_keys') this.addIssue(place, value, issue);
  }

  private addIssue(place: Place, value: unknown, issue: Issue): void {
    const path = issue.path as Path;
    const found = valueAt(value, path);
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.filter((branch) => !branch.some(isOfRoot));
      if (meant.length === 1) {
        this.addIssues(place.at(...path), found, meant[0]);
        return;
      }
    }
    const at = place.at(...path);
    if (found !== undefined)
      this.add(at, labelOf(at) + describe(found), issue.message, suggest(issue.message, found));
    else if (!this.misspelt.has(keyOf(at)))
      this.addOfKey(at, `${String(at.path.at(-1))} is missing`, issue.message);
  }

  private addUnknownKeys(place: Place, issue: Issue & { readonly code: 'unrecognized_keys' }): void {
    const known = wordsOf(issue.message);
    for (const key of issue.keys) {
      const at = place.at(...(issue.path as Path), key);
      const meant = nearestSpelling(key, known);
      if (meant !== null) this.misspelt.add(keyOf(place.at(...(issue.path as Path), meant)));
      const hint = didYouMean(meant);
      this.addOfKey(at, `unknown key "${key}"`, listed(known, hint), hint);
    }
  }
}

/** All names that would be right if they are few, or if none of them is near. */
function listed(names: readonly string[], hint: string): string {
  return names.length === 0 || (names.length > 8 && hint !== '') || names.length > 32 ? '' : oneOf(names);
}

function keyOf({ source, path }: Place): string {
  return JSON.stringify([source.file, path]);
}

/** `region is `, or `models has ` for an entry of a list. */
function labelOf({ path }: Place): string {
  const key = path.at(-1);
  if (typeof key === 'string') return `${key} is `;
  const list = path.at(-2);
  return typeof list === 'string' ? `${list} has ` : '';
}

function isOfRoot(issue: Issue): boolean {
  return issue.path.length === 0 && issue.code !== 'unrecognized_keys';
}

function valueAt(value: unknown, path: Path): unknown {
  let found = value;
  for (const step of path) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string | number, unknown>)[step];
  }
  return found;
}

function wordsOf(message: string): string[] {
  return message.startsWith('one of ') ? message.slice(7).split(/, |\s/) : message.split(/[\s,"]+/);
}

/** A value that was found, in few words. */
export function describe(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
}

function suggest(expected: string, found: unknown): string {
  if (typeof found !== 'string' && typeof found !== 'number') return '';
  const quantity = QUANTITIES.find((one) => one.expected === expected);
  if (quantity !== undefined)
    return didYouMean(...suggestQuantity(quantity, String(found)).filter((word) => word !== found));
  if (typeof found === 'number' || !/^one of |"/.test(expected)) return '';
  return didYouMean(nearestSpelling(found, wordsOf(expected)));
}
