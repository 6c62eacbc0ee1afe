import ts from 'typescript';

/** Functions whose first argument is the title of a test or of a group of tests. */
const TITLED = new Set(['it', 'describe', 'law']);

/** The titles in a source of tests, `…` standing for what is computed. */
export function titlesIn(source: string): string[] {
  const file = ts.createSourceFile('titles.ts', source, ts.ScriptTarget.ESNext, true);
  const titles: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && TITLED.has(node.expression.text)) {
      const title = textOf(node.arguments.at(0));
      if (title !== null) titles.push(title);
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return titles;
}

function textOf(node: ts.Expression | undefined): string | null {
  if (node === undefined) return null;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return null;
  return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
}
