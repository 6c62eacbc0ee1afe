import fc from 'fast-check';
import { expect } from 'chai';
import { DEAD, isNewer, SUSPECT, type Member } from '../../core/cluster/membership/member.ts';
import { hearOf } from '../../core/cluster/membership/membership.ts';
import { Outbox } from '../../core/machine/envelope.ts';
import { cloneNode, type Node } from '../../core/machine/node-state.ts';
import { Rig, type NodeSpec } from '../rig.ts';
import { law } from './law.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const FIVE: readonly NodeSpec[] = NAMES.map((name, i) => ({
  name,
  cluster: 'france',
  region: 'eu/fr',
  types: i === 0 ? ['index'] : ['pod-host'],
}));

const saying = fc.record({
  about: fc.constantFrom('b', 'c', 'd'),
  raisedBy: fc.nat(3),
  state: fc.nat(3),
  from: fc.constantFrom('b', 'c', 'd', 'e'),
});
const sayingsOfSome = fc.array(saying, { maxLength: 12 });
type Saying = { about: string; raisedBy: number; state: number; from: string };

describe('laws of membership', () => {
  const rig = new Rig(FIVE).start();
  const node = rig.node('a');

  function hearAll(sayings: readonly Saying[]): Node {
    const hearer = cloneNode(node);
    const out = new Outbox();
    for (const said of sayings)
      hearOf(hearer, hearer.membership!, rig.nowOf(rig.station('a')), out, memberOf(said));
    return hearer;
  }

  function memberOf({ about, raisedBy, state, from }: Saying): Member {
    const { table } = node.membership!;
    const row = table.find(rig.peer(about));
    return {
      peer: rig.peer(about),
      incarnation: table.incarnationAt(row) + raisedBy,
      state,
      types: table.typesAt(row),
      address: about,
      from: rig.peer(from),
      certificate: null,
    };
  }

  function thoughtBy({ membership }: Node): string[] {
    const { table } = membership!;
    return NAMES.map((name) => {
      const row = table.find(rig.peer(name));
      return `${name} ${table.incarnationAt(row)} ${table.stateAt(row)}`;
    });
  }

  law(
    'R5.2-2: what is heard comes to the same in any order, and however often',
    sayingsOfSome,
    (sayings) => {
      const thought = thoughtBy(hearAll(sayings));
      expect(thoughtBy(hearAll(sayings.toReversed()))).to.deep.equal(thought);
      expect(thoughtBy(hearAll([...sayings, ...sayings]))).to.deep.equal(thought);
      const half = Math.floor(sayings.length / 2);
      expect(thoughtBy(hearAll([...sayings.slice(half), ...sayings.slice(0, half)]))).to.deep.equal(thought);
      return sayings.length > 1;
    },
    { seed: 1, runs: 300 },
  );

  law(
    'R5.2-2: of one member the highest incarnation holds, and of one incarnation the gravest word, death being a suspicion',
    sayingsOfSome,
    (sayings) => {
      const { table } = node.membership!;
      const expected = NAMES.map((name) => {
        const row = table.find(rig.peer(name));
        let [incarnation, state] = [table.incarnationAt(row), table.stateAt(row)];
        for (const told of sayings.filter(({ about }) => about === name).map(memberOf)) {
          const toldState = told.state === DEAD ? SUSPECT : told.state;
          if (isNewer(told.incarnation, toldState, incarnation, state))
            [incarnation, state] = [told.incarnation, toldState];
        }
        return `${name} ${incarnation} ${state}`;
      });
      expect(thoughtBy(hearAll(sayings))).to.deep.equal(expected);
      return sayings.length > 0;
    },
    { seed: 2, runs: 300 },
  );
});
