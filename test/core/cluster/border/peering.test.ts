import { expect } from 'chai';
import type { Peering } from '../../../../core/cluster/border/border-documents.ts';
import {
  doesExport,
  isInForce,
  isRevokedBy,
  isSignedBySide,
  otherSideOf,
  peeringHash,
  revocationHash,
  sideOf,
} from '../../../../core/cluster/border/peering.ts';
import { genesisHash } from '../../../../core/trust/genesis.ts';
import { peeringFor, signByOperators } from '../../../agreements.ts';
import { Cast } from '../../../cast.ts';
import { FEDERATION, genesisOf, namesOf } from '../../../rig.ts';

const cast = new Cast(namesOf(FEDERATION));
const france = genesisOf(cast, FEDERATION[0]);
const brazil = genesisOf(cast, FEDERATION[3]);
const made = (): Peering => peeringFor(cast, FEDERATION, 'france', 'brazil');
const isSigned = (peering: Peering) =>
  [france, brazil].map((genesis) => isSignedBySide(cast, peering, genesis));

describe('a peering', () => {
  it('is signed by each side for itself', () => {
    const peering = made();
    expect(isSigned(peering)).to.deep.equal([true, true]);
    const { left, right } = peering;
    expect([left.cluster, right.cluster]).to.deep.equal(['brazil', 'france']);
    expect(isSigned({ ...peering, left: { ...left, signatures: [] } })).to.deep.equal([true, false]);
    const forged = { ...left, signatures: right.signatures };
    expect(isSigned({ ...peering, left: forged }), 'one side signs for both').to.deep.equal([true, false]);
  });

  it('is signed as a whole: whatever is changed, nobody has signed it', () => {
    const peering = made();
    const more = { ...peering.left, exports: ['*', 'c'] };
    for (const changed of [
      { ...peering, left: more },
      { ...peering, untilWallUs: peering.untilWallUs + 1 },
      { ...peering, fromWallUs: 1 },
      { ...peering, version: 2 },
      { ...peering, maxInFlight: 7 },
    ])
      expect(isSigned(changed)).to.deep.equal([false, false]);
  });

  it('is of its two sides, who are two', () => {
    const peering = made();
    const [of, to] = [genesisHash(cast, france), genesisHash(cast, brazil)];
    expect([sideOf(peering, of)?.cluster, otherSideOf(peering, of)?.cluster]).to.deep.equal([
      'france',
      'brazil',
    ]);
    expect([sideOf(peering, to)?.cluster, otherSideOf(peering, to)?.cluster]).to.deep.equal([
      'brazil',
      'france',
    ]);
    expect([sideOf(peering, 'other'), otherSideOf(peering, 'other')]).to.deep.equal([null, null]);
    expect(otherSideOf({ ...peering, left: peering.right }, of), 'with itself').to.equal(null);
  });

  it('is in force from its first moment until just before its last', () => {
    const peering = peeringFor(cast, FEDERATION, 'france', 'brazil', { fromWallUs: 100, untilWallUs: 200 });
    const at = (wallUs: number) => isInForce(peering, { monoUs: 0, wallUs });
    expect([at(99), at(100), at(199), at(200)]).to.deep.equal([false, true, true, false]);
  });

  it('exports what it names, or all, or nothing', () => {
    expect(doesExport({ exports: ['a'] }, 'a')).to.equal(true);
    expect(doesExport({ exports: ['a'] }, 'b')).to.equal(false);
    expect(doesExport({ exports: ['*'] }, 'b')).to.equal(true);
    expect(doesExport({ exports: [] }, 'b')).to.equal(false);
  });

  it('is withdrawn by the operators of either side, and by nobody else', () => {
    const peering = made();
    const hash = peeringHash(cast, peering);
    const signatures = signByOperators(cast, brazil, revocationHash(cast, hash));
    const revocation = { peering: hash, signatures };
    expect(isRevokedBy(cast, peering, revocation, brazil)).to.equal(true);
    expect(isRevokedBy(cast, peering, revocation, france)).to.equal(false);
    const later = peeringFor(cast, FEDERATION, 'france', 'brazil', { version: 2 });
    expect(isRevokedBy(cast, later, revocation, brazil), 'of another peering').to.equal(false);
    const outsider = { ...brazil, cluster: 'japan' };
    expect(isRevokedBy(cast, peering, revocation, outsider)).to.equal(false);
    const signature = signByOperators(cast, brazil, hash);
    expect(isRevokedBy(cast, peering, { peering: hash, signatures: signature }, brazil)).to.equal(false);
  });
});
