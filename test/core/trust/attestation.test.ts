import { expect } from 'chai';
import { effectiveTrust, validMask } from '../../../core/trust/attestation.ts';
import { attest, Rig } from '../../rig.ts';

describe('attestations', () => {
  const rig = new Rig();
  const node = rig.node('front');
  const { manifest } = rig.node('compute-1').config;
  const attestor = rig.peer('attestor of france');

  it('count when an attestor of the cluster has signed them for this subject', () => {
    const good = attest(rig.cast, manifest.id, attestor);
    const bad = {
      'for another subject': attest(rig.cast, rig.peer('mallory'), attestor),
      'by no attestor of this cluster': attest(rig.cast, manifest.id, rig.peer('attestor of brazil')),
      'by the subject itself': attest(rig.cast, manifest.id, manifest.id),
      'with a signature of nobody': attest(rig.cast, manifest.id, attestor, { signature: 'forged' }),
      'raised after it was signed': { ...attest(rig.cast, manifest.id, attestor, { level: 2 }), level: 4 },
      'prolonged after it was signed': { ...good, untilWallUs: good.untilWallUs + 1 },
    };
    expect(validMask(node, manifest, [good])).to.equal(1);
    for (const [what, attestation] of Object.entries(bad)) {
      expect(validMask(node, manifest, [attestation]), what).to.equal(0);
    }
    expect(validMask(node, manifest, [...Object.values(bad), good])).to.equal(1 << Object.keys(bad).length);
  });

  it('hold from their first day to before their last', () => {
    const at = (wallUs: number): number =>
      effectiveTrust({ monoUs: 0, wallUs }, { ...manifest, claimedTrust: 4 }, [
        attest(rig.cast, manifest.id, attestor, { level: 3, fromWallUs: 10, untilWallUs: 20 }),
      ]);
    expect([9, 10, 19, 20].map(at)).to.deep.equal([1, 3, 3, 1]);
  });
});
