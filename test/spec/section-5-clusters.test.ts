import { expect } from 'chai';
import fc from 'fast-check';
import { peeringHash, revocationHash } from '../../core/cluster/border/peering.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { OK } from '../../core/routing/outcomes.ts';
import { simulate } from '../../sim/simulate.ts';
import { peeringFor, recordFor, signByOperators } from '../agreements.ts';
import { law } from '../laws/law.ts';
import {
  envelopeOf,
  FEDERATION,
  genesisOf,
  Rig,
  SECOND_US,
  WALL_START_US,
  type NodeSpec,
  countRefusals,
} from '../rig.ts';
import { inARow } from '../sim/row-of-clusters.ts';

const [front, , , brazilFront, brazilCompute] = FEDERATION;

/** The models that a user of France gets an answer for. */
function getsAnswer(rig: Rig, n: number): boolean {
  rig.ask('ann', 'front', n, { model: 'b' });
  rig.pump();
  rig.advance(10 * SECOND_US);
  const [told, ...none] = rig.outcomes('ann', n);
  expect(none, 'one outcome').to.deep.equal([]);
  return told.kind === kinds.ANSWER;
}

const heardBy = (rig: Rig, name: string): string[] =>
  [...rig.node(name).bridge!.directory.entries.values()]
    .map(({ record }) => record.genesis.cluster)
    .sort((left, right) => (left < right ? -1 : 1));

/** Bridges of clusters with these names, each peered as the edges say. */
function bridgesOf(names: readonly string[], edges: readonly (readonly [number, number])[]): NodeSpec[] {
  return names.map((cluster, i) => ({
    ...front,
    name: `${cluster}-front`,
    cluster,
    region: `r/${cluster}`,
    peered: edges.flatMap(([left, right]) =>
      left === i ? [`${names[right]}-front`] : right === i ? [`${names[left]}-front`] : [],
    ),
  }));
}

describe('§5.1 Clusters', () => {
  it('R5.1-5: records go three bridges far, every thirty seconds, and when they are new', () => {
    const names = ['a0', 'b1', 'c2', 'd3', 'e4'];
    const rig = new Rig(
      bridgesOf(
        names,
        names.slice(1).map((_, i) => [i, i + 1]),
      ),
    ).start();
    expect(heardBy(rig, 'a0-front'), 'at once').to.deep.equal(names.slice(0, 4));
    expect(heardBy(rig, 'c2-front')).to.deep.equal(names);
    rig.sent.length = 0;
    rig.advance(60 * SECOND_US);
    expect(heardBy(rig, 'a0-front'), 'and never more').to.deep.equal(names.slice(0, 4));
    const told = rig.sent.filter(
      ({ kind, from }) => kind === kinds.CLUSTER_NEWS && from === rig.peer('a0-front'),
    );
    expect(told.length).to.equal(2);
  });

  it('R5.1-5: a record that its operators have not signed is taken by nobody', () => {
    const rig = new Rig().start();
    const [mallory, self] = [rig.peer('mallory'), rig.peer('front')];
    const bridges = [{ peer: mallory, region: 'americas/br', address: 'there' }];
    const changes = { bridges, version: { epoch: 9, version: 9 }, signatures: [] };
    const forged = recordFor(rig.cast, FEDERATION, 'brazil', changes);
    const body = { records: [{ record: forged, hops: 1, ageUs: 0 }], asks: false };
    rig.deliver(envelopeOf(kinds.CLUSTER_NEWS, mallory, self, body));
    rig.advance(3 * SECOND_US);
    expect(rig.sent.some(({ to, kind }) => to === mallory && kind === kinds.SESSION)).to.equal(false);
    expect(countRefusals(rig.node('front'), 'forged')).to.equal(1);
  });

  it('R5.1-5: what was heard is listed with its age and its source, peered or not', () => {
    const japan: NodeSpec = {
      ...brazilFront,
      name: 'japan-front',
      cluster: 'japan',
      region: 'asia/jp',
      peered: ['brazil-front'],
    };
    const rig = new Rig([front, { ...brazilFront, peered: ['front', 'japan-front'] }, japan]).start();
    const asked = envelopeOf(kinds.FIND_CLUSTERS, rig.peer('ann'), rig.peer('front'), { from: 0 });
    const { clusters } = rig.deliver(asked)[0].body as kinds.Clusters;
    const told = clusters.map(({ cluster, ageUs, source, isPeered }) => [
      cluster,
      ageUs > 0,
      rig.cast.nameOf(source),
      isPeered,
    ]);
    expect(told).to.deep.equal([
      ['france', false, 'front', false],
      ['brazil', true, 'brazil-front', true],
      ['japan', true, 'brazil-front', false],
    ]);
  });

  it('R5.1-5: hearing is not trusting: without a peering that both have signed nothing is asked', () => {
    const half = FEDERATION.map((spec) => ({
      ...spec,
      agreements: (cast: Rig['cast']) => {
        const peering = peeringFor(cast, FEDERATION, 'france', 'brazil');
        // Brazil, on the left, has not signed.
        return {
          peerings: [
            { peering: { ...peering, left: { ...peering.left, signatures: [] } }, revocation: null },
          ],
        };
      },
    }));
    const rig = new Rig(half).start();
    expect(heardBy(rig, 'front')).to.deep.equal(['brazil', 'france']);
    expect(getsAnswer(rig, 1)).to.equal(false);
    expect(rig.sent.some(({ kind, to }) => kind === kinds.CROSS && to === rig.peer('brazil-front'))).to.equal(
      false,
    );
    expect(
      rig.sent.some(({ kind }) => kind === kinds.SESSION),
      'nor is a session opened',
    ).to.equal(false);
    expect(getsAnswer(new Rig().start(), 1), 'and with one it is').to.equal(true);
  });
});

describe('§3 A cluster as it starts', () => {
  it('R3-1: start-up tells of what a cluster has only one of, and of peerings that hang on one bridge', () => {
    const second: NodeSpec = { ...brazilFront, name: 'brazil-second' };
    const rig = new Rig([...FEDERATION, second]).start();
    rig.advance(20 * SECOND_US);
    const told = (name: string): string[] =>
      rig.notes
        .filter(
          ({ from, body }) => from === rig.peer(name) && (body as kinds.Noted).note === kinds.NOTE_ALONE,
        )
        .map(({ body }) => `${rig.cast.nameOf((body as kinds.Noted).chosen)}: ${(body as kinds.Noted).model}`)
        .sort();
    expect(told('front')).to.deep.equal([
      'front: bridge',
      'front: bridge of france',
      'front: gateway',
      'front: index',
    ]);
    expect(told('brazil-front')).to.deep.equal(['brazil-compute: compute', 'front: bridge of france']);
  });
});

describe('§5.2 Sessions between clusters', () => {
  it('R5.2-4: a bridge keeps two sessions and more with a cluster that has two bridges', () => {
    const second: NodeSpec = { ...brazilFront, name: 'brazil-second' };
    const rig = new Rig([...FEDERATION, second]).start();
    const { sessions } = rig.node('front').bridge!.sessions;
    expect(sessions.map(({ peer, isUp }) => [rig.cast.nameOf(peer), isUp])).to.deep.equal([
      ['brazil-front', true],
      ['brazil-second', true],
    ]);
  });

  it('R5.2-4: with one bridge of two lost requests go on over the other', () => {
    const atUs = 25 * SECOND_US;
    const crash = { kind: 'crash', atUs, untilUs: null, nodes: ['brazil/bridge-1'] } as const;
    const { world } = simulate(inARow(['france', 'brazil'], { faults: [crash] }));
    const later = world.users.requests.filter(({ askedUs }) => askedUs > atUs + 6 * SECOND_US);
    const ok = later.filter(({ code }) => code === OK);
    expect(later.length).to.be.greaterThan(50);
    expect(ok.length / later.length).to.be.at.least(0.99);
  });

  it('R5.2-4: a peering holds from its first date to its last, and until one side withdraws it', () => {
    const fromWallUs = WALL_START_US + 30 * SECOND_US;
    const terms = { fromWallUs, untilWallUs: fromWallUs + 60 * SECOND_US };
    const dated = FEDERATION.map((spec) => ({
      ...spec,
      agreements: (cast: Rig['cast']) => ({
        peerings: [{ peering: peeringFor(cast, FEDERATION, 'france', 'brazil', terms), revocation: null }],
      }),
    }));
    const rig = new Rig(dated).start();
    expect(getsAnswer(rig, 1), 'not yet').to.equal(false);
    rig.advance(25 * SECOND_US);
    expect(getsAnswer(rig, 2), 'by now').to.equal(true);
    rig.advance(60 * SECOND_US);
    expect(getsAnswer(rig, 3), 'no longer').to.equal(false);

    const other = new Rig().start();
    const { cast } = other;
    const peering = peeringFor(cast, FEDERATION, 'france', 'brazil');
    const hash = peeringHash(cast, peering);
    const signatures = signByOperators(cast, genesisOf(cast, brazilCompute), revocationHash(cast, hash));
    const body = { peering, revocation: { peering: hash, signatures } };
    expect(getsAnswer(other, 1)).to.equal(true);
    other.deliver(envelopeOf(kinds.PEERING, other.peer('mallory'), other.peer('front'), body));
    other.pump();
    expect(getsAnswer(other, 2), 'withdrawn').to.equal(false);
  });

  const graphs = fc.integer({ min: 2, max: 10 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      edges: fc.uniqueArray(
        fc.tuple(fc.nat(count - 1), fc.nat(count - 1)).filter(([left, right]) => left < right),
        { maxLength: 14, selector: ([left, right]) => left * 10 + right },
      ),
      holder: fc.nat(count - 1),
      asker: fc.nat(count - 1),
    }),
  );
  law(
    'R5.2-4: whatever clusters are peered, a request crosses one border, ends once, and goes round in no circle',
    graphs,
    ({ count, edges, holder, asker }) => {
      const names = Array.from({ length: count }, (_, i) => `c${i}`);
      const compute: NodeSpec = { ...brazilCompute, cluster: names[holder], region: `r/${names[holder]}` };
      const rig = new Rig([...bridgesOf(names, edges), compute]).start();
      // Whatever they have really to offer, all believe that all have it.
      for (const name of names) {
        const { sessions } = rig.node(`${name}-front`).bridge!;
        sessions.ownModels = ['b'];
        for (const session of sessions.sessions) session.models = ['b'];
      }
      rig.sent.length = 0;
      rig.ask('ann', `${names[asker]}-front`, 1, { model: 'b', allowedRegions: ['r'] });
      rig.pump();
      rig.advance(40 * SECOND_US);
      const crossings = rig.sent.filter(({ kind, from, to }) => kind === kinds.CROSS && from !== to);
      for (const { from, body } of crossings) {
        expect(rig.cast.nameOf(from)).to.equal(`${names[asker]}-front`);
        expect((body as kinds.Cross).path).to.deep.equal([names[asker]]);
      }
      expect(crossings.length, 'the first try and two more').to.be.at.most(3);
      const [told, ...none] = rig.outcomes('ann', 1);
      expect([told === undefined, none]).to.deep.equal([false, []]);
      const isNear = holder === asker || edges.some((edge) => edge.includes(holder) && edge.includes(asker));
      if (!isNear) expect(told.kind).to.equal(kinds.REFUSED);
      return edges.length > 0;
    },
    { seed: 20_261, runs: 24 },
  );
});
