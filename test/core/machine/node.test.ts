import { INCARNATIONS } from '../../../core/cluster/membership/incarnation.ts';
import { expect } from 'chai';
import { DISK, KEYS, OBSERVER } from '../../../core/base/peers.ts';
import { NEVER_US } from '../../../core/base/time.ts';
import { DISK_FAILED, DISK_FINE, DISK_FULL } from '../../../core/machine/disk-conditions.ts';
import { MEMBERSHIP_KEY, NODE_KEY, recordOf } from '../../../core/machine/disk-records.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { DOWN, LOADING, READY, SIGNING, STORING } from '../../../core/machine/node-state.ts';
import { hashManifest } from '../../../core/cluster/presence.ts';
import { loadOf } from '../../../core/roles/compute.ts';
import { NOT_READY } from '../../../core/routing/outcomes.ts';
import { envelopeOf, FEDERATION, pageOf, Rig, WALL_START_US, countRefusals } from '../../rig.ts';

const names = (sent: readonly Envelope[]): string[] => sent.map(({ kind }) => kinds.nameOfKind(kind));

/** What a node that knows nobody yet has its disk remember of its cluster. */
const first = {
  key: MEMBERSHIP_KEY,
  record: recordOf({ membership: { incarnation: INCARNATIONS, known: [] } }),
};

describe('a node that is booted', () => {
  it('loads, stores, signs, and only then speaks', () => {
    const rig = new Rig();
    const node = rig.node('front');
    expect(node.phase).to.equal(DOWN);

    const [load, ...none] = rig.boot('front');
    expect(none).to.deep.equal([]);
    expect([load.kind, load.to, load.originBoot, node.phase]).to.deep.equal([kinds.LOAD, DISK, 1, LOADING]);
    expect(node.wakeAtUs).to.equal(NEVER_US);

    const [store] = rig.deliver(rig.wire.shift()!);
    expect([store.kind, store.to, node.phase]).to.deep.equal([kinds.STORE, DISK, STORING]);
    const epoch = Math.floor((rig.nowUs + WALL_START_US) / 1_000_000);
    const record = recordOf({ node: { epoch, manifestVersion: 1 } });
    expect(store.body, 'stored before it is used').to.deep.equal({
      writes: [{ key: NODE_KEY, record }, first],
    });

    const [sign] = rig.deliver(rig.wire.shift()!);
    expect([sign.kind, sign.to, node.phase]).to.deep.equal([kinds.SIGN, KEYS, SIGNING]);
    const hash = hashManifest(node, node.config.manifest, { epoch, version: 1 });
    expect(sign.body).to.deep.equal({ hash });

    const sent = rig.deliver(rig.wire.shift()!);
    expect(node.phase).to.equal(READY);
    expect(names(sent)).to.deep.equal([
      'DEVICE/route',
      'ANNOUNCE/manifest',
      'DEVICE/route',
      'ANNOUNCE/cluster',
      'DEVICE/noted',
      'DEVICE/noted',
    ]);
    expect(rig.cast.verify(node.self, hash, (sent[1].body as kinds.Announcement).signature)).to.equal(true);
    const notes = sent.slice(4).map(({ to, body }) => [to, (body as kinds.Noted).note]);
    expect(notes).to.deep.equal([
      [OBSERVER, kinds.NOTE_ALONE],
      [OBSERVER, kinds.NOTE_READY],
    ]);
    expect(node.wakeAtUs).to.be.lessThan(NEVER_US);
  });

  it('announces, acknowledges and beats nothing before it is ready; requests are refused, with when to retry', () => {
    const rig = new Rig();
    const front = rig.peer('front');
    const ann = rig.peer('ann');
    for (let step = 0; step < 3; step++) {
      if (step === 0) rig.boot('front');
      else rig.pumpOne();
      const refused = rig.deliver(envelopeOf(kinds.ASK, ann, front, rig.want(), { n: step }));
      expect(refused.map(({ kind, to, n, body }) => [kind, to, n, body])).to.deep.equal([
        [
          kinds.REFUSED,
          ann,
          step,
          { code: NOT_READY, retryAfterUs: 1_000_000, detail: 'starting', struck: [] },
        ],
      ]);
      const wanted = { model: 'a', withBridges: false, minTrust: 1, allowedRegions: [] };
      const find = envelopeOf(kinds.FIND, rig.peer('compute-1'), front, wanted);
      expect(names(rig.deliver(find))).to.deep.equal(['RESPONSE/refused']);
      const beat = {
        version: { epoch: 1, version: 1 },
        load: loadOf(rig.node('compute-1'), rig.nowOf(rig.station('compute-1'))),
      };
      expect(rig.deliver(envelopeOf(kinds.BEAT, rig.peer('compute-1'), front, beat))).to.deep.equal([]);
      expect(rig.wake('front'), 'waking early says nothing').to.deep.equal([]);
      rig.wire.splice(0, rig.wire.length, ...rig.wire.filter(({ from }) => from < 0));
    }
    expect(rig.node('front').phase).to.equal(SIGNING);
    expect(countRefusals(rig.node('front'), 'starting')).to.equal(9);
  });

  it('raises the version of its manifest with each boot, by what its disk kept', () => {
    const rig = new Rig();
    for (const version of [1, 2, 3]) {
      rig.boot('front');
      rig.pump();
      expect(rig.station('front').disk.get(NODE_KEY)).to.deep.equal(
        recordOf({ node: { epoch: rig.node('front').epoch, manifestVersion: version } }),
      );
      rig.advance(10_000_000);
      rig.crash('front');
    }
    const { epoch } = rig.node('front');
    rig.station('front').disk.clear();
    rig.boot('front');
    rig.pump();
    expect(rig.node('front').epoch, 'a wiped disk: the calendar outranks the past').to.be.greaterThan(epoch);
    expect(rig.node('front').manifestVersion).to.equal(1);
  });

  it('says nothing that its disk has not kept: a disk that fails or is full is asked again each second (R4-3)', () => {
    const rig = new Rig();
    const { node } = rig.station('front');
    rig.boot('front');
    const answer = (kind: number, body: object): Envelope[] => {
      const { n } = rig.sent.filter(({ to }) => to === DISK).at(-1)!;
      rig.wire.length = 0;
      return rig.deliver(envelopeOf(kind, DISK, node.self, body, { origin: node.self, originBoot: 1, n }));
    };
    const expectRetry = (sent: Envelope[], kind: number): void => {
      expect(sent.map(({ body }) => (body as kinds.Noted).note)).to.deep.equal([kinds.NOTE_UNSTORED]);
      const retryAtUs = rig.nowOf(rig.station('front')).monoUs + 1_000_000;
      expect([node.phase === READY, node.wakeAtUs]).to.deep.equal([false, retryAtUs]);
      rig.nowUs += 999_999;
      expect(rig.wake('front')).to.deep.equal([]);
      rig.nowUs += 1;
      expect(names(rig.wake('front'))).to.deep.equal([kinds.nameOfKind(kind)]);
      expect(node.wakeAtUs).to.equal(NEVER_US);
    };
    expectRetry(answer(kinds.LOADED, { ...pageOf(new Map()), condition: DISK_FAILED }), kinds.LOAD);
    answer(kinds.LOADED, pageOf(new Map([[NODE_KEY, recordOf({ node: { epoch: 7, manifestVersion: 4 } })]])));
    for (const condition of [DISK_FULL, DISK_FAILED])
      expectRetry(answer(kinds.STORED, { condition }), kinds.STORE);
    const [sign] = answer(kinds.STORED, { condition: DISK_FINE });
    expect([sign.kind, node.phase, node.epoch, node.manifestVersion]).to.deep.equal([
      kinds.SIGN,
      SIGNING,
      7,
      5,
    ]);
  });

  it('starts as one without a past when what its disk kept is damaged, and says so', () => {
    const rig = new Rig();
    const { node } = rig.station('front');
    rig.boot('front');
    const body = { ...pageOf(new Map()), corrupt: [NODE_KEY] };
    const id = { origin: node.self, originBoot: 1 };
    const [noted, store] = rig.deliver(envelopeOf(kinds.LOADED, DISK, node.self, body, id));
    expect((noted.body as kinds.Noted).note).to.equal(kinds.NOTE_CORRUPT);
    const epoch = Math.floor((rig.nowUs + WALL_START_US) / 1_000_000);
    const record = recordOf({ node: { epoch, manifestVersion: 1 } });
    expect(store.body).to.deep.equal({
      writes: [{ key: NODE_KEY, record }, first],
    });
  });

  it('hears no device that answers an earlier boot, or out of turn', () => {
    const rig = new Rig();
    rig.boot('front');
    const node = rig.node('front');
    const loaded = rig.wire.shift()!;
    rig.boot('front');
    expect(rig.deliver(loaded)).to.deep.equal([]);
    const early = envelopeOf(
      kinds.SIGNED,
      KEYS,
      node.self,
      { signature: 'x' },
      { origin: node.self, originBoot: 2 },
    );
    expect(rig.deliver(early)).to.deep.equal([]);
    expect([node.phase, countRefusals(node, 'too late')]).to.deep.equal([LOADING, 2]);
    rig.pump();
    expect(node.phase).to.equal(READY);
  });

  it('forgets all that was in memory', () => {
    const rig = new Rig().start();
    rig.isInferring = false;
    rig.ask('ann', 'front', 1);
    rig.pump();
    expect(rig.node('front').gateway!.searcher.searches.size).to.equal(1);
    rig.boot('front');
    expect(rig.node('front').gateway!.searcher.searches.size).to.equal(0);
    expect(rig.node('front').index!.directory.size).to.equal(0);
  });

  it('plays the roles of its manifest and ignores, counted, what is for others', () => {
    const rig = new Rig().start();
    const node = rig.node('compute-1');
    expect([node.gateway, node.index, node.bridge]).to.deep.equal([null, null, null]);
    const before = countRefusals(node, 'not for this node');
    for (const kind of [kinds.ASK, kinds.CROSS, kinds.FIND, kinds.MANIFEST, kinds.SESSION, kinds.EXPORTS]) {
      expect(rig.deliver(envelopeOf(kind, rig.peer('front'), node.self, {}))).to.deep.equal([]);
    }
    expect(countRefusals(node, 'not for this node')).to.equal(before + 6);
  });

  it('believes only its index nodes about what is wanted or offered', () => {
    const rig = new Rig().start();
    const [front, mallory, compute] = ['front', 'mallory', 'compute-1'].map((name) => rig.peer(name));
    const wanted = (from: number) => rig.deliver(envelopeOf(kinds.MANIFEST_WANTED, from, compute, {}));
    expect(names(wanted(front))).to.deep.equal(['ANNOUNCE/manifest']);
    expect(names(wanted(mallory)), 'it asks who that is').to.deep.equal(['DISCOVER/members']);
    rig.deliver(envelopeOf(kinds.OFFERED, mallory, front, { models: ['forged'] }));
    expect(rig.node('front').bridge!.sessions.ownModels).to.deep.equal(['a']);
  });

  it('counts answers to what it never asked, and changes nothing else', () => {
    const rig = new Rig().start();
    const front = rig.node('front');
    const body: kinds.Refused = { code: 3, retryAfterUs: 0, detail: '', struck: [] };
    const sent = rig.deliver(envelopeOf(kinds.REFUSED, rig.peer('compute-1'), front.self, body));
    expect([sent, countRefusals(front, 'too late')]).to.deep.equal([[], 1]);
  });

  it('sets one alarm: the earliest of all its deadlines', () => {
    const rig = new Rig([
      { ...FEDERATION[0], parameters: { heartbeatUs: 60_000_000, sessionUs: 60_000_000 } },
    ]);
    rig.boot('front');
    rig.pump();
    const { node } = rig.station('front');
    const { presence, index, bridge } = node;
    const deadlines = [
      presence.nextBeatUs,
      index!.nextSweepUs,
      bridge!.nextOffersUs,
      bridge!.sessions.nextBeatUs,
    ];
    expect(node.wakeAtUs).to.equal(Math.min(...deadlines));
    rig.ask('ann', 'front', 1);
    rig.drops = ({ kind }) => kind === kinds.FIND;
    rig.pump();
    rig.advance(400_000);
    expect(node.gateway!.searcher.searches.deadlines.nextUs).to.equal(500_000);
    expect(node.wakeAtUs).to.be.at.most(500_000);
  });
});
