import { expect } from 'chai';
import {
  BEAT,
  MANIFEST,
  MANIFEST_WANTED,
  type Announcement,
  type Beat,
} from '../../../core/machine/kinds.ts';
import { FEDERATION, Rig, SECOND_US } from '../../rig.ts';

const second = { ...FEDERATION[0], name: 'front-2' };

describe('presence', () => {
  it('beats once a second to every index node, with its version and load', () => {
    const rig = new Rig([FEDERATION[0], second, FEDERATION[1]]).start();
    const from = rig.peer('compute-1');
    rig.sent.length = 0;
    rig.advance(10 * SECOND_US);
    const beats = rig.sent.filter((envelope) => envelope.kind === BEAT && envelope.from === from);
    expect(beats.map(({ to }) => to)).to.deep.equal(
      Array.from({ length: 10 }, () => [rig.peer('front'), rig.peer('front-2')]).flat(),
    );
    expect(new Set(beats.map(({ n }) => n)).size, 'each beat has a number').to.equal(10);
    const { version, load } = beats[0].body as Beat;
    const { epoch, manifestVersion } = rig.node('compute-1');
    expect(version).to.deep.equal({ epoch, version: manifestVersion });
    expect(load).to.deep.equal({
      running: 0,
      queued: 0,
      slots: 2,
      room: 6,
      serviceUs: 0,
      freeMemoryBytes: 16e9,
      installedModels: ['a'],
      loadedModels: ['a'],
      draining: false,
    });
  });

  it('says the same body again until its load or its version is another', () => {
    const rig = new Rig(FEDERATION.slice(0, 2)).start();
    const node = rig.node('compute-1');
    const bodyAfter = (change: () => void): Beat => {
      change();
      rig.sent.length = 0;
      rig.advance(SECOND_US);
      return rig.sent.find(({ kind, from }) => kind === BEAT && from === node.self)!.body as Beat;
    };
    const first = bodyAfter(() => undefined);
    expect(bodyAfter(() => undefined)).to.equal(first);
    const slower = bodyAfter(() => (node.compute = { ...node.compute!, serviceUs: 7 }));
    expect([slower.load.serviceUs, first.load.serviceUs]).to.deep.equal([7, 0]);
    expect(bodyAfter(() => node.manifestVersion++).version.version).to.equal(node.manifestVersion);
  });

  it('tells an index node that missed the announcement, when that asks for it', () => {
    const rig = new Rig(FEDERATION.slice(0, 2));
    rig.boot('front');
    rig.pump();
    rig.drops = ({ kind, from }) => kind === MANIFEST && from === rig.peer('compute-1');
    rig.boot('compute-1');
    rig.pump();
    rig.drops = () => false;
    expect(rig.node('front').index!.directory.has(rig.peer('compute-1'))).to.equal(false);
    rig.advance(2 * SECOND_US);
    expect(
      rig.sent.some(({ kind, to }) => kind === MANIFEST_WANTED && to === rig.peer('compute-1')),
    ).to.equal(true);
    expect(rig.node('front').index!.directory.has(rig.peer('compute-1'))).to.equal(true);
  });

  it('announces the manifest as it is, its attestations with it', () => {
    const rig = new Rig(FEDERATION.slice(0, 2)).start();
    const sent = rig.sent.find(({ kind, from }) => kind === MANIFEST && from === rig.peer('compute-1'))!;
    const { manifest, attestations } = sent.body as Announcement;
    expect(manifest).to.equal(rig.node('compute-1').config.manifest);
    expect(attestations.map(({ level }) => level)).to.deep.equal([4]);
  });
});
