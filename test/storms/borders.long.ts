import { expect } from 'chai';
import { expectThorough } from './border-report.ts';
import { stormBorders } from './borders.ts';

const STORMS = 10;
const INPUTS = 100_000;

describe('the borders of a node, at length', function () {
  this.timeout(600_000);
  let brought = 0;

  for (let seed = 1; seed <= STORMS; seed++) {
    it(`hold against ${INPUTS} inputs of seed ${seed}`, () => {
      const report = stormBorders(seed, INPUTS);
      expectThorough(report);
      brought += report.inputs;
    });
  }

  it('have held against a million', () => {
    expect(brought).to.be.at.least(1_000_000);
  });
});
