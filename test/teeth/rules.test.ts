import { expect } from 'chai';
import { findDisagreements, readRules } from './house.ts';
import { idsIn, parseRules, patternOfId, RulesError } from './rules.ts';

const DIFF = ['```diff', '--- core/a.ts', ' const a = 1;', '-const b = 2;', '+const b = 3;', '```'];
const HELD = [
  '### R4-4 Trust is earned',
  '',
  'It is the lower one.',
  'Of two.',
  '',
  'Status: held. The rest waits.',
  '',
  '- `test/a.test.ts`: R4-4: claims …',
  '',
  'Sabotage: the higher.',
  '',
  ...DIFF,
];

const parse = (...lines: string[]): ReturnType<typeof parseRules> => parseRules(lines.join('\n'));

describe('the page of rules', () => {
  it('is read: what a rule says, whether it is held, by which tests, and how it is broken', () => {
    const [rule, other] = parse(
      '# Rules',
      ...HELD,
      '',
      '## §5',
      '### R5.3-12 More',
      'Later.',
      'Status: waiting',
    );
    expect(rule).to.deep.equal({
      id: 'R4-4',
      name: 'Trust is earned',
      isHeld: true,
      statement: 'It is the lower one.\nOf two.',
      tests: [{ file: 'test/a.test.ts', title: 'R4-4: claims …' }],
      sabotages: [
        {
          file: 'core/a.ts',
          before: ['const a = 1;', 'const b = 2;'],
          after: ['const a = 1;', 'const b = 3;'],
          firstChanged: 1,
          changedLines: 2,
          line: 14,
        },
      ],
      line: 2,
    });
    expect([other.id, other.isHeld, other.tests, other.sabotages]).to.deep.equal(['R5.3-12', false, [], []]);
  });

  const without = (text: string): string[] => HELD.filter((line) => !line.startsWith(text));
  const instead = (text: string, by: string): string[] =>
    HELD.map((line) => (line.startsWith(text) ? by : line));
  const faults: [string, string[], RegExp][] = [
    ['a heading that names no rule', ['### Trust'], /:1: a rule starts with/],
    ['a rule that says nothing', ['### R4-4 Trust', 'Status: held'], /not stated/],
    ['no status', without('Status'), /needs a line of `Status: held`/],
    ['another status', instead('Status', 'Status: done'), /:6: the status of a rule is/],
    ['a rule that is held without tests', without('- `test'), /names a test/],
    [
      'a test that does not name its rule',
      instead('- `test', '- `test/a.test.ts`: R4-44: no'),
      /must contain R4-4/,
    ],
    ['a rule that is held without a sabotage', HELD.slice(0, 9), /has a sabotage/],
    ['a sabotage of what is not held', instead('Status', 'Status: waiting'), /cannot be broken/],
    ['a sabotage without an end', HELD.slice(0, -1), /ends with a line of/],
    ['a sabotage without a file', without('--- '), /starts with `--- `/],
    ['a sabotage outside of core/ and live/portability/', instead('--- ', '--- sim/a.ts'), /changes core\//],
    ['a line of a sabotage without a sign', instead(' const', 'const'), /starts with a space/],
    [
      'a sabotage that changes nothing',
      without('-const').filter((line) => !line.startsWith('+')),
      /at least one/,
    ],
    [
      'a sabotage that has no place',
      without(' const').filter((line) => !line.startsWith('-const')),
      /its place/,
    ],
    [
      'a sabotage that changes more than ten lines',
      HELD.flatMap((line) => (line.startsWith('+') ? Array.from({ length: 10 }, () => line) : [line])),
      /at most 10 lines, not 11/,
    ],
    ['a rule that is stated twice', [...HELD, ...HELD], /stated in line 1 already/],
  ];
  for (const [what, lines, complaint] of faults) {
    it(`is refused with its line for ${what}`, () => {
      expect(() => parse(...lines)).to.throw(RulesError, complaint);
    });
  }

  it('finds ids in titles, whole ones', () => {
    expect(idsIn('§5 (R5.3-2) R4-4: a and R10-12')).to.deep.equal(['R5.3-2', 'R4-4', 'R10-12']);
    const pattern = new RegExp(patternOfId('R5.3-1'));
    expect(
      ['R5.3-1: a', 'x (R5.3-1)', 'R5.3-12', 'R5x3-1', 'RR5.3-1'].map((t) => pattern.test(t)),
    ).to.deep.equal([true, true, false, false, false]);
  });

  it('agrees with the tests and the sources of this repository', () => {
    const rules = readRules();
    expect(findDisagreements(rules)).to.deep.equal([]);
    expect(rules.length).to.be.at.least(50);
    const sections = new Set(rules.map(({ id }) => id.split('-')[0]));
    for (const section of [
      'R2',
      'R3',
      'R4',
      'R5.1',
      'R5.2',
      'R5.3',
      'R6.1',
      'R6.2',
      'R7.1',
      'R7.2',
      'R8.1',
      'R8.2',
      'R9',
    ])
      expect(sections).to.include(section);
  });

  it('is held against the tests and the sources: what one side lacks is told', () => {
    const rules = parse(...HELD);
    const sources: Record<string, string> = {
      'test/a.test.ts': 'it(`R4-4: claims ${1}`, f);',
      'core/a.ts': 'const a = 1;\nconst b = 2;\n',
    };
    const disagreements = (changes: Record<string, string>): string[] => {
      const all = { ...sources, ...changes };
      const files = Object.keys(all).filter((file) => file.endsWith('.test.ts'));
      return findDisagreements(rules, files, (file) => all[file]);
    };
    expect(disagreements({})).to.deep.equal([]);
    expect(disagreements({ 'test/a.test.ts': "it('R4-4', f)" })[0]).to.match(/has no test “R4-4: claims …”/);
    expect(disagreements({ 'test/b.test.ts': "it('R9-9: x', f)" })[0]).to.match(
      /R9-9, which RULES.md does not/,
    );
    expect(disagreements({ 'core/a.ts': 'const b = 2;' })[0]).to.match(
      /line 13: core\/a.ts no longer reads so/,
    );
    expect(findDisagreements(rules, [], (file) => sources[file])[0]).to.match(/there is no test\/a.test.ts/);
  });
});
