import { peeringHash, revocationHash } from '../../core/cluster/border/peering.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { peeringFor, signByOperators } from '../agreements.ts';
import { envelopeOf, FEDERATION, genesisOf, Rig, SECOND_US, type NodeSpec } from '../rig.ts';
import { Play } from './play.ts';

const REQUEST = [kinds.ASK, kinds.FIND, kinds.FOUND, kinds.RUN, kinds.CROSS, kinds.ANSWER, kinds.REFUSED];

function ask(rig: Rig, play: Play, title: string, n: number, model: string): void {
  rig.ask('ann', 'front', n, { model });
  rig.pump();
  rig.advance(SECOND_US / 4);
  play.act(title, REQUEST);
}

describe('plays at the border', () => {
  it('a peering made and used', () => {
    const none = FEDERATION.map((spec) => ({ ...spec, agreements: () => ({ peerings: [] }) }));
    const rig = new Rig(none).start();
    const play = new Play(rig);
    play.act('Two clusters hear of each other; neither has a peering', [kinds.CLUSTER_NEWS, kinds.SESSION]);
    ask(rig, play, 'What is asked of the other is not known to anybody', 1, 'b');
    const peering = peeringFor(rig.cast, FEDERATION, 'france', 'brazil', {
      exports: { france: ['a'], brazil: ['b'] },
    });
    const bring = (body: kinds.PeeringNews): void => {
      rig.wire.push(envelopeOf(kinds.PEERING, rig.peer('ben'), rig.peer('front'), body));
      rig.pump();
      rig.advance(2 * SECOND_US);
    };
    bring({ peering, revocation: null });
    play.act('Operators of both have signed a peering, and somebody brings it', [
      kinds.PEERING,
      kinds.SESSION,
      kinds.EXPORTS,
    ]);
    ask(rig, play, 'Now it is answered', 2, 'b');
    const hash = peeringHash(rig.cast, peering);
    const genesis = genesisOf(rig.cast, FEDERATION[3]);
    const signatures = signByOperators(rig.cast, genesis, revocationHash(rig.cast, hash));
    bring({ peering, revocation: { peering: hash, signatures } });
    play.act('One side withdraws it', [kinds.PEERING, kinds.SESSION, kinds.EXPORTS]);
    ask(rig, play, 'And it is over', 3, 'b');
    play.compare('a-peering-made-and-used');
  });

  it('a request through all three stages', () => {
    const front: NodeSpec = {
      ...FEDERATION[0],
      types: ['gateway', 'index', 'bridge', 'compute'],
      models: ['c'],
    };
    const rig = new Rig([front, FEDERATION[1], ...FEDERATION.slice(3)]).start();
    const play = new Play(rig);
    play.act('Before', []);
    ask(rig, play, 'Local: the gateway can serve it itself', 1, 'c');
    ask(rig, play, 'Cluster: another node can', 2, 'a');
    ask(rig, play, 'Federation: another cluster can', 3, 'b');
    play.compare('a-request-through-all-three-stages');
  });
});
