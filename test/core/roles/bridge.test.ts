import { expect } from 'chai';
import { OBSERVER } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../../core/routing/outcomes.ts';
import { envelopeOf, FEDERATION, Rig, SECOND_US, countRefusals } from '../../rig.ts';

function cross(
  rig: Rig,
  from: string,
  to: string,
  path: string[],
  changes: object = {},
  attempt = 3,
): Envelope[] {
  const body = { want: rig.want({ model: 'b', ...changes }), path };
  const id = { origin: rig.peer('ann'), n: 1, attempt };
  const envelope = envelopeOf(kinds.CROSS, rig.peer(from), rig.peer(to), body, id);
  return rig.deliver(envelope).filter(({ to }) => to !== OBSERVER);
}

const codeOf = ({ body }: Envelope): string => ERROR_CODES[(body as kinds.Refused).code];

describe('a bridge', () => {
  it('takes a request of its cluster out: to a bridge that exports the model, with its cluster in the path', () => {
    const rig = new Rig().start();
    const [working, sent] = cross(rig, 'compute-1', 'front', []);
    expect([working.kind, working.to, working.attempt]).to.deep.equal([
      kinds.WORKING,
      rig.peer('compute-1'),
      3,
    ]);
    expect([sent.kind, sent.to, sent.origin, sent.n]).to.deep.equal([
      kinds.CROSS,
      rig.peer('brazil-front'),
      rig.peer('ann'),
      1,
    ]);
    expect((sent.body as kinds.Cross).path).to.deep.equal(['france']);
  });

  it('takes a request of another cluster in, and searches its own', () => {
    const rig = new Rig().start();
    const [working, find] = cross(rig, 'front', 'brazil-front', ['france']);
    expect([working.kind, working.to]).to.deep.equal([kinds.WORKING, rig.peer('front')]);
    expect([find.kind, find.to, (find.body as kinds.Find).withBridges]).to.deep.equal([
      kinds.FIND,
      rig.peer('brazil-front'),
      false,
    ]);
    rig.pump();
    const answer = rig.sent.find(({ kind, to }) => kind === kinds.ANSWER && to === rig.peer('front'))!;
    expect([answer.attempt, (answer.body as kinds.Answer).servedBy]).to.deep.equal([
      3,
      rig.peer('brazil-compute'),
    ]);
  });

  const refusals: [string, string, string[], object, RegExp][] = [
    ['one that has come in a circle', 'front', ['brazil', 'france'], {}, /circle/],
    ['one of another cluster that names no path', 'front', [], {}, /another border/],
    ['one that says it comes from elsewhere', 'front', ['japan'], {}, /another border/],
    ['one with a path from whoever no peering names', 'mallory', ['france'], {}, /no peering is in force/],
    ['one for a model that is not exported', 'front', ['france'], { model: 'c' }, /does not export/],
  ];
  for (const [what, from, path, changes, detail] of refusals) {
    it(`refuses ${what}`, () => {
      const rig = new Rig().start();
      const [refused, ...none] = cross(rig, from, 'brazil-front', path, changes);
      expect([refused.kind, codeOf(refused), none]).to.deep.equal([kinds.REFUSED, 'NO_ELIGIBLE_NODE', []]);
      expect((refused.body as kinds.Refused).detail).to.match(detail);
      expect(rig.node('brazil-front').bridge!.inward.searches.size).to.equal(0);
    });
  }

  it('holds a request once: a duplicate hears that it works, another asker nothing', () => {
    const rig = new Rig().start();
    cross(rig, 'compute-1', 'front', []);
    const again = cross(rig, 'compute-1', 'front', []);
    expect(again.map(({ kind }) => kind)).to.deep.equal([kinds.WORKING]);
    const { node } = rig.station('front');
    const replayed = countRefusals(node, 'replayed');
    expect(cross(rig, 'compute-2', 'front', [])).to.deep.equal([]);
    expect([countRefusals(node, 'replayed'), node.bridge!.outward.searches.size]).to.deep.equal([
      replayed + 1,
      1,
    ]);
  });

  describe('that a request reaches twice', () => {
    const [front, compute1, , brazilFront, brazilCompute] = FEDERATION;
    const front2 = { ...front, name: 'front-2' };
    const peered = ['front', 'front-2', 'chile-front'];
    const chile = { ...front, name: 'chile-front', cluster: 'chile', region: 'americas/cl', peered: [] };
    const start = () =>
      new Rig([front, front2, chile, compute1, { ...brazilFront, peered }, brazilCompute]).start();
    const runs = (rig: Rig): number => rig.sent.filter(({ kind }) => kind === kinds.INFER).length;

    it('tells who asked, and another bridge of its cluster, the same again, and runs nothing for it', () => {
      const rig = start();
      cross(rig, 'front', 'brazil-front', ['france']);
      rig.pump();
      for (const [from, attempt] of [
        ['front', 3],
        ['front-2', 9],
      ] as const) {
        const again = cross(rig, from, 'brazil-front', ['france'], {}, attempt);
        expect(again.map(({ kind, to, attempt }) => [kind, to, attempt])).to.deep.equal([
          [kinds.ANSWER, rig.peer(from), attempt],
        ]);
      }
      expect(runs(rig)).to.equal(1);
    });

    it('tells a bridge of another cluster nothing of what was answered', () => {
      const rig = start();
      cross(rig, 'front', 'brazil-front', ['france']);
      expect(cross(rig, 'chile-front', 'brazil-front', ['chile']), 'while it is open').to.deep.equal([]);
      rig.pump();
      const [refused] = cross(rig, 'chile-front', 'brazil-front', ['chile']);
      expect([refused.kind, codeOf(refused)]).to.deep.equal([kinds.REFUSED, 'NO_ELIGIBLE_NODE']);
      expect(runs(rig)).to.equal(1);
    });

    it('gives the answer to the later of two bridges of one cluster: it asks because the other was silent', () => {
      const rig = start();
      rig.isInferring = false;
      cross(rig, 'front', 'brazil-front', ['france'], {}, 3);
      const [working, ...none] = cross(rig, 'front-2', 'brazil-front', ['france'], {}, 7);
      expect([working.kind, working.to, none]).to.deep.equal([kinds.WORKING, rig.peer('front-2'), []]);
      const prompt = { hash: 'another', sizeBytes: 400, keyId: 0 };
      expect(cross(rig, 'front', 'brazil-front', ['france'], { prompt }), 'for another prompt').to.deep.equal(
        [],
      );
      rig.isInferring = true;
      rig.pump();
      const told = rig.sent.filter(
        ({ kind, from }) => kind === kinds.ANSWER && from === rig.peer('brazil-front'),
      );
      expect(told.map(({ to, attempt }) => [to, attempt])).to.deep.equal([[rig.peer('front-2'), 7]]);
    });

    it('searches again for what it has refused: that had no effect', () => {
      const rig = start();
      rig.node('brazil-front').bridge!.sessions.ownModels = ['b', 'c'];
      cross(rig, 'front', 'brazil-front', ['france'], { model: 'c' });
      rig.pump();
      const finds = () => rig.sent.filter(({ kind }) => kind === kinds.FIND).length;
      const before = finds();
      cross(rig, 'front', 'brazil-front', ['france'], { model: 'c' });
      expect(finds()).to.equal(before + 1);
    });

    it('forgets it after two minutes', () => {
      const rig = start();
      cross(rig, 'front', 'brazil-front', ['france']);
      rig.pump();
      rig.advance(121 * SECOND_US);
      const again = cross(rig, 'front', 'brazil-front', ['france']);
      expect(again.map(({ kind }) => kind)).to.deep.equal([kinds.WORKING, kinds.FIND]);
    });
  });

  it('says CLUSTER_UNREACHABLE, and of whom, when nobody over there is heard', () => {
    const rig = new Rig().start();
    rig.crash('brazil-front');
    rig.advance(4 * SECOND_US);
    const refused = cross(rig, 'compute-1', 'front', []).at(-1)!;
    expect([codeOf(refused), (refused.body as kinds.Refused).struck]).to.deep.equal([
      'CLUSTER_UNREACHABLE',
      [{ peer: rig.peer('brazil-front'), cluster: 'brazil', reason: 9 }],
    ]);
  });

  it('passes over a bridge that falls silent with the request in its hands', () => {
    const rig = new Rig().start();
    rig.drops = ({ kind, to }) => kind === kinds.CROSS && to === rig.peer('brazil-front');
    cross(rig, 'compute-1', 'front', []);
    rig.pump();
    rig.sent.length = 0;
    rig.advance(3 * SECOND_US);
    const refused = rig.sent.find(({ kind, to }) => kind === kinds.REFUSED && to === rig.peer('compute-1'))!;
    expect(codeOf(refused)).to.equal('CLUSTER_UNREACHABLE');
    expect(rig.node('front').bridge!.outward.inFlight.size).to.equal(0);
  });

  it('asks its index nodes every five seconds what there is to export', () => {
    const rig = new Rig().start();
    rig.sent.length = 0;
    rig.advance(20 * SECOND_US);
    const asked = rig.sent.filter(
      ({ kind, from }) => kind === kinds.FIND_OFFERS && from === rig.peer('front'),
    );
    expect(asked).to.have.length(4);
  });
});
