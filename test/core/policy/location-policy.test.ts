import { expect } from 'chai';
import {
  allowsStorage,
  compilePolicy,
  expiryOf,
  findPolicyFault,
  isDurablePlace,
  type DataLocationPolicy,
} from '../../../core/policy/location-policy.ts';

const policy = (changes: Partial<DataLocationPolicy> = {}): DataLocationPolicy => ({
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
  ...changes,
});

/** R6.1-1, cell by cell: what is said, a place, and whether data may be there and count as durable there. */
type Cell = [Partial<DataLocationPolicy>, string, boolean, boolean];
const HOME = 'eu/fr';
const CELLS: Cell[] = [
  // Neither required nor crossing: only at home, whatever is allowed.
  [{}, 'eu/fr', true, true],
  [{}, 'eu/fr/paris', true, true],
  [{}, 'eu/de', false, false],
  [{}, 'eu', false, false],
  [{ allowedRegions: ['eu'] }, 'eu/de', false, false],
  [{ allowedRegions: ['eu'] }, 'eu/fr', true, true],
  // Crossing: where an allowed region covers, home or not.
  [{ crossBorderAllowed: true, allowedRegions: ['eu/de'] }, 'eu/de', true, true],
  [{ crossBorderAllowed: true, allowedRegions: ['eu/de'] }, 'eu/fr', false, false],
  [{ crossBorderAllowed: true, allowedRegions: ['eu', 'asia/jp'] }, 'asia/jp', true, true],
  [{ crossBorderAllowed: true, allowedRegions: ['eu', 'asia/jp'] }, 'asia', false, false],
  [{ crossBorderAllowed: true, allowedRegions: ['eu'] }, 'europe', false, false],
  // Required without crossing: only there.
  [{ requiredRegion: 'eu/fr/paris' }, 'eu/fr/paris', true, true],
  [{ requiredRegion: 'eu/fr/paris' }, 'eu/fr', false, false],
  [{ requiredRegion: 'eu', allowedRegions: ['eu'] }, 'eu/de', true, true],
  [{ requiredRegion: 'eu', allowedRegions: ['eu'] }, 'asia/jp', false, false],
  // Both: in allowed regions, and durable in the required one only.
  [{ crossBorderAllowed: true, allowedRegions: ['eu'], requiredRegion: 'eu/fr' }, 'eu/fr', true, true],
  [{ crossBorderAllowed: true, allowedRegions: ['eu'], requiredRegion: 'eu/fr' }, 'eu/de', true, false],
  [{ crossBorderAllowed: true, allowedRegions: ['eu'], requiredRegion: 'eu/fr' }, 'asia/jp', false, false],
  [{ crossBorderAllowed: true, allowedRegions: ['eu/fr'], requiredRegion: 'eu' }, 'eu/de', false, false],
];

describe('a location policy', () => {
  for (const [said, region, isAllowed, isDurable] of CELLS) {
    it(`${JSON.stringify(said)} at home in ${HOME}: ${region} ${isAllowed ? 'is' : 'is not'} allowed`, () => {
      expect(findPolicyFault(HOME, policy(said))).to.equal(null);
      const rule = compilePolicy(HOME, policy(said));
      expect(allowsStorage(rule, region)).to.equal(isAllowed);
      expect(isDurablePlace(rule, region)).to.equal(isDurable);
    });
  }

  const refused: [Partial<DataLocationPolicy>, RegExp][] = [
    [{ crossBorderAllowed: true }, /no region is allowed/],
    [{ crossBorderAllowed: true, allowedRegions: ['asia'], requiredRegion: 'eu/fr' }, /must be in eu\/fr/],
    [{ requiredRegion: 'eu/de' }, /may not leave eu\/fr/],
    [{ requiredRegion: 'eu/fr', allowedRegions: ['asia'] }, /no allowed region has to do with it/],
    [{ allowedRegions: ['asia'] }, /may not leave eu\/fr, and no allowed region/],
    [{ requiredRegion: '' }, /has no name/],
    [{ allowedRegions: ['eu/fr', ''] }, /has no name/],
    [{ retention: { maxDays: 0, legalHold: false } }, /keeps nothing/],
    [{ retention: { maxDays: 400_000, legalHold: false } }, /at most 365000 days/],
  ];
  for (const [said, why] of refused) {
    it(`${JSON.stringify(said)} is refused`, () => {
      expect(findPolicyFault(HOME, policy(said))).to.match(why);
    });
  }

  it('is refused without a home region', () => {
    expect(findPolicyFault('', policy())).to.match(/home region/);
  });

  it('says when data are due for deletion, and that a legal hold blocks it', () => {
    const of = (maxDays: number | null, legalHold: boolean) =>
      expiryOf(policy({ retention: { maxDays, legalHold } }), 1_000);
    expect(of(null, false)).to.equal(null);
    expect(of(2, false)).to.equal(2 * 86_400_000_000 + 1_000);
    expect(of(2, true)).to.equal(null);
  });
});
