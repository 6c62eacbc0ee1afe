import { expect } from 'chai';
import { hashManifest } from '../../core/cluster/presence.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { NOT_READY } from '../../core/routing/outcomes.ts';
import {
  envelopeOf,
  FEDERATION,
  manifestOf,
  namesOf,
  OpenRig as Rig,
  SECOND_US,
  type NodeSpec,
} from '../rig.ts';

const [front, compute1, compute2] = FEDERATION;
const index = (number: number): NodeSpec => ({
  ...front,
  name: `index-${number}`,
  types: ['index'],
  peered: [],
});
const door: NodeSpec = { ...front, name: 'door', types: ['gateway'], peered: [] };

const versionAt = (rig: Rig, at: string, of: string): number | undefined =>
  rig.node(at).index!.directory.get(rig.peer(of))?.version.version;

/** Asks so often, a time apart, and returns how many were answered. */
function countAnswered(rig: Rig, first: number, times: number, apartUs: number): number {
  for (let n = first; n < first + times; n++) {
    rig.ask('ann', 'door', n);
    rig.pump();
    rig.advance(apartUs);
  }
  rig.advance(30 * SECOND_US);
  const all = Array.from({ length: times }, (_, i) => rig.outcomes('ann', first + i));
  return all.filter(([outcome]) => outcome?.kind === kinds.ANSWER).length;
}

describe('§3 The registry', () => {
  it('R3-1: with every index node of a cluster dead its gateways go by what they know, and one that is back is full at once', () => {
    const rig = new Rig([index(1), index(2), door, compute1, compute2]).start();
    expect(countAnswered(rig, 1, 1, 0)).to.equal(1);
    for (const name of ['index-1', 'index-2']) rig.crash(name);
    const finds = (): number => rig.sent.filter(({ kind }) => kind === kinds.FIND).length;
    const before = finds();
    expect(countAnswered(rig, 2, 100, 200_000), 'all of them').to.equal(100);
    expect(finds() - before, 'and few of them waited for an index node').to.be.lessThan(60);
    rig.boot('index-2');
    rig.pump();
    rig.advance(2 * SECOND_US);
    for (const name of ['compute-1', 'compute-2']) expect(versionAt(rig, 'index-2', name)).to.equal(1);
    rig.sent.length = 0;
    expect(countAnswered(rig, 200, 10, SECOND_US)).to.equal(10);
    expect(rig.sent.some(({ kind }) => kind === kinds.FOUND)).to.equal(true);
  });

  it('R3-1: an index node that has just started says that it listens, not that there is nobody', () => {
    const rig = new Rig([index(1), door, compute1]).start();
    rig.crash('index-1');
    rig.boot('index-1');
    while (rig.node('index-1').index!.directory.size === 0) rig.pumpOne();
    const body = { model: 'a', withBridges: false, minTrust: 1, allowedRegions: ['eu'] };
    const [told] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('door'), rig.peer('index-1'), body));
    expect(told.kind).to.equal(kinds.REFUSED);
    expect((told.body as kinds.Refused).code).to.equal(NOT_READY);
    rig.advance(2 * SECOND_US);
    expect(countAnswered(rig, 1, 1, 0)).to.equal(1);
  });

  it('R3-2: both sides of a split serve on, and agree within two intervals of exchange after it heals', () => {
    const sides = [
      ['index-1', 'front', 'compute-1'],
      ['index-2', 'front-2', 'compute-2'],
    ] as const;
    const fronts = ['front', 'front-2'].map((name) => ({ ...door, name }));
    const rig = new Rig([index(1), index(2), ...fronts, compute1, compute2]).start();
    const sideOf = (peer: number): number =>
      sides.findIndex((side) => side.some((name) => rig.peer(name) === peer));
    const crosses = ({ from, to }: Envelope): boolean =>
      sideOf(from) >= 0 && sideOf(to) >= 0 && sideOf(from) !== sideOf(to);
    rig.drops = crosses;
    rig.advance(8 * SECOND_US);
    for (const name of ['compute-1', 'compute-2']) {
      rig.crash(name);
      rig.boot(name);
    }
    rig.pump();
    rig.advance(3 * SECOND_US);
    fronts.forEach(({ name }, i) => rig.ask('ann', name, i + 1));
    rig.pump();
    rig.advance(SECOND_US);
    for (const n of [1, 2]) expect(rig.outcomes('ann', n)[0].kind).to.equal(kinds.ANSWER);
    expect(versionAt(rig, 'index-1', 'compute-2')).to.equal(undefined);
    // Index nodes hear one another again; the others of the far side they still do not.
    const isOfIndexes = ({ from, to }: Envelope): boolean =>
      [from, to].every((peer) => [rig.peer('index-1'), rig.peer('index-2')].includes(peer));
    rig.drops = (envelope) => crosses(envelope) && !isOfIndexes(envelope);
    const agree = (): boolean =>
      versionAt(rig, 'index-1', 'compute-2') === 2 && versionAt(rig, 'index-2', 'compute-1') === 2;
    let waitedUs = 0;
    while (!agree() && waitedUs < 60 * SECOND_US) {
      rig.advance(100_000);
      waitedUs += 100_000;
    }
    expect(waitedUs).to.be.at.most(20 * SECOND_US);
  });

  it('R3-3: of a large cluster those come first who may serve the asker', () => {
    const names = Array.from({ length: 100 }, (_, i) => `extra ${i}`);
    const rig = new Rig([index(1)], [...namesOf([index(1), ...FEDERATION]), ...names]);
    rig.boot('index-1');
    rig.pump();
    rig.advance(2 * SECOND_US);
    const node = rig.node('index-1');
    const load = {
      running: 0,
      queued: 0,
      slots: 1,
      room: 1,
      serviceUs: 0,
      freeMemoryBytes: 0,
      draining: false,
    };
    for (const [i, name] of names.entries()) {
      const manifest = {
        ...manifestOf(rig.cast, { ...compute1, name }),
        region: i < 3 ? 'eu/fr' : 'americas',
      };
      const version = { epoch: 1, version: 1 };
      const signature = rig.cast.sign(manifest.id, hashManifest(node, manifest, version));
      const announced = { manifest, version, signature, attestations: [] };
      rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, node.self, announced));
      const beat = { version, load: { ...load, installedModels: ['a'], loadedModels: i === 0 ? ['a'] : [] } };
      rig.deliver(envelopeOf(kinds.BEAT, manifest.id, node.self, beat));
    }
    const body = { model: 'a', withBridges: false, minTrust: 1, allowedRegions: ['eu'] };
    for (let round = 0; round < 10; round++) {
      const [found] = rig.deliver(envelopeOf(kinds.FIND, rig.peer('ann'), node.self, body));
      const { candidates } = found.body as kinds.Found;
      expect(candidates.map(({ region }) => region)).to.deep.equal([
        ...Array.from({ length: 3 }, () => 'eu/fr'),
        ...Array.from({ length: 29 }, () => 'americas'),
      ]);
      const loaded = candidates.filter(({ isLoaded }) => isLoaded).map(({ peer }) => rig.cast.nameOf(peer));
      expect(loaded, 'installed is not loaded (R4-5)').to.deep.equal(['extra 0']);
    }
  });

  it('R4-3: two bodies under one version convict everywhere, though no index node was told both', () => {
    const rig = new Rig([index(1), index(2), index(3), door, compute1]).start();
    const node = rig.node('index-1');
    const { manifest, version } = node.index!.directory.get(rig.peer('compute-1'))!;
    const other = { ...manifest, claimedTrust: 2 };
    const signature = rig.cast.sign(manifest.id, hashManifest(node, other, version));
    const body = { manifest: other, version, signature, attestations: [] };
    rig.deliver(envelopeOf(kinds.MANIFEST, manifest.id, rig.peer('index-3'), body));
    rig.pump();
    for (const name of ['index-1', 'index-2', 'index-3']) {
      const { directory, evidence } = rig.node(name).index!;
      expect(directory.get(manifest.id)!.isQuarantined, name).to.equal(true);
      const { first, second } = evidence.get(manifest.id)!;
      expect(first.manifest).not.to.deep.equal(second.manifest);
    }
    rig.ask('ann', 'door', 1);
    rig.pump();
    expect(rig.outcomes('ann', 1)[0].kind).to.equal(kinds.REFUSED);
  });

  it('R5.2-3: a node tells some index nodes, which tell the others, the newest version only', () => {
    const indexes = [1, 2, 3, 4, 5].map(index);
    const rig = new Rig([...indexes, compute1]);
    for (const { name } of indexes) rig.boot(name);
    rig.pump();
    rig.advance(3 * SECOND_US);
    rig.drops = ({ kind }) => kind === kinds.BEAT || kind === kinds.DIRECTORY;
    rig.sent.length = 0;
    rig.boot('compute-1');
    rig.pump();
    const told = rig.sent.filter(({ kind }) => kind === kinds.MANIFEST);
    expect(told, 'two of five').to.have.length(2);
    rig.advance(SECOND_US);
    for (const { name } of indexes) expect(versionAt(rig, name, 'compute-1'), name).to.equal(1);
    const passed = rig.sent.filter(({ kind }) => kind === kinds.ROWS).length;
    expect(passed).to.be.within(3, 15);
    rig.advance(2 * SECOND_US);
    expect(
      rig.sent.filter(({ kind }) => kind === kinds.ROWS),
      'and then there is silence',
    ).to.have.length(passed);
  });
});
