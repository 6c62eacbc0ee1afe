import { expectThorough } from './border-report.ts';
import { stormBorders } from './borders.ts';

describe('the borders of a node', function () {
  this.timeout(60_000);

  it('hold against 40,000 inputs, random and damaged; npm run test:long brings a million', () => {
    expectThorough(stormBorders(1, 40_000));
  });
});
