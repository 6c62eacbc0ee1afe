import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import type { Leased, PodWritten } from '../../core/roles/pods/pod-records.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { holdersOf, podCluster, PodOwner, signPolicy } from '../pods.ts';
import { createCluster, putOnDisk, release, versionAt } from '../publisher.ts';
import { Rig, SECOND_US } from '../rig.ts';

/** A cluster whose pod hosts are of these levels, all of them in France. */
function stage(...levels: readonly number[]): { rig: Rig; ann: PodOwner } {
  const [front, ...hosts] = podCluster(levels.map(() => 'eu/fr'));
  const specs = [front, ...hosts.map((host, i) => ({ ...host, attestedTrust: levels[i] }))];
  const rig = new Rig(specs).start();
  rig.advance(3 * SECOND_US);
  return { rig, ann: new PodOwner(rig) };
}

const refusalOf = (envelope: { kind: number; body: unknown } | null): string =>
  envelope === null ? 'nothing' : ERROR_CODES[(envelope.body as kinds.Refused).code];

describe('§8 Trust, and what is entrusted', () => {
  const cases: [string, readonly number[], readonly string[]][] = [
    ['open data are with community nodes and verified ones', [4, 3, 3, 2, 1], ['host-1', 'host-2', 'host-3']],
    ['rather too few copies than one with a peer', [4, 3, 2, 2, 1], ['host-1', 'host-2']],
  ];
  for (const [what, levels, expected] of cases)
    it(`R8.1-2: holders: ${what}`, () => {
      const { rig, ann } = stage(...levels);
      expect(ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'one')?.kind).to.equal(kinds.POD_WRITTEN);
      rig.advance(60 * SECOND_US);
      expect(holdersOf(rig, ann.podId())).to.deep.equal(expected);
    });

  it('R8.1-2: peers hold secondary copies of what is sealed, and an experimental host none', () => {
    const { rig, ann } = stage(4, 2, 2, 1);
    const policy = signPolicy(rig.cast, ann.peer, 1, 1, { encryptionRequired: true });
    const written = ann.write(policy, 'one');
    expect((written?.body as PodWritten).isFragile, 'only one can open it').to.equal(true);
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1', 'host-2', 'host-3']);
    // With the key the data are as open as others are: peers are not given it.
    const keyed = [...rig.stations.values()].filter(({ keyring }) => keyring.keys.size > 0);
    expect(keyed.map(({ name }) => name)).to.deep.equal(['host-1']);
  });

  it('R8.1-2: only a verified host is a primary: without one nothing is written, and the answer says why', () => {
    const { rig, ann } = stage(3, 3, 3);
    const refused = ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'one', [], 11 * SECOND_US);
    expect(refusalOf(refused)).to.equal('TRUST_TOO_LOW');
    expect((refused!.body as kinds.Refused).detail).to.match(/^of 3 pod hosts .* none is verified$/);
    expect(holdersOf(rig, ann.podId())).to.deep.equal([]);
  });

  it('R8.1-2: while the only verified host is away others take no writes in its place', () => {
    const { rig, ann } = stage(4, 3, 3);
    const policy = signPolicy(rig.cast, ann.peer, 1, 1);
    expect(ann.write(policy, 'one')?.kind).to.equal(kinds.POD_WRITTEN);
    rig.crash('host-1');
    rig.advance(30 * SECOND_US);
    expect(ann.write(policy, 'two', [], 11 * SECOND_US)?.kind).to.equal(kinds.REFUSED);
    expect(ann.read()?.kind).to.equal(kinds.POD_FOUND);
  });

  it('R8.1-2, R4-4: what a host says of itself counts for nothing without an attestation', () => {
    const { rig, ann } = stage(4, 3, 0, 0);
    rig.drops = (envelope) => {
      if (envelope.kind === kinds.LEASED) envelope.body = { ...(envelope.body as Leased), trust: 4 };
      return false;
    };
    rig.advance(3 * SECOND_US);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'one');
    rig.advance(60 * SECOND_US);
    expect(holdersOf(rig, ann.podId())).to.deep.equal(['host-1', 'host-2']);
  });

  it('R8.1-2: an experimental node hands out no model, though it has it', () => {
    const seedsAs = (level: number): number => {
      const rig = createCluster(2, (name) => (name === 'c1' ? { attestedTrust: level } : {}));
      putOnDisk(rig, 'c1', release(rig, 1, 4), true);
      rig.start();
      rig.advance(10 * SECOND_US);
      return versionAt(rig, 'c2');
    };
    expect([1, 2].map(seedsAs)).to.deep.equal([0, 1]);
  });
});
