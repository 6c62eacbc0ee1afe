import { expect } from 'chai';
import { applySabotage, markPlace, PatchError } from './patch.ts';
import { parseRules, type Sabotage } from './rules.ts';
import { titlesIn } from './titles.ts';
import { formatVerdict } from './verdict-line.ts';

function sabotageOf(...lines: string[]): Sabotage {
  const diff = ['```diff', '--- core/a.ts', ...lines, '```'];
  const page = ['### R1-1 A rule', 'It holds.', 'Status: held', '- `test/a.test.ts`: R1-1', ...diff];
  return parseRules(page.join('\n'))[0].sabotages[0];
}

/** The source after the sabotage, the mark in it shown as `MARK`. */
function marked(source: string, ...lines: string[]): string {
  return markPlace(applySabotage(source, sabotageOf(...lines))).replace(/\(\(globalThis.*?true\)\)/, 'MARK');
}

describe('a sabotage', () => {
  const source = 'const a = 1;\nconst b = 2;\nconst c = 1;\nconst b = 2;\n';

  it('is done where the lines are as it says, wherever they stand', () => {
    const { source: changed } = applySabotage(
      source,
      sabotageOf(' const c = 1;', '-const b = 2;', '+const b = 3;'),
    );
    expect(changed).to.equal('const a = 1;\nconst b = 2;\nconst c = 1;\nconst b = 3;\n');
    expect(applySabotage(source, sabotageOf('-const c = 1;')).source).to.equal(
      source.replace('const c = 1;\n', ''),
    );
  });

  it('is not done where no lines are so, or in more than one place', () => {
    expect(() => applySabotage(source, sabotageOf('-const d = 1;'))).to.throw(
      PatchError,
      'no longer reads so',
    );
    expect(() => applySabotage(source, sabotageOf('-const b = 2;'))).to.throw(PatchError, 'in 2 places');
  });

  it('is not done if it leaves no program', () => {
    expect(() => marked('f(1);\n', '-f(1);', '+f((1);')).to.throw(PatchError, 'not TypeScript');
  });

  const places: [string, string, string[], string][] = [
    ['a statement', 'f();\ng();\n', ['-g();', '+h();'], 'f();\n;MARK;h();\n'],
    [
      'the innermost statement of a function',
      'function f() {\n  if (a) return 1;\n  return (\n    2\n  );\n}\n',
      ['-    2', '+    3'],
      'function f() {\n  if (a) return 1;\n  ;MARK;return (\n    3\n  );\n}\n',
    ],
    [
      'the place of what was taken out, at the end of a block',
      'function f() {\n  g();\n  h();\n}\n',
      ['   g();', '-  h();'],
      'function f() {\n  g();;MARK;\n}\n',
    ],
    [
      'the body of an arrow function',
      'const f = xs.map(\n  (x) =>\n    x + 1,\n);\n',
      ['-    x + 1,', '+    x + 2,'],
      'const f = xs.map(\n  (x) =>\n    (MARK, x + 2),\n);\n',
    ],
    [
      'a case of a switch',
      'switch (a) {\n  case 1:\n    f();\n    break;\n  case 2:\n    g();\n}\n',
      ['-    f();', '+    h();'],
      'switch (a) {\n  case 1:\n    ;MARK;h();\n    break;\n  case 2:\n    g();\n}\n',
    ],
  ];
  for (const [what, before, lines, after] of places) {
    it(`marks ${what}, so that running it shows`, () => {
      expect(marked(before, ...lines)).to.equal(after);
    });
  }

  it('is told of in one line of 80 columns', () => {
    const title = '§4 Nodes R4-4: trust R4-4: claims 4, attested nothing';
    expect(formatVerdict('R4-4', { isNoticed: true, reason: title })).to.equal(
      'R4-4    noticed   claims 4, attested nothing',
    );
    expect(formatVerdict('R5.3-2', { isNoticed: true, reason: 'one outcome (R5.3-2)' })).to.equal(
      'R5.3-2  noticed   ',
    );
    const long = formatVerdict('R4-4', { isNoticed: false, reason: 'x'.repeat(100) });
    expect(long).to.match(/^R4-4 {4}TOOTHLESS x+…$/);
    expect(long).to.have.length(80);
  });
});

describe('the titles of tests', () => {
  it('are found in calls of it, describe and law, with … for what is computed', () => {
    const source = [
      "describe('a', () => {",
      "  it('b', () => expect('no').to.equal(`no`));",
      '  it(`c ${d} e ${f}`, g);',
      '  law("h", i, j);',
      "  for (const k of l) it(k, m), other('no');",
      '});',
    ];
    expect(titlesIn(source.join('\n'))).to.deep.equal(['a', 'b', 'c … e …', 'h']);
  });
});
