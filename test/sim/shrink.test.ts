import { expect } from 'chai';
import { drawStorm, type Storm } from '../../sim/nemesis.ts';
import { smallerStorms } from '../../sim/nemesis/smaller.ts';
import { shrinkStorm, shrinkWhile } from '../../sim/shrink.ts';
import { tinyScenario } from './tiny-scenario.ts';

const SEEDS = Array.from({ length: 100 }, (_, i) => i + 1);
const HARMFUL = SEEDS.map((seed) => drawStorm(tinyScenario(), seed));

describe('shrinking', () => {
  it('comes to nothing where everything fails', () => {
    for (const storm of HARMFUL)
      expect(shrinkWhile(storm, () => true).storm).to.deep.equal({ faults: [], malice: [] });
  });

  it('comes to the one fault, or the one traitor, that it takes', () => {
    const crashes = (storm: Storm): boolean => storm.faults.some(({ kind }) => kind === 'crash');
    const isBetrayed = (storm: Storm): boolean => storm.malice.length > 0;
    for (const storm of HARMFUL.filter(crashes)) {
      const { faults, malice } = shrinkWhile(storm, crashes).storm;
      expect([faults.length, malice.length]).to.deep.equal([1, 0]);
      const [fault] = faults;
      if (fault.kind !== 'crash') throw new Error('only a crash is a crash');
      expect(fault.nodes).to.have.length(1);
      expect(fault.untilUs! - fault.atUs).to.be.at.most(1_000);
      expect(fault.flap).to.equal(undefined);
    }
    for (const storm of HARMFUL.filter(isBetrayed))
      expect(shrinkWhile(storm, isBetrayed).storm)
        .to.deep.include({ faults: [] })
        .and.have.nested.property('malice.length', 1);
    expect(
      [HARMFUL.filter(crashes).length, HARMFUL.filter(isBetrayed).length].every((count) => count > 3),
    ).to.equal(true);
  });

  it('offers storms that are smaller only, and never a fault on nothing', () => {
    for (const storm of HARMFUL) {
      const size = JSON.stringify(storm).length;
      for (const smaller of smallerStorms(storm)) {
        expect(JSON.stringify(smaller).length).to.be.at.most(size + 1);
        for (const fault of smaller.faults) {
          if ('nodes' in fault) expect(fault.nodes).to.have.length.greaterThan(0);
          if ('from' in fault)
            expect([fault.from.length > 0, fault.to.length > 0]).to.deep.equal([true, true]);
        }
      }
    }
  });

  it('is null for a seed that does not fail', () => {
    expect(shrinkStorm(tinyScenario(), 1)).to.equal(null);
  });
});
