import { expect } from 'chai';
import { printSummary } from '../../cli/report.ts';
import { simulate } from '../../sim/simulate.ts';
import { summarize } from '../../sim/summary.ts';
import { at, withFaults } from '../sim/harmed-world.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';

/** The lines that are printed for a run. */
function linesOf(...faults: ResolvedFault[]): string[] {
  const scenario = withFaults(...faults);
  const { world, checker } = simulate(scenario);
  const lines: string[] = [];
  const { log } = console;
  console.log = (line = '') => lines.push(String(line));
  try {
    printSummary(summarize(world, 'pass', [], 1, checker), scenario, 'runs/x');
  } finally {
    console.log = log;
  }
  return lines;
}

describe('the report of a run', () => {
  it('tells in 80 columns who was missed, how soon, and who was found', () => {
    const lines = linesOf({ kind: 'crash', ...at(10, 25) });
    expect(lines.filter((line) => line.length > 80)).to.deep.equal([]);
    const text = lines.join('\n');
    expect(text).to.match(/Members of clusters, as they saw one another\n {2}suspected \d/);
    expect(text).to.match(/given up +1 times?: 1 of those who were gone/);
    expect(text).to.match(/1 crash: 1 suspected after \d\.\d s, 1 given up after \d\.\d s/);
    expect(text).to.match(/Who was found\n {2}directories +\d+ listed, 1 taken off/);
  });

  it('says nothing of members where nobody was missed', () => {
    expect(linesOf().join('\n')).not.to.contain('as they saw one another');
  });
});
