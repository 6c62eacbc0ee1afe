import type { z } from 'zod';
import { didYouMean, type Problem } from './scenario-error.ts';
import type { Path, Place } from './source.ts';
import { nearestSpelling } from './spelling.ts';
import { BANDWIDTH, DURATION, RATE, SHARE, SIZE, suggestQuantity } from './units.ts';

const QUANTITIES = [DURATION, SHARE, SIZE, BANDWIDTH, RATE];

type Issue = z.core.$ZodIssue;

/** The problems of a scenario, as they are found. What is told twice of one place is kept once. */
export class Problems {
  readonly list: Problem[] = [];
  /** False where an included file could not be read: what is unknown may stand there. */
  areNamesKnown = true;
  private readonly seen = new Set<string>();

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

  /** A name that stands for nothing. */
  addUnknown(place: Place, what: string, name: string, known: Iterable<string>): void {
    if (!this.areNamesKnown) return;
    const names = [...known];
    const nearest = nearestSpelling(name, names);
    const few = names.length > 0 && names.length <= 12 ? `one of ${names.join(', ')}` : '';
    this.add(place, `there is no ${what} "${name}"`, few, didYouMean(nearest));
  }

  /** What a schema says of a value: `place` is where the value stands, `value` the value. */
  addIssue(place: Place, value: unknown, issue: Issue): void {
    if (issue.code === 'invalid_union') {
      const meant = issue.errors.filter((branch) => !branch.some(isOfRoot));
      if (meant.length === 1) {
        const inner = place.at(...(issue.path as Path));
        for (const one of meant[0]) this.addIssue(inner, valueAt(value, issue.path as Path), one);
        return;
      }
    }
    const path = issue.path as Path;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const hint = didYouMean(nearestSpelling(key, wordsOf(issue.message)));
        this.addOfKey(place.at(...path, key), `unknown key "${key}"`, issue.message, hint);
      }
      return;
    }
    const found = valueAt(value, path);
    const key = path.length > 0 ? path[path.length - 1] : place.path[place.path.length - 1];
    const label = typeof key === 'string' ? `${key} is ` : '';
    if (found === undefined) this.addOfKey(place.at(...path), `${String(key)} is missing`, issue.message);
    else this.add(place.at(...path), label + describe(found), issue.message, suggest(issue.message, found));
  }
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
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 59)}…` : value);
}

function suggest(expected: string, found: unknown): string {
  if (typeof found !== 'string' && typeof found !== 'number') return '';
  const quantity = QUANTITIES.find((one) => one.expected === expected);
  if (quantity !== undefined) return didYouMean(...suggestQuantity(quantity, String(found)));
  if (typeof found === 'number' || !/^one of |"/.test(expected)) return '';
  return didYouMean(nearestSpelling(found, wordsOf(expected)));
}
