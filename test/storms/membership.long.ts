import { expect } from 'chai';
import { stormFlappingLinks, stormFlappingMember, stormMembers } from './membership.ts';

const BATCHES = 10;
const RUNS = 100;

describe('membership in storms, at length', function () {
  this.timeout(600_000);

  for (let batch = 1; batch <= BATCHES; batch++) {
    it(`R5.2-2: members agree after ${RUNS} storms of batch ${batch}`, () => {
      expect(stormMembers(1_000 + batch, RUNS).runs).to.equal(RUNS);
    });
  }

  it('R5.2-2: flapping links kill nobody, and flapping members nobody for good', () => {
    expect(stormFlappingLinks(2_001, 300).runs).to.equal(300);
    expect(stormFlappingMember(2_002, 300).runs).to.equal(300);
  });
});
