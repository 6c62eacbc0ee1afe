/** One mistake in a scenario: where it is, what was found there, and what would be right. */
export interface Problem {
  readonly file: string;
  /** From 1; 0 where the mistake is the file itself. */
  readonly line: number;
  readonly column: number;
  readonly found: string;
  readonly expected: string;
  /** What was perhaps meant, as a sentence; empty if nothing comes to mind. */
  readonly hint: string;
  /** The line, and how many characters of it are meant. */
  readonly excerpt: string;
  readonly length: number;
}

/** How many problems are told. */
export const MAX_TOLD = 20;

/** A scenario that cannot be run. The message tells all its problems. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(formatProblems(problems));
    this.problems = problems;
  }
}

/** `file:line:column: what is wrong`, with the line, a caret under the place, and the nearest right spelling. */
export function formatProblems(problems: readonly Problem[]): string {
  const told = problems.slice(0, MAX_TOLD).map(formatProblem);
  const rest = problems.length - told.length;
  if (rest > 0) told.push(`and ${rest} more`);
  return told.join('\n\n');
}

function formatProblem(problem: Problem): string {
  const { file, line, column, found, expected, hint } = problem;
  const what = expected === '' ? found : `${found}; expected ${expected}`;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const lines = [`${place}: ${what}`];
  if (line > 0 && problem.excerpt.trim() !== '') lines.push(...excerptOf(problem));
  if (hint !== '') lines.push(`  ${hint}`);
  return lines.join('\n');
}

const EXCERPT_WIDTH = 80;
const LEAD = 32;

/** The line, cut around the place if it is long, and a caret below. */
function excerptOf({ line, column, excerpt, length }: Problem): string[] {
  const start = excerpt.length <= EXCERPT_WIDTH ? 0 : Math.max(0, column - 1 - LEAD);
  const shown = excerpt.slice(start, start + EXCERPT_WIDTH).replace(/\p{Cc}/gu, ' ');
  const before = start > 0 ? '…' : '';
  const after = start + EXCERPT_WIDTH < excerpt.length ? '…' : '';
  const margin = `  ${String(line)} | `;
  const indent = ' '.repeat(margin.length - 2) + '| ' + ' '.repeat(before.length + column - 1 - start);
  const carets = '^'.repeat(Math.max(1, Math.min(length, EXCERPT_WIDTH - (column - 1 - start))));
  return [`${margin}${before}${shown}${after}`, `${indent}${carets}`];
}

/** `did you mean "eu"?`, `did you mean "250ms" or "250s"?`, or nothing. */
export function didYouMean(...words: readonly (string | null)[]): string {
  const named = words.filter((word) => word !== null).map((word) => `"${word}"`);
  if (named.length === 0) return '';
  const last = named.pop()!;
  return `did you mean ${named.length === 0 ? last : `${named.join(', ')} or ${last}`}?`;
}
