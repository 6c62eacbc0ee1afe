import { expect } from 'chai';
import type { Attestation, Manifest } from '../../core/cluster/manifest.ts';
import { hashManifest } from '../../core/cluster/presence.ts';
import { rankOfId } from '../../core/base/peers.ts';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { findFault } from '../../core/cluster/validation.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import {
  attest,
  envelopeOf,
  FEDERATION,
  manifestOf,
  OpenRig as Rig,
  SECOND_US,
  type NodeSpec,
  countRefusals,
} from '../rig.ts';

/** France of one front and one compute node that claims and has been attested such trust. */
function withTrust(claimedTrust: number, attestedTrust: number, region = 'eu/fr'): Rig {
  const spec: NodeSpec = { ...FEDERATION[1], claimedTrust, attestedTrust, region };
  return new Rig([{ ...FEDERATION[0], peered: [] }, spec]).start();
}

function outcomeOf(rig: Rig, changes: object): string {
  rig.ask('ann', 'front', 1, changes);
  rig.pump();
  const [{ kind, body }] = rig.outcomes('ann', 1);
  return kind === kinds.ANSWER ? 'OK' : ERROR_CODES[(body as kinds.Refused).code];
}

/** What the index node in France knows of `compute-1`. */
function entryOf(rig: Rig) {
  return rig.node('front').index!.directory.get(rig.peer('compute-1'))!;
}

interface Announcing {
  /** By how much the version is above the one that is known. */
  readonly ahead?: number;
  readonly signer?: number;
  readonly from?: number;
  readonly attestations?: readonly Attestation[];
}

/** Brings the index node another manifest of `compute-1`. */
function announce(rig: Rig, changes: Partial<Manifest>, { ahead = 1, ...by }: Announcing = {}): void {
  const known = entryOf(rig);
  const front = rig.node('front');
  const manifest = { ...known.manifest, ...changes };
  const version = { epoch: known.version.epoch, version: known.version.version + ahead };
  const signature = rig.cast.sign(by.signer ?? manifest.id, hashManifest(front, manifest, version));
  const body = { manifest, version, signature, attestations: by.attestations ?? [] };
  rig.deliver(envelopeOf(kinds.MANIFEST, by.from ?? manifest.id, front.self, body));
}

describe('§4 Nodes', () => {
  it('R4-1: a node has any set of the types and plays each', () => {
    const roles = { gateway: 'gateway', index: 'index', compute: 'compute', bridge: 'bridge' } as const;
    const all = Object.keys(roles) as (keyof typeof roles)[];
    for (let mix = 1; mix < 16; mix++) {
      const types = all.filter((_, i) => (mix >> i) & 1);
      const spec: NodeSpec = {
        ...FEDERATION[0],
        types,
        models: types.includes('compute') ? ['a'] : [],
        peered: [],
      };
      const rig = new Rig([spec]);
      rig.boot('front');
      for (const role of all) {
        expect(rig.node('front')[role] !== null, `${types.join()} plays ${role}`).to.equal(
          types.includes(role),
        );
      }
    }
  });

  describe('R4-2: validation', () => {
    const rig = new Rig([
      { ...FEDERATION[0], peered: [] },
      { ...FEDERATION[1], types: ['compute', 'orrery'] },
    ]).start();

    it('R4-2: pod host ⇒ podStorage, compute ⇒ compute', () => {
      const manifest = manifestOf(rig.cast, { ...FEDERATION[1], types: ['compute', 'pod-host'] });
      expect(findFault(manifest)).to.equal(null);
      expect(findFault({ ...manifest, podStorage: null })).to.match(/podStorage/);
      expect(findFault({ ...manifest, compute: null })).to.match(/compute/);
    });

    it('R4-2: an unknown node type is kept, passed on, and not routed to', () => {
      const entry = rig.node('front').index!.directory.get(rig.peer('compute-1'))!;
      expect(entry.manifest.types).to.deep.equal(['compute', 'orrery']);
      const only = new Rig([
        { ...FEDERATION[0], peered: [] },
        { ...FEDERATION[1], types: ['orrery'] },
      ]).start();
      expect(only.node('front').index!.directory.has(only.peer('compute-1'))).to.equal(true);
      expect(outcomeOf(only, {})).to.equal('NO_CAPABLE_NODE');
      expect(outcomeOf(rig, {})).to.equal('OK');
    });

    it('R4-2: unknown fields are kept, signed, and passed on', () => {
      const unknown = [{ field: 'solar', json: '{"kw":12,"roof":true}' }];
      const manifest = { ...manifestOf(rig.cast, FEDERATION[2]), id: rig.peer('ben'), unknown };
      const version = { epoch: 1, version: 1 };
      const front = rig.node('front');
      const hash = hashManifest(front, manifest, version);
      const body = { manifest, version, signature: rig.cast.sign(manifest.id, hash), attestations: [] };
      const bytes = new Encoder(rig.cast).envelope(envelopeOf(kinds.MANIFEST, manifest.id, front.self, body));
      const read = new Envelope();
      expect(decodeEnvelope(bytes, rig.cast, read)).to.equal(null);
      rig.deliver(read);
      const kept = front.index!.directory.get(manifest.id)!;
      expect(kept.manifest.unknown).to.deep.equal(unknown);
      expect(hashManifest(front, kept.manifest, version), 'as it was signed').to.equal(hash);
    });
  });

  describe('R4-3: identity', () => {
    it('R4-3: an id is a hash; order among nodes goes by it and not by numbers', () => {
      const rig = new Rig();
      const peer = rig.peer('front');
      expect(rig.cast.idOf(peer)).to.match(/^[0-9a-f]{64}$/);
      expect(rig.cast.rank(peer)).to.equal(rankOfId(rig.cast.idOf(peer)));
    });

    it('R4-3: a manifest counts if its subject signed it, whoever brings it', () => {
      const rig = new Rig([{ ...FEDERATION[0], peered: [] }, FEDERATION[1]]).start();
      const [mallory, subject] = [rig.peer('mallory'), rig.peer('compute-1')];
      announce(rig, { region: 'asia' }, { signer: mallory, from: subject });
      expect(entryOf(rig).manifest.region).to.equal('eu/fr');
      expect(countRefusals(rig.node('front'), 'forged')).to.equal(1);
      announce(rig, { region: 'eu/de' }, { from: mallory });
      expect(entryOf(rig).manifest.region).to.equal('eu/de');
    });

    it('R4-3: an older version that comes late changes nothing', () => {
      const rig = new Rig([{ ...FEDERATION[0], peered: [] }, FEDERATION[1]]).start();
      announce(rig, { region: 'eu/de' }, { ahead: 2 });
      announce(rig, { region: 'asia' }, { ahead: -1 });
      expect(entryOf(rig).manifest.region).to.equal('eu/de');
      expect(entryOf(rig).version.version).to.equal(3);
    });

    it('R4-3: versions only rise, over crashes too', () => {
      const rig = new Rig(FEDERATION.slice(0, 2)).start();
      const versions: number[] = [];
      for (let boot = 0; boot < 4; boot++) {
        rig.advance(2 * SECOND_US);
        versions.push(rig.node('front').index!.directory.get(rig.peer('compute-1'))!.version.version);
        rig.crash('compute-1');
        rig.boot('compute-1');
        rig.pump();
      }
      expect(versions).to.deep.equal([1, 2, 3, 4]);
    });

    it('R4-3: an equivocator is quarantined: it is asked nothing more', () => {
      const rig = new Rig([{ ...FEDERATION[0], peered: [] }, FEDERATION[1]]).start();
      const front = rig.node('front');
      const known = front.index!.directory.get(rig.peer('compute-1'))!;
      const manifest = { ...known.manifest, claimedTrust: 2 };
      const signature = rig.cast.sign(manifest.id, hashManifest(front, manifest, known.version));
      const body = { manifest, version: known.version, signature, attestations: [] };
      rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, front.self, body));
      rig.advance(3 * SECOND_US);
      expect(front.index!.directory.get(manifest.id)!.isQuarantined).to.equal(true);
      expect(outcomeOf(rig, {})).to.equal('NO_CAPABLE_NODE');
    });
  });

  describe('R4-4: effective trust = min(claimed, attested)', () => {
    const cases: [number, number, number, string][] = [
      [4, 4, 4, 'OK'],
      [4, 0, 2, 'TRUST_TOO_LOW'],
      [4, 2, 3, 'TRUST_TOO_LOW'],
      [2, 4, 3, 'TRUST_TOO_LOW'],
      [3, 3, 3, 'OK'],
      [4, 0, 1, 'OK'],
    ];
    for (const [claimed, attested, asked, outcome] of cases) {
      it(`R4-4: claims ${claimed}, attested ${attested || 'nothing'}, asked for ${asked}: ${outcome}`, () => {
        expect(outcomeOf(withTrust(claimed, attested), { minTrust: asked })).to.equal(outcome);
      });
    }

    it('R4-4: an attestation that has run out counts no more, without anybody announcing anything', () => {
      const rig = withTrust(4, 4);
      rig.wallOffsetUs += 2e15;
      expect(outcomeOf(rig, { minTrust: 2 })).to.equal('TRUST_TOO_LOW');
    });

    it('R4-4: an attestation counts if an attestor of the cluster signed it, of this node', () => {
      const cases: [string, string, Partial<Attestation>, number][] = [
        ['compute-1', 'attestor of france', {}, 4],
        ['compute-1', 'attestor of france', { signature: 'forged' }, 1],
        ['compute-1', 'mallory', {}, 1],
        ['compute-1', 'compute-1', {}, 1],
        ['front', 'attestor of france', {}, 1],
      ];
      for (const [subject, issuer, changes, level] of cases) {
        const rig = withTrust(4, 0);
        const attestations = [attest(rig.cast, rig.peer(subject), rig.peer(issuer), changes)];
        announce(rig, {}, { attestations });
        const find = { model: 'a', withBridges: false, minTrust: 1, allowedRegions: ['eu'] };
        const [found] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('front'), rig.peer('front'), find));
        const [candidate] = (found.body as kinds.Found).candidates;
        expect(candidate.trust, `${issuer} of ${subject}`).to.equal(level);
        // It knows as little of it as its operator has told it, and does not do more than it may.
        expect(outcomeOf(rig, { minTrust: 3 }), `${issuer} of ${subject}`).to.equal('TRUST_TOO_LOW');
      }
    });
  });

  it('R4-5: what is installed and loaded comes with each heartbeat, under one manifest', () => {
    const rig = new Rig([{ ...FEDERATION[0], peered: [] }, FEDERATION[1]]).start();
    const { version, load } = entryOf(rig);
    for (const [installedModels, loadedModels] of [
      [['a', 'b'], ['a']],
      [['b'], []],
      [[], []],
    ]) {
      const beat = { version, load: { ...load!, installedModels, loadedModels } };
      rig.deliver(envelopeOf(kinds.BEAT, rig.peer('compute-1'), rig.peer('front'), beat));
      const body = { model: 'b', withBridges: false, minTrust: 1, allowedRegions: ['eu'] };
      const [found] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('ann'), rig.peer('front'), body));
      const { candidates } = found.body as kinds.Found;
      expect(candidates.filter(({ isOffered }) => isOffered).length).to.equal(
        installedModels.includes('b') ? 1 : 0,
      );
      expect(entryOf(rig).load!.loadedModels).to.deep.equal(loadedModels);
      expect(entryOf(rig).version).to.equal(version);
    }
  });

  it('R4-5: supported is not installed: a node is not asked for what would only fit', () => {
    const rig = new Rig([{ ...FEDERATION[0], peered: [] }, FEDERATION[1]]).start();
    const front = rig.node('front');
    const known = front.index!.directory.get(rig.peer('compute-1'))!;
    const supported = { gpuMemoryBytes: 24e9, supportedModels: ['a', 'b'] };
    const manifest = { ...known.manifest, compute: supported };
    const version = { epoch: known.version.epoch, version: known.version.version + 1 };
    const signature = rig.cast.sign(manifest.id, hashManifest(front, manifest, version));
    const body = { manifest, version, signature, attestations: [] };
    rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, front.self, body));
    rig.ask('ann', 'front', 1, { model: 'b' });
    rig.pump();
    const { code, struck } = rig.outcomes('ann', 1)[0].body as kinds.Refused;
    expect(ERROR_CODES[code]).to.equal('NO_CAPABLE_NODE');
    expect(struck[0]).to.include({ peer: rig.peer('compute-1'), reason: 1 });
    expect(rig.sent.some(({ kind }) => kind === kinds.RUN)).to.equal(false);
  });
});
