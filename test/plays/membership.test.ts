import { announceLeave } from '../../core/cluster/membership/membership.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { envelopeOf, Rig, SECOND_US, type NodeSpec } from '../rig.ts';
import { Play } from './play.ts';

const THREE: readonly NodeSpec[] = ['ada', 'bob', 'cy'].map((name, i) => ({
  name,
  cluster: 'france',
  region: 'eu/fr',
  types: i === 0 ? ['index'] : ['pod-host'],
}));
const TOLD = [kinds.FIND_MEMBERS, kinds.MEMBERS, kinds.GOSSIP, kinds.NACK, kinds.PING_REQ];

function settle(): { rig: Rig; play: Play } {
  const rig = new Rig(THREE).start();
  rig.advance(60 * SECOND_US);
  const play = new Play(rig);
  play.act('Three members know one another, and nobody says anything new', []);
  return { rig, play };
}

describe('plays of membership', () => {
  it('a node joins', () => {
    const rig = new Rig(THREE);
    const play = new Play(rig);
    rig.boot('ada');
    rig.boot('bob');
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('The seed is alone, and another comes', TOLD);
    rig.boot('cy');
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('A third comes: it gets the table, and the others hear of it', TOLD);
    rig.advance(60 * SECOND_US);
    play.act('From then on tables are equal: one small message each time', [
      kinds.FIND_MEMBERS,
      kinds.MEMBERS,
    ]);
    play.compare('a-node-joins');
  });

  it('a suspicion, denied and confirmed', () => {
    const { rig, play } = settle();
    const { table } = rig.node('ada').membership!;
    const cy = table.find(rig.peer('cy'));
    const told = {
      peer: rig.peer('cy'),
      incarnation: table.incarnationAt(cy),
      state: 2,
      types: 1,
      address: 'cy',
      from: rig.peer('bob'),
      certificate: null,
    };
    const envelope = envelopeOf(kinds.GOSSIP, rig.peer('bob'), rig.peer('ada'), { items: [told] });
    rig.deliver(envelope);
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('Ada hears that cy is dead; it is a suspicion, and cy denies it', [...TOLD, kinds.NOTED]);
    rig.crash('cy');
    rig.advance(12 * SECOND_US);
    play.act('Now cy is down: it is probed in vain, suspected, and given up', [...TOLD, kinds.NOTED]);
    play.compare('a-suspicion-denied-and-confirmed');
  });

  it('a node leaves', () => {
    const { rig, play } = settle();
    rig.step(rig.station('cy'), (now) => announceLeave(rig.node('cy'), rig.node('cy').membership!, now));
    rig.advance(3 * SECOND_US);
    rig.crash('cy');
    rig.advance(12 * SECOND_US);
    play.act('Cy says that it leaves, and goes: nobody suspects it', [...TOLD, kinds.NOTED]);
    play.compare('a-node-leaves');
  });
});
