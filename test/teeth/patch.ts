import ts from 'typescript';
import type { Sabotage } from './rules.ts';

/** A sabotage that cannot be done, and why. */
export class PatchError extends Error {
  override readonly name = 'PatchError';
}

/** A file after a sabotage, and where its first changed line starts. */
export interface Sabotaged {
  readonly source: string;
  readonly position: number;
}

/** Replaces the one place in `source` that reads as the sabotage says. */
export function applySabotage(source: string, sabotage: Sabotage): Sabotaged {
  const lines = source.split('\n');
  const places: number[] = [];
  for (let i = 0; i + sabotage.before.length <= lines.length; i++) {
    if (sabotage.before.every((line, j) => lines[i + j] === line)) places.push(i);
  }
  if (places.length === 0) throw new PatchError(`${sabotage.file} no longer reads so`);
  if (places.length > 1)
    throw new PatchError(`${sabotage.file} reads so in ${places.length} places: add lines of context`);
  const [place] = places;
  lines.splice(place, sabotage.before.length, ...sabotage.after);
  const changed = place + sabotage.firstChanged;
  const start = lines.slice(0, changed).reduce((sum, line) => sum + line.length + 1, 0);
  const indent = /^\s*/.exec(lines[changed] ?? '')![0].length;
  return { source: lines.join('\n'), position: start + indent };
}

/** Leaves a file at the path in SABOTAGE_MARK when it is evaluated, in whatever thread or process that is. */
const MARK =
  "((globalThis as any).sabotageHit ??= ((globalThis as any).process.getBuiltinModule('node:fs')" +
  ".writeFileSync((globalThis as any).process.env.SABOTAGE_MARK, ''), true))";

/**
 * Adds a mark to the innermost statement or arrow function around `position`, so that running what was changed shows.
 * @throws PatchError if what was changed is no program any more
 */
export function markPlace({ source, position }: Sabotaged): string {
  const file = ts.createSourceFile('sabotaged.ts', source, ts.ScriptTarget.ESNext, true);
  const faults = (file as unknown as { parseDiagnostics: readonly unknown[] }).parseDiagnostics;
  if (faults.length > 0) throw new PatchError('what is left is not TypeScript');
  const insertions = findMark(file, position);
  return insertions
    .sort((left, right) => right.at - left.at)
    .reduce((text, { at, put }) => text.slice(0, at) + put + text.slice(at), source);
}

interface Insertion {
  readonly at: number;
  readonly put: string;
}

function findMark(file: ts.SourceFile, position: number): Insertion[] {
  let found: Insertion[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isSourceFile(node) || ts.isBlock(node) || ts.isCaseOrDefaultClause(node)) {
      const isInside = !ts.isCaseOrDefaultClause(node) || isAfterLabel(node, position);
      const next = node.statements.find((statement) => statement.end > position);
      const at = next?.getStart(file) ?? node.statements.at(-1)?.end ?? node.getStart(file) + 1;
      if (isInside) found = [{ at, put: `;${MARK};` }];
    } else if (ts.isArrowFunction(node) && !ts.isBlock(node.body) && position >= node.body.getStart(file)) {
      found = [
        { at: node.body.getStart(file), put: `(${MARK}, ` },
        { at: node.body.end, put: ')' },
      ];
    }
    ts.forEachChild(node, (child) => {
      if (child.pos <= position && position < child.end) visit(child);
    });
  };
  visit(file);
  return found;
}

function isAfterLabel(clause: ts.CaseOrDefaultClause, position: number): boolean {
  const first = clause.statements.at(0);
  return first !== undefined && position >= first.getStart();
}
