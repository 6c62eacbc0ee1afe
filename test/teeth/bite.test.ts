import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { bite, findSickness, judge, runHealthy } from './bite.ts';
import type { RunResult } from './mocha-run.ts';
import { parseRules, type Rule } from './rules.ts';

/** A rule about regions, broken as `lines` say. */
function ruleOf(title: string, ...lines: string[]): Rule {
  const page = [
    '### R6.1-9 Regions match by prefix',
    'A region is covered by what it begins with.',
    'Status: held',
    `- \`test/core/policy/regions.test.ts\`: R6.1-9: ${title}`,
    '```diff',
    '--- core/policy/regions.ts',
    ...lines,
    '```',
  ];
  return parseRules(page.join('\n'))[0];
}

describe('the judgement of a sabotage', () => {
  const title = 'R4-4: a';
  const file = 'test/a.test.ts';
  const green: RunResult = { passed: [{ title, file }], failed: [], trouble: null };
  const red: RunResult = { passed: [], failed: [{ title, file }], trouble: null };

  it('is that it was noticed if it was run and a test went red', () => {
    expect(judge(red, true)).to.deep.equal({ isNoticed: true, reason: title });
    expect(judge(green, true).reason).to.equal('its tests stay green');
    expect(judge(red, false).reason).to.equal('what was sabotaged is not executed');
    const noEnd = { ...green, trouble: 'did not end in 120 s' };
    expect(judge(noEnd, true)).to.deep.equal({ isNoticed: false, reason: 'did not end in 120 s' });
  });

  it('needs tests that are there and green without it', () => {
    const rule = { ...ruleOf('x', '-a'), id: 'R4-4', tests: [{ file, title }] };
    const sicknessOf = (result: RunResult): string | null => findSickness(rule, new Map([[file, result]]));
    expect(sicknessOf(green)).to.equal(null);
    expect(sicknessOf(red)).to.equal('red without sabotage: R4-4: a');
    const other = [{ title: 'R4-44: a', file }];
    expect(sicknessOf({ ...green, passed: other })).to.match(/no test of it ran/);
    expect(sicknessOf({ ...green, trouble: 'no' })).to.equal('test/a.test.ts: no');
  });
});

describe('a copy of the tree', function () {
  this.timeout(120_000);
  const scratch = mkdtempSync(join(tmpdir(), 'watershed-bite-'));
  after(() => rmSync(scratch, { recursive: true, force: true }));

  const rule = {
    ...ruleOf('x', '-  return false;', '+  return true;'),
    id: 'R5.3-4',
    tests: [{ file: 'test/spec/section-5.test.ts', title: 'R5.3-4: x' }],
  };

  it('is made, broken, run and removed', async () => {
    const verdict = await bite(
      rule,
      ruleOf('x', '-  return false;', '+  return true;').sabotages[0],
      scratch,
    );
    expect(verdict).to.deep.include({ isNoticed: true });
    expect(verdict.reason).to.match(/R5\.3-4/);
    expect(readdirSync(scratch)).to.deep.equal([]);
  });

  it('shows what makes no difference, and what is no patch', async () => {
    const harmless = ruleOf('x', '-  return false;', '+  return 1 > 2;').sabotages[0];
    expect((await bite(rule, harmless, scratch)).reason).to.equal('its tests stay green');
    const elsewhere = ruleOf('x', '-  return maybe;').sabotages[0];
    expect((await bite(rule, elsewhere, scratch)).reason).to.match(
      /does not apply: core\/policy\/regions.ts/,
    );
    expect(existsSync(scratch)).to.equal(true);
  });

  it('is compared with the tree as it is', async () => {
    const result = await runHealthy('test/spec/section-5.test.ts', [rule], scratch);
    expect([result.trouble, result.failed]).to.deep.equal([null, []]);
    expect(
      result.passed.every(({ title, file }) => /R5\.3-4/.test(title) && file === rule.tests[0].file),
    ).to.equal(true);
    expect(findSickness(rule, new Map([[rule.tests[0].file, result]]))).to.equal(null);
  });
});
