import { expect } from 'chai';
import {
  COMMUNITY,
  effectiveTrust,
  EXPERIMENTAL,
  PEER,
  TRUST_LEVELS,
  VERIFIED,
} from '../../core/trust/attestation.ts';
import { attest, FEDERATION, manifestOf, Rig } from '../rig.ts';

describe('§8 Trust and governance', () => {
  describe('R8.1-1: four levels', () => {
    const rig = new Rig();
    const subject = rig.peer('compute-1');
    const trustOf = (claimedTrust: number, ...levels: number[]): number =>
      effectiveTrust(
        { monoUs: 0, wallUs: 1 },
        { ...manifestOf(rig.cast, FEDERATION[1]), claimedTrust },
        levels.map((level) => attest(rig.cast, subject, rig.peer('attestor of france'), { level })),
      );

    it('R8.1-1: 4 verified, 3 community, 2 peer, 1 experimental', () => {
      expect([
        TRUST_LEVELS[VERIFIED],
        TRUST_LEVELS[COMMUNITY],
        TRUST_LEVELS[PEER],
        TRUST_LEVELS[EXPERIMENTAL],
      ]).to.deep.equal(['verified', 'community', 'peer', 'experimental']);
    });

    it('R8.1-1: absent means experimental, claimed or attested', () => {
      expect(trustOf(0)).to.equal(EXPERIMENTAL);
      expect(trustOf(0, VERIFIED)).to.equal(EXPERIMENTAL);
      expect(trustOf(VERIFIED)).to.equal(EXPERIMENTAL);
    });

    it('R8.1-1: of several attestations the highest counts', () => {
      expect(trustOf(VERIFIED, PEER, COMMUNITY)).to.equal(COMMUNITY);
    });
  });
});
