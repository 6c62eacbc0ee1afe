import { expect } from 'chai';
import { coversRegion, isRegionAllowed } from '../../../core/policy/regions.ts';

describe('region selectors', () => {
  const cases: [string, string, boolean][] = [
    ['eu', 'eu', true],
    ['eu', 'eu/fr', true],
    ['eu/fr', 'eu/fr/paris', true],
    ['eu', 'europe', false],
    ['eu/fr', 'eu', false],
    ['eu/f', 'eu/fr', false],
    ['eu/', 'eu/fr', false],
    ['americas', 'eu/fr', false],
    ['', 'eu', false],
  ];
  for (const [selector, region, covers] of cases) {
    it(`${selector || 'the empty selector'} ${covers ? 'covers' : 'does not cover'} ${region}`, () => {
      expect(coversRegion(selector, region)).to.equal(covers);
    });
  }

  it('allow where any of them covers, and nowhere if there are none', () => {
    expect(isRegionAllowed(['asia', 'eu'], 'eu/de')).to.equal(true);
    expect(isRegionAllowed(['asia'], 'eu/de')).to.equal(false);
    expect(isRegionAllowed([], 'eu/de')).to.equal(false);
  });
});
