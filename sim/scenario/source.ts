import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Alias,
  type Document,
  type ErrorCode,
} from 'yaml';
import type { Problem } from './scenario-error.ts';

/** A scenario is a page or two; what is larger is something else. */
export const MAX_FILE_BYTES = 1 << 20;

export type Path = readonly (string | number)[];

/** A YAML file that was read, and where in it things stand. */
export interface Source {
  readonly file: string;
  readonly text: string;
  readonly document: Document;
  readonly lines: LineCounter;
  /** The file as plain values. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Something in a file, by its path from the top: `['clusters', 'france', 'region']`. */
export class Place {
  readonly source: Source;
  readonly path: Path;

  constructor(source: Source, path: Path) {
    this.source = source;
    this.path = path;
  }

  at(...steps: Path): Place {
    return new Place(this.source, [...this.path, ...steps]);
  }

  /** Where this key is, or the key that leads here if `onKey`, or what is nearest if there is no such thing. */
  locate(onKey = false): Pick<Problem, 'file' | 'line' | 'column' | 'excerpt' | 'length'> {
    const [start, end] = findRange(this.source, this.path, onKey);
    return locateOffset(this.source, start, end);
  }

  /** `file:line`, for a reference from another place. */
  toString(): string {
    const { file, line } = this.locate(true);
    return `${file}:${line}`;
  }
}

function locateOffset(
  { file, text, lines }: Pick<Source, 'file' | 'text' | 'lines'>,
  start: number,
  end: number,
): Pick<Problem, 'file' | 'line' | 'column' | 'excerpt' | 'length'> {
  const { line, col } = lines.linePos(start);
  const lineStart = start - (col - 1);
  const lineEnd = text.indexOf('\n', lineStart);
  const excerpt = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd).trimEnd();
  const length = Math.max(1, Math.min(end, lineStart + excerpt.length) - start);
  return { file, line, column: col, excerpt, length };
}

function findRange(source: Source, path: Path, onKey: boolean): [number, number] {
  let node = followAlias(source, source.document.contents);
  let range = rangeOf(node) ?? [0, 0];
  for (const [i, step] of path.entries()) {
    let key: unknown = null;
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(step));
      if (pair === undefined) break;
      [key, next] = [pair.key, pair.value];
    } else if (isSeq(node)) next = node.items[step as number];
    else break;
    const isLast = i === path.length - 1;
    const target = isLast && !onKey ? (rangeOf(next) ?? rangeOf(key)) : (rangeOf(key) ?? rangeOf(next));
    // What is written nowhere, as the nothing after a colon, is shown by its key.
    const isEmpty = target !== null && target[0] === target[1];
    range = (isEmpty ? rangeOf(key) : target) ?? range;
    node = followAlias(source, next);
  }
  return range;
}

function followAlias({ document }: Source, node: unknown): unknown {
  return isAlias(node) ? node.resolve(document) : node;
}

function rangeOf(node: unknown): [number, number] | null {
  if (!isNode(node) || !node.range) return null;
  return [node.range[0], node.range[1]];
}

/** The text of a file, or what is wrong with it. */
export function readText(path: string): { text: string } | { problem: Problem } {
  const wrong = (found: string, expected: string): { problem: Problem } => ({
    problem: problemOfFile(path, found, expected),
  });
  let file: number;
  try {
    // Without waiting: a pipe that nobody writes to would hold up everything.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return wrong('there is no such file', 'a scenario, YAML');
    if (code === 'EACCES') return wrong('this file may not be read', 'a scenario, YAML');
    return wrong(`this file cannot be opened (${code})`, 'a scenario, YAML');
  }
  try {
    const stat = fstatSync(file);
    if (stat.isDirectory()) return wrong('this is a directory', 'a scenario, YAML');
    if (!stat.isFile()) return wrong('this is not a file', 'a scenario, YAML');
    if (stat.size > MAX_FILE_BYTES) return wrong(`this file has ${stat.size} bytes`, 'at most 1 MiB');
    return decodeText(path, readFileSync(file));
  } finally {
    closeSync(file);
  }
}

function decodeText(path: string, bytes: Uint8Array): { text: string } | { problem: Problem } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return { text };
  } catch {
    // Told below: it is the same to whoever named a wrong file.
  }
  return { problem: problemOfFile(path, 'this is a binary file', 'a scenario, YAML in UTF-8') };
}

export function problemOfFile(file: string, found: string, expected: string, hint = ''): Problem {
  return { file, line: 0, column: 0, found, expected, hint, excerpt: '', length: 0 };
}

/**
 * Reads YAML that is to be a map of sections. Without a source: it is no such thing, for the reasons given. With
 * one: some names are there twice, if there are problems.
 */
export function parseSource(file: string, text: string): { source?: Source; problems: Problem[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
  const at = { file, text, lines };
  const wrong = (node: unknown, found: string, expected: string): { problems: Problem[] } => ({
    problems: [{ ...locateOffset(at, ...(rangeOf(node) ?? [0, 1])), found, expected, hint: '' }],
  });
  const duplicates = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
  // Past the first mistake of syntax the parser mostly stumbles over its consequences.
  const syntax = document.errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  if (syntax !== undefined) return { problems: [problemOfSyntax(at, syntax)] };
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    const hint = 'scenarios/README.md tells what a scenario is made of';
    return { problems: [problemOfFile(file, 'this file is empty', 'a scenario', hint)] };
  }
  const expected = 'a map of sections, as "scenario: quickstart"';
  if (isSeq(contents)) return wrong(contents, 'this file is a list', expected);
  if (!isMap(contents)) return wrong(contents, 'this file is a single text', expected);
  const dangling = findDanglingAlias(document);
  if (dangling !== null)
    return wrong(dangling, `the anchor of *${dangling.source} is missing`, `&${dangling.source} further up`);
  try {
    const data = document.toJS({ maxAliasCount: 1_000 }) as Record<string, unknown>;
    return {
      source: { file, text, document, lines, data },
      problems: duplicates.map((error) => problemOfSyntax(at, error)),
    };
  } catch {
    return wrong(contents, 'these aliases unfold to more than can be read', 'at most 1,000 of them');
  }
}

function findDanglingAlias(document: Document): Alias | null {
  let found: Alias | null = null;
  visit(document, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** What the parser says, in words for those who do not know its own. */
const SYNTAX: Partial<Record<ErrorCode, [found: string, expected: string]>> = {
  DUPLICATE_KEY: ['this name stands here a second time', 'each name once'],
  TAB_AS_INDENT: ['a tab', 'spaces: YAML does not indent by tabs'],
  MULTIPLE_DOCS: ['a second document begins here', 'one scenario a file'],
  BLOCK_AS_IMPLICIT_KEY: [
    'not YAML: a colon within a line, or a wrong indent',
    'quotes around a text with ": " in it',
  ],
  BAD_INDENT: ['not YAML: a wrong indent', 'the same indent for all keys of a map'],
};

function problemOfSyntax(
  at: Pick<Source, 'file' | 'text' | 'lines'>,
  error: Document['errors'][number],
): Problem {
  const [start, end] = error.pos;
  const word = /^[\w/.-]*/.exec(at.text.slice(start, start + 128))![0];
  const [found, expected] = SYNTAX[error.code] ?? [`not YAML: ${lowerFirst(error.message)}`, ''];
  const place = locateOffset(at, start, Math.max(end, start + word.length));
  return { ...place, found: found.replace('this name', `"${word}"`), expected, hint: '' };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
