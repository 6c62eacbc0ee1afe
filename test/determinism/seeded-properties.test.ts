import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const TEST = fileURLToPath(new URL('../', import.meta.url));

/** Functions of fast-check that draw cases. Their seed is the clock's unless one is given. */
const DRAWING = new Set(['assert', 'check', 'sample', 'statistics']);

/** Where in a source cases are drawn without a seed: in a call of fast-check whose last argument does not name one. */
function unseededCalls(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isDrawing(node.expression) && !namesSeed(node.arguments.at(-1))) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      found.push(`${file}:${line + 1}: ${node.expression.getText()} without a seed`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isDrawing(called: ts.Expression): boolean {
  return (
    ts.isPropertyAccessExpression(called) &&
    called.expression.getText() === 'fc' &&
    DRAWING.has(called.name.text)
  );
}

function namesSeed(options: ts.Expression | undefined): boolean {
  return (
    options !== undefined &&
    ts.isObjectLiteralExpression(options) &&
    options.properties.some(({ name }) => name?.getText() === 'seed')
  );
}

describe('properties', () => {
  it('draw their cases from a seed that is written down, so that a failure can be seen again', () => {
    const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.includes('node_modules'),
    );
    expect(files.length).to.be.greaterThan(20);
    const found = files.flatMap((name) =>
      unseededCalls(`test/${name}`, readFileSync(join(TEST, name), 'utf8')),
    );
    expect(found).to.deep.equal([]);
  });

  it('are found out without one', () => {
    const source = `
      fc.assert(fc.property(fc.integer(), (seed) => seed > 0));
      fc.check(property, { numRuns: 3 });
      fc.assert(property, { seed: 7, numRuns: 3 });
      fc.assert(property, { seed });
    `;
    expect(unseededCalls('x.ts', source)).to.deep.equal([
      'x.ts:2: fc.assert without a seed',
      'x.ts:3: fc.check without a seed',
    ]);
  });
});
