import { expect } from 'chai';
import { OBSERVER } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { ERROR_CODES } from '../../../core/routing/outcomes.ts';
import { envelopeOf, Rig, SECOND_US } from '../../rig.ts';

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
    const late = node.late;
    expect(cross(rig, 'compute-2', 'front', [])).to.deep.equal([]);
    expect([node.late, node.bridge!.outward.searches.size]).to.deep.equal([late + 1, 1]);
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
