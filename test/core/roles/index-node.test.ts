import { expect } from 'chai';
import type { Attestation, Manifest } from '../../../core/cluster/manifest.ts';
import { hashManifest } from '../../../core/cluster/presence.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import type { REFUSALS } from '../../../core/machine/refusals.ts';
import { loadOf } from '../../../core/roles/compute.ts';
import {
  attest,
  envelopeOf,
  FEDERATION,
  manifestOf,
  namesOf,
  OpenRig as Rig,
  SECOND_US,
  type NodeSpec,
  countRefusals,
} from '../../rig.ts';

const [front, compute] = FEDERATION;

/** An index node that is alone in its cluster, and names of others who may announce themselves. */
function startIndex(parameters = {}): Rig {
  const names = [...namesOf(FEDERATION), ...Array.from({ length: 60 }, (_, i) => `extra ${i}`)];
  const rig = new Rig([{ ...front, parameters }], names);
  rig.boot('front');
  rig.pump();
  rig.advance(2 * SECOND_US);
  return rig;
}

type Refusal = (typeof REFUSALS)[number];

interface Change {
  readonly manifest?: Partial<Manifest>;
  readonly epoch?: number;
  readonly version?: number;
  readonly signature?: string;
  readonly attestations?: Attestation[];
}

function announce(rig: Rig, spec: NodeSpec, change: Change = {}): Envelope[] {
  const node = rig.node('front');
  const manifest = { ...manifestOf(rig.cast, spec), ...change.manifest };
  const version = { epoch: change.epoch ?? 1, version: change.version ?? 1 };
  const signature =
    change.signature ?? rig.cast.sign(rig.peer(spec.name), hashManifest(node, manifest, version));
  const attestations = change.attestations ?? [attest(rig.cast, manifest.id, rig.peer('attestor of france'))];
  const body = { manifest, version, signature, attestations };
  return rig.deliver(envelopeOf(kinds.MANIFEST, rig.peer(spec.name), node.self, body));
}

function beat(rig: Rig, name: string, version = 1): Envelope[] {
  const load = {
    ...loadOf(rig.node('front'), rig.nowOf(rig.station('front'))),
    room: 3,
    slots: 2,
    installedModels: ['a'],
  };
  const body = { version: { epoch: 1, version }, load };
  return rig.deliver(envelopeOf(kinds.BEAT, rig.peer(name), rig.peer('front'), body));
}

function find(rig: Rig, model: string, withBridges = false, changes: Partial<kinds.Find> = {}): kinds.Found {
  const body = { model, withBridges, minTrust: 1, allowedRegions: ['eu', 'americas'], ...changes };
  const [found] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('compute-2'), rig.peer('front'), body));
  return found.body as kinds.Found;
}

const entryOf = (rig: Rig, name: string) => rig.node('front').index!.directory.get(rig.peer(name));

describe('an index node', () => {
  it('lists who announces itself, tells the observer, and offers it when its load is known', () => {
    const rig = startIndex();
    const [joined] = announce(rig, compute);
    expect([joined.kind, (joined.body as kinds.Noted).note]).to.deep.equal([kinds.NOTED, kinds.NOTE_JOINED]);
    const silent = find(rig, 'a').candidates[0];
    expect([silent.isOffered, silent.load.room], 'supported is not installed').to.deep.equal([false, 0]);
    expect(beat(rig, 'compute-1')).to.deep.equal([]);
    rig.nowUs += 300_000;
    const { candidates, isModelKnown } = find(rig, 'a');
    expect(isModelKnown).to.equal(true);
    const { peer, region, trust, gpuMemoryBytes, isOffered, load, ageUs } = candidates[0];
    expect({ peer, region, trust, gpuMemoryBytes, isOffered, room: load.room, ageUs }).to.deep.equal({
      peer: rig.peer('compute-1'),
      region: 'eu/fr',
      trust: 4,
      gpuMemoryBytes: 24e9,
      isOffered: true,
      room: 3,
      ageUs: 300_000,
    });
  });

  it('answers at once, if only that it knows of nobody', () => {
    expect(find(startIndex(), 'nothing', true)).to.deep.equal({
      candidates: [],
      bridges: [startIndex().peer('front')],
      isModelKnown: false,
    });
  });

  it('asks for the manifest of whoever beats without one, or under a newer version', () => {
    const rig = startIndex();
    const wanted = (sent: Envelope[]) => sent.map(({ kind, to }) => [kind, to]);
    const expected = [[kinds.MANIFEST_WANTED, rig.peer('compute-1')]];
    expect(wanted(beat(rig, 'compute-1'))).to.deep.equal(expected);
    announce(rig, compute, { version: 2 });
    expect(wanted(beat(rig, 'compute-1', 3))).to.deep.equal(expected);
    const heardUs = entryOf(rig, 'compute-1')!.lastHeardUs;
    rig.nowUs += 1_000;
    expect(beat(rig, 'compute-1', 1), 'a beat of the past says nothing of the present').to.deep.equal([]);
    expect([entryOf(rig, 'compute-1')!.lastHeardUs, entryOf(rig, 'compute-1')!.load]).to.deep.equal([
      heardUs,
      null,
    ]);
  });

  const refused: [string, Refusal, Change][] = [
    ['of another cluster', 'not for this node', { manifest: { cluster: 'brazil' } }],
    ['signed by nobody', 'forged', { signature: 'forged' }],
    ['signed as something else', 'forged', { signature: '' }],
    ['that is not valid', 'malformed', { manifest: { compute: null } }],
  ];
  for (const [what, why, change] of refused) {
    it(`refuses and counts a manifest ${what}`, () => {
      const rig = startIndex();
      expect(announce(rig, compute, change)).to.deep.equal([]);
      expect([entryOf(rig, 'compute-1'), countRefusals(rig.node('front'), why)]).to.deep.equal([
        undefined,
        1,
      ]);
    });
  }

  it('refuses a manifest that one node signed for another', () => {
    const rig = startIndex();
    announce(rig, compute, { manifest: { id: rig.peer('compute-2') } });
    expect(rig.node('front').index!.directory.size).to.equal(1);
    expect(countRefusals(rig.node('front'), 'forged')).to.equal(1);
  });

  it('lists no more nodes than it may, and goes on to update those it has', () => {
    const rig = startIndex({ maxDirectory: 2 });
    announce(rig, compute);
    announce(rig, FEDERATION[2]);
    const { index } = rig.node('front');
    expect([
      index!.directory.size,
      countRefusals(rig.node('front'), 'no room'),
      entryOf(rig, 'compute-2'),
    ]).to.deep.equal([2, 1, undefined]);
    announce(rig, compute, { version: 2, manifest: { claimedTrust: 2 } });
    expect(entryOf(rig, 'compute-1')!.manifest.claimedTrust).to.equal(2);
  });

  it('keeps the highest version, whatever the order in which they come', () => {
    const rig = startIndex();
    for (const [epoch, version, level] of [
      [1, 2, 2],
      [1, 1, 1],
      [2, 1, 3],
      [1, 9, 4],
    ]) {
      announce(rig, compute, { epoch, version, manifest: { claimedTrust: level } });
    }
    expect(entryOf(rig, 'compute-1')!.manifest.claimedTrust).to.equal(3);
    expect(entryOf(rig, 'compute-1')!.version).to.deep.equal({ epoch: 2, version: 1 });
  });

  it('quarantines who signs two bodies under one version, keeps the evidence, and offers it no more', () => {
    const rig = startIndex();
    announce(rig, compute);
    announce(rig, compute);
    expect(entryOf(rig, 'compute-1')!.isQuarantined, 'the same again is no fault').to.equal(false);
    announce(rig, compute, { manifest: { claimedTrust: 3 }, signature: 'forged' });
    expect(entryOf(rig, 'compute-1')!.isQuarantined, 'nobody can be framed').to.equal(false);
    announce(rig, compute, { manifest: { claimedTrust: 3 } });
    beat(rig, 'compute-1');
    expect(entryOf(rig, 'compute-1')!.isQuarantined).to.equal(true);
    expect(find(rig, 'a').candidates).to.deep.equal([]);
    announce(rig, compute, { version: 2 });
    expect(entryOf(rig, 'compute-1')!.isQuarantined, 'a new version does not absolve').to.equal(true);
    rig.advance(20 * SECOND_US);
    expect(entryOf(rig, 'compute-1')).to.equal(undefined);
    const { evidence } = rig.node('front').index!;
    expect([...evidence.keys()], 'the evidence stays').to.deep.equal([rig.peer('compute-1')]);
    announce(rig, compute, { version: 3 });
    expect(entryOf(rig, 'compute-1')!.isQuarantined, 'and holds when it comes back').to.equal(true);
  });

  it('removes who has been silent for five seconds, and tells the observer', () => {
    const rig = startIndex();
    announce(rig, compute);
    rig.notes.length = 0;
    rig.advance(4_900_000);
    expect(entryOf(rig, 'compute-1')).not.to.equal(undefined);
    rig.advance(1_000_000);
    expect(entryOf(rig, 'compute-1')).to.equal(undefined);
    const removed = rig.notes
      .map(({ body }) => body as kinds.Noted)
      .filter(({ note }) => note === kinds.NOTE_REMOVED);
    expect(removed.map(({ chosen }) => chosen)).to.deep.equal([rig.peer('compute-1')]);
    expect(entryOf(rig, 'front'), 'itself it hears').not.to.equal(undefined);
  });

  it('tells bridges what is installed, sorted and each once, quarantined nodes left out', () => {
    const rig = startIndex();
    announce(rig, compute);
    announce(rig, FEDERATION[2]);
    beat(rig, 'compute-1');
    beat(rig, 'compute-2');
    const offered = (): string[] => {
      const [sent] = rig.deliver(envelopeOf(kinds.FIND_OFFERS, rig.peer('front'), rig.peer('front'), {}));
      return (sent.body as kinds.Offered).models;
    };
    expect(offered()).to.deep.equal(['a']);
    for (const spec of [compute, FEDERATION[2]]) announce(rig, spec, { manifest: { claimedTrust: 1 } });
    expect(offered()).to.deep.equal([]);
  });

  it('names at most 32 candidates, and in time all of them', () => {
    const rig = startIndex();
    for (let i = 0; i < 60; i++) announce(rig, { ...compute, name: `extra ${i}` });
    const named = new Set<number>();
    for (let i = 0; i < 100; i++) {
      const { candidates } = find(rig, 'a');
      expect(candidates).to.have.length(32);
      expect(new Set(candidates.map(({ peer }) => peer)).size).to.equal(32);
      for (const { peer } of candidates) named.add(peer);
    }
    expect(named.size).to.equal(60);
  });
});
