/** Reads test/spec/RULES.md: the rules, their tests, and the sabotages that those tests must notice. */

/** A place where a text starts: a file of the repository and a title in it, `…` standing for whatever is drawn. */
export interface NamedTest {
  readonly file: string;
  readonly title: string;
}

/** A small patch that breaks a rule. Lines are matched by content: where in the file they stand does not matter. */
export interface Sabotage {
  readonly file: string;
  /** The lines as they are, context and those to take out, and as they become. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Where the first changed line stands, counted from the first line of `after`. */
  readonly firstChanged: number;
  readonly changedLines: number;
  /** Its first line in RULES.md. */
  readonly line: number;
}

export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly isHeld: boolean;
  readonly statement: string;
  readonly tests: readonly NamedTest[];
  readonly sabotages: readonly Sabotage[];
  readonly line: number;
}

/** What is wrong with the page, with its line. */
export class RulesError extends Error {
  override readonly name = 'RulesError';

  constructor(line: number, message: string) {
    super(`test/spec/RULES.md:${line}: ${message}`);
  }
}

export const MAX_CHANGED_LINES = 10;
/** Where rules are kept: by every node, and by whoever carries a pod away, whom no node helps with it. */
const BREAKABLE = ['core/', 'live/portability/'];

const RULE_ID = /R\d+(?:\.\d+)?-\d+/;
const HEADING = new RegExp(`^### (${RULE_ID.source}) (.+)$`);
const TEST = /^- `([^`]+)`: (.+)$/;

/** A pattern that finds an id in a title, and not one of which it is only the beginning. */
export function patternOfId(id: string): string {
  return `\\b${id.replaceAll('.', '\\.')}(?!\\d)`;
}

export function idsIn(text: string): string[] {
  return text.match(new RegExp(`\\b${RULE_ID.source}`, 'g')) ?? [];
}

export function parseRules(page: string): Rule[] {
  const lines = page.split('\n');
  const starts = lines.flatMap((line, i) => (line.startsWith('### ') ? [i] : []));
  const rules = starts.map((start) => {
    let end = start + 1;
    while (end < lines.length && !/^#{2,3} /.test(lines[end])) end++;
    return parseRule(lines, start, end);
  });
  const lineOf = new Map<string, number>();
  for (const { id, line } of rules) {
    const first = lineOf.get(id);
    if (first !== undefined) throw new RulesError(line, `${id} has been stated in line ${first} already`);
    lineOf.set(id, line);
  }
  return rules;
}

function parseRule(lines: readonly string[], start: number, end: number): Rule {
  const heading = HEADING.exec(lines[start]);
  if (heading === null)
    throw new RulesError(start + 1, 'a rule starts with `### `, its id and its name, as `### R4-4 Trust`');
  const [, id, name] = heading;
  let isHeld: boolean | null = null;
  const prose: string[] = [];
  const tests: NamedTest[] = [];
  const sabotages: Sabotage[] = [];
  for (let i = start + 1; i < end; i++) {
    const line = lines[i];
    const test = TEST.exec(line);
    if (line.startsWith('Status:')) {
      isHeld = parseStatus(line, i + 1);
    } else if (test !== null) {
      const [, file, title] = test;
      if (!new RegExp(patternOfId(id)).test(title))
        throw new RulesError(i + 1, `the title of a test of ${id} must contain ${id}`);
      tests.push({ file, title });
    } else if (line === '```diff') {
      const close = lines.indexOf('```', i);
      if (close < 0 || close >= end) throw new RulesError(i + 1, 'a sabotage ends with a line of ```');
      sabotages.push(parseSabotage(lines.slice(i + 1, close), i + 2));
      i = close;
    } else if (isHeld === null) {
      prose.push(line);
    }
  }
  const statement = prose.join('\n').trim();
  const line = start + 1;
  if (statement === '') throw new RulesError(line, `${id} is not stated: say in full what must hold`);
  if (isHeld === null) throw new RulesError(line, `${id} needs a line of \`Status: held\` or \`waiting\``);
  if (isHeld && tests.length === 0)
    throw new RulesError(line, `${id} is held, so it names a test: - \`file\`: title`);
  if (isHeld && sabotages.length === 0)
    throw new RulesError(line, `${id} is held, so it has a sabotage: a block of \`\`\`diff`);
  if (!isHeld && sabotages.length > 0)
    throw new RulesError(line, `${id} is waiting: what does not hold cannot be broken`);
  return { id, name, isHeld, statement, tests, sabotages, line };
}

function parseStatus(line: string, at: number): boolean {
  const [, status] = /^Status: (\w+)/.exec(line) ?? [];
  if (status !== 'held' && status !== 'waiting')
    throw new RulesError(at, 'the status of a rule is `held` or `waiting`, and what of it waits');
  return status === 'held';
}

function parseSabotage(lines: readonly string[], line: number): Sabotage {
  const [, file] = /^--- (\S+)$/.exec(lines[0] ?? '') ?? [];
  if (file === undefined) throw new RulesError(line, 'a sabotage starts with `--- ` and the file to change');
  if (!BREAKABLE.some((folder) => file.startsWith(folder)))
    throw new RulesError(line, `a sabotage changes ${BREAKABLE.join(' or ')}, not ${file}`);
  const body = lines.slice(1).filter((text) => !/^(\+\+\+ |@@)/.test(text));
  const before: string[] = [];
  const after: string[] = [];
  let firstChanged = -1;
  let changedLines = 0;
  body.forEach((text, i) => {
    const sign = text === '' ? ' ' : text[0];
    if (sign !== ' ' && sign !== '+' && sign !== '-')
      throw new RulesError(line + 1 + i, 'a line of a sabotage starts with a space, `-` or `+`');
    if (sign !== ' ') {
      changedLines++;
      if (firstChanged < 0) firstChanged = after.length;
    }
    if (sign !== '+') before.push(text.slice(1));
    if (sign !== '-') after.push(text.slice(1));
  });
  if (changedLines === 0) throw new RulesError(line, 'a sabotage changes at least one line');
  if (changedLines > MAX_CHANGED_LINES)
    throw new RulesError(line, `a sabotage changes at most ${MAX_CHANGED_LINES} lines, not ${changedLines}`);
  if (before.length === 0) throw new RulesError(line, 'a sabotage needs a line by which to find its place');
  return { file, before, after, firstChanged, changedLines, line };
}
