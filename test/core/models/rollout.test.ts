import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { ORDER_CHECK, ORDER_PULL, ORDER_REMOVE, ORDER_UPDATE } from '../../../core/models/model-bodies.ts';
import { ERROR_CODES } from '../../../core/routing/outcomes.ts';
import {
  createCluster,
  order,
  pointTo,
  putOnDisk,
  release,
  tellNode,
  versionAt,
  withdraw,
  type Release,
} from '../../publisher.ts';
import { envelopeOf, SECOND_US, type NodeSpec, type Rig } from '../../rig.ts';

const NODES = ['c1', 'c2', 'c3'];

interface Cluster {
  readonly rig: Rig;
  readonly first: Release;
  readonly second: Release;
}

/** Three nodes run the first version; the first of them has the second on its disk, too. */
function start(changes: Partial<NodeSpec> = {}, terms = {}): Cluster {
  const rig = createCluster(3, changes);
  const [first, second] = [release(rig, 1, 5, terms), release(rig, 2, 5, terms)];
  for (const name of NODES) putOnDisk(rig, name, first, true);
  putOnDisk(rig, 'c1', second, false);
  rig.start();
  return { rig, first, second };
}

function releaseSecond({ rig, first, second }: Cluster): void {
  tellNode(rig, 'c2', { entries: [second.entry], channels: [pointTo(rig, second, 2, first.id)] });
}

const versions = (rig: Rig): number[] => NODES.map((name) => versionAt(rig, name));
const trials = (rig: Rig): string[] =>
  NODES.filter((name) => rig.node(name).models!.currents.get('m')!.isTrial);
const codeOf = (answer: { body: unknown } | undefined): string =>
  ERROR_CODES[(answer!.body as kinds.Refused).code];

/** Whoever tries the new version is asked so many requests; its accelerator answers them with an error, or not. */
function serve(rig: Rig, node: string, count: number, error: string): void {
  for (let i = 0; i < count; i++) {
    const body = rig.want({ model: 'm', notAfterWallUs: rig.nowUs + rig.wallOffsetUs + 30 * SECOND_US });
    const n = rig.sent.length;
    rig.deliver(
      Object.assign(rig.ask('ann', 'front', n), {
        kind: kinds.RUN,
        to: rig.peer(node),
        from: rig.peer('front'),
        body,
      }),
    );
    rig.wire.length = 0;
    rig.infer(node, error);
    rig.pump();
  }
}

describe('rolling out a version', () => {
  it('R7.2-1: lets one node try it, and the others follow when it has done well', () => {
    const cluster = start();
    const { rig } = cluster;
    releaseSecond(cluster);
    rig.advance(15 * SECOND_US);
    expect(trials(rig)).to.have.length(1);
    expect(versions(rig).filter((version) => version === 2)).to.have.length(1);
    rig.advance(60 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
    expect(trials(rig)).to.deep.equal([]);
  });

  it('R7.2-1: keeps the old version until the new one is proven, and rolls back at once when it fails', () => {
    const cluster = start();
    const { rig, first, second } = cluster;
    releaseSecond(cluster);
    rig.advance(15 * SECOND_US);
    const [canary] = trials(rig);
    expect(rig.node(canary).models!.held.get(first.id)!.isWhole).to.equal(true);
    serve(rig, canary, 3, 'broken');
    const failedUs = rig.nowUs;
    while (versionAt(rig, canary) !== 1) rig.advance(SECOND_US);
    expect(rig.nowUs - failedUs).to.be.at.most(30 * SECOND_US);
    rig.advance(120 * SECOND_US);
    expect(versions(rig)).to.deep.equal([1, 1, 1]);
    for (const name of NODES) {
      const { registry } = rig.node(name).models!;
      expect(registry.verdicts.get(second.id)!.isGood, name).to.equal(false);
    }
  });

  it('goes on with a trial after a crash of the node that tries', () => {
    const cluster = start();
    const { rig } = cluster;
    releaseSecond(cluster);
    rig.advance(15 * SECOND_US);
    const [canary] = trials(rig);
    rig.crash(canary);
    rig.advance(SECOND_US);
    rig.boot(canary);
    rig.pump();
    rig.advance(5 * SECOND_US);
    expect(trials(rig)).to.deep.equal([canary]);
    rig.advance(60 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
  });

  it('R7.2-2: a node that was away comes to the same version', () => {
    const cluster = start();
    const { rig } = cluster;
    rig.crash('c3');
    releaseSecond(cluster);
    rig.advance(60 * SECOND_US);
    rig.boot('c3');
    rig.pump();
    rig.advance(60 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
  });

  it('R7.2-2: whoever missed a good version comes to it, though the one after it was bad', () => {
    const cluster = start();
    const { rig, second } = cluster;
    rig.crash('c3');
    releaseSecond(cluster);
    rig.advance(60 * SECOND_US);
    const third = release(rig, 3, 5);
    for (const name of ['c1', 'c2']) rig.crash(name);
    putOnDisk(rig, 'c1', third, false);
    for (const name of ['c1', 'c2']) rig.boot(name);
    rig.pump();
    tellNode(rig, 'c2', { entries: [third.entry], channels: [pointTo(rig, third, 3, second.id)] });
    rig.advance(15 * SECOND_US);
    const [canary] = trials(rig);
    serve(rig, canary, 3, 'broken');
    rig.advance(30 * SECOND_US);
    rig.boot('c3');
    rig.pump();
    rig.advance(60 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
  });

  it('R7.2-1: a long answer or two condemn no version: its speed is judged by many', () => {
    const cluster = start();
    const { rig, first, second } = cluster;
    releaseSecond(cluster);
    rig.advance(15 * SECOND_US);
    const [canary] = trials(rig);
    const { models } = rig.node(canary);
    models!.tallies.set(first.id, { jobs: 40, failures: 0, us: 40_000_000, tokens: 4_000 });
    models!.tallies.set(second.id, { jobs: 3, failures: 0, us: 30_000_000, tokens: 300 });
    rig.advance(60 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
  });

  it('R7.2-1: what this disk has lost says nothing of the version: it is fetched anew', () => {
    const { rig, first } = start();
    const body = { id: first.id, error: 'a chunk is gone', isUnread: true };
    const station = rig.station('c1');
    const load = station.node.models!.loads.find(({ id }) => id === first.id)!;
    load.state = 0;
    const told = { origin: station.node.self, originBoot: station.bootCount };
    rig.wire.push(envelopeOf(kinds.MODEL_LOADED, ACCELERATOR, station.node.self, body, told));
    rig.pump();
    expect(versionAt(rig, 'c1')).to.equal(0);
    rig.advance(20 * SECOND_US);
    expect(versionAt(rig, 'c1')).to.equal(1);
    expect(station.node.models!.registry.verdicts.size).to.equal(0);
  });

  it('R7.2-2: serves a withdrawn version up to its bound, and not after it', () => {
    const { rig, first } = start();
    const boundUs = rig.nowUs + rig.wallOffsetUs + 20 * SECOND_US;
    tellNode(rig, 'c1', { withdrawals: [withdraw(rig, first, boundUs)] });
    rig.advance(18 * SECOND_US);
    expect(versions(rig)).to.deep.equal([1, 1, 1]);
    rig.advance(4 * SECOND_US);
    expect(versions(rig)).to.deep.equal([0, 0, 0]);
    const before = rig.sent.length;
    serve(rig, 'c1', 1, '');
    expect(rig.sent.slice(before).some(({ kind }) => kind === kinds.INFER)).to.equal(false);
  });

  it('R7.2-3: where two versions do not fit together, the one leaves before the other is loaded', () => {
    const cluster = start({ gpuMemoryBytes: 10e9 });
    const { rig, first, second } = cluster;
    releaseSecond(cluster);
    rig.advance(75 * SECOND_US);
    expect(versions(rig)).to.deep.equal([2, 2, 2]);
    for (const name of NODES) {
      const told = rig.sent
        .filter(
          ({ from, kind }) =>
            from === rig.peer(name) && [kinds.LOAD_MODEL, kinds.UNLOAD_MODEL].includes(kind),
        )
        .map(({ kind, body }) => [kind, (body as { id: string }).id]);
      expect(told).to.deep.equal([
        [kinds.LOAD_MODEL, first.id],
        [kinds.UNLOAD_MODEL, first.id],
        [kinds.LOAD_MODEL, second.id],
      ]);
    }
  });
});

describe('orders about models', () => {
  it('R7.2-1: checkVersion tells what is installed and what is newest', () => {
    const cluster = start();
    const { rig, first, second } = cluster;
    releaseSecond(cluster);
    const answer = order(rig, 'c3', ORDER_CHECK, 1)!;
    expect(answer.body).to.deep.equal({
      model: 'm',
      installed: { id: first.id, version: 1 },
      latest: { id: second.id, version: 2 },
      isLoaded: true,
    });
  });

  it('takes orders of whoever runs the node only', () => {
    const { rig } = start();
    Object.assign(rig.ask('ann', 'c1', 9), { kind: kinds.MODEL, body: { order: ORDER_REMOVE, model: 'm' } });
    rig.pump();
    expect(codeOf(rig.outcomes('ann', 9)[0])).to.equal('NOT_ADMITTED');
    expect(versionAt(rig, 'c1')).to.equal(1);
  });

  it('pullModel is answered when the model is whole, and refused where there is none of the name', () => {
    const { rig } = start();
    expect(order(rig, 'c1', ORDER_REMOVE, 5, 1)!.kind).to.equal(kinds.MODEL_STATE);
    expect(versionAt(rig, 'c1')).to.equal(0);
    expect(rig.node('c1').models!.held.size).to.be.at.most(1);
    expect(order(rig, 'c1', ORDER_PULL, 10, 2)!.kind).to.equal(kinds.MODEL_STATE);
    expect(versionAt(rig, 'c1')).to.equal(1);
    const bare = createCluster(1).start();
    expect(codeOf(order(bare, 'c1', ORDER_PULL, 1))).to.equal('UNKNOWN_MODEL');
  });

  it('R7.2-1: updateModel makes the node try the new version, and is refused when it is rolled back', () => {
    for (const isGood of [true, false]) {
      const cluster = start();
      const { rig } = cluster;
      releaseSecond(cluster);
      expect(order(rig, 'c3', ORDER_UPDATE, 8)).to.equal(undefined);
      expect(trials(rig)).to.include('c3');
      if (!isGood) serve(rig, 'c3', 3, 'broken');
      rig.advance(60 * SECOND_US);
      const operator = rig.peer('operator 1 of france');
      const answer = rig.mail.find(({ to }) => to === operator);
      expect(answer!.kind, String(isGood)).to.equal(isGood ? kinds.MODEL_STATE : kinds.REFUSED);
      expect(versionAt(rig, 'c3')).to.equal(isGood ? 2 : 1);
    }
  });

  it('R7.2-1: removeModel refuses to drop the last copy that the region is promised', () => {
    const { rig } = start({}, { keptIn: ['eu'] });
    expect(order(rig, 'c1', ORDER_REMOVE, 15, 1)!.kind).to.equal(kinds.MODEL_STATE);
    expect(order(rig, 'c2', ORDER_REMOVE, 15, 2)!.kind).to.equal(kinds.MODEL_STATE);
    expect(codeOf(order(rig, 'c3', ORDER_REMOVE, 15, 3))).to.equal('NO_ELIGIBLE_NODE');
    expect(versions(rig)).to.deep.equal([0, 0, 1]);
  });

  it('R7.2-1: of two that ask each other at once neither drops the last copy', () => {
    const { rig } = start({}, { keptIn: ['eu'] });
    order(rig, 'c1', ORDER_REMOVE, 15, 1);
    const operator = rig.peer('operator 1 of france');
    for (const [i, name] of ['c2', 'c3'].entries()) {
      const to = rig.peer(name);
      const body = { order: ORDER_REMOVE, model: 'm' };
      Object.assign(rig.ask('ann', 'front', 50 + i), {
        kind: kinds.MODEL,
        from: operator,
        origin: operator,
        to,
        body,
      });
    }
    rig.pump();
    rig.advance(10 * SECOND_US);
    expect(versions(rig).filter((version) => version > 0).length).to.be.at.least(1);
  });
});
