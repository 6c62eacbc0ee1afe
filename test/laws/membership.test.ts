import fc from 'fast-check';
import { expect } from 'chai';
import { DEAD, isNewer, SUSPECT, type Member } from '../../core/cluster/membership/member.ts';
import { hearOf } from '../../core/cluster/membership/membership.ts';
import { Outbox } from '../../core/machine/envelope.ts';
import { cloneNode, type Node } from '../../core/machine/node-state.ts';
import type { Certificate } from '../../core/trust/documents.ts';
import { certifyFor, Rig, WALL_START_US, type NodeSpec } from '../rig.ts';
import { law } from './law.ts';

/** When the certificates that all begin with run out. */
const FIRST_US = WALL_START_US + 1e15;

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const FIVE: readonly NodeSpec[] = NAMES.map((name, i) => ({
  name,
  cluster: 'france',
  region: 'eu/fr',
  types: i === 0 ? ['index'] : ['pod-host'],
}));

/** Certificates that come with a saying: none, the known one, later ones, and those that do not hold. */
const SHOWN = [
  'nothing',
  'the same',
  'earlier',
  'later',
  'latest',
  'forged',
  'of another',
  'run out',
] as const;
type Shown = (typeof SHOWN)[number];

const saying = fc.record({
  about: fc.constantFrom('b', 'c', 'd'),
  raisedBy: fc.nat(3),
  state: fc.nat(3),
  from: fc.constantFrom('b', 'c', 'd', 'e'),
  shows: fc.constantFrom(...SHOWN),
});
const sayingsOfSome = fc.array(saying, { maxLength: 12 });
type Saying = { about: string; raisedBy: number; state: number; from: string; shows: Shown };

describe('laws of membership', () => {
  const rig = new Rig(FIVE).start();
  const node = rig.node('a');

  function hearAll(sayings: readonly Saying[]): Node {
    const hearer = cloneNode(node);
    const out = new Outbox();
    for (const said of sayings)
      hearOf(hearer, hearer.membership!, rig.nowOf(rig.station('a')), out, memberOf(said), rig.peer('e'));
    return hearer;
  }

  function certificateOf(about: string, shows: Shown): Certificate | null {
    const { genesis } = node.config;
    const certify = (untilWallUs: number, of = about): Certificate =>
      certifyFor(rig.cast, genesis, rig.peer(of), { untilWallUs });
    switch (shows) {
      case 'nothing':
        return null;
      case 'the same':
        return certify(FIRST_US);
      case 'earlier':
        return certify(FIRST_US - 1);
      case 'later':
        return certify(FIRST_US + 1);
      case 'latest':
        return certify(FIRST_US + 2);
      case 'forged':
        return { ...certify(FIRST_US), untilWallUs: FIRST_US + 3 };
      case 'of another':
        return certify(FIRST_US + 4, 'e');
      case 'run out':
        return certify(WALL_START_US);
    }
  }

  function memberOf({ about, raisedBy, state, from, shows }: Saying): Member {
    const { table } = node.membership!;
    const row = table.find(rig.peer(about));
    return {
      peer: rig.peer(about),
      incarnation: table.incarnationAt(row) + raisedBy,
      state,
      types: table.typesAt(row),
      address: about,
      from: rig.peer(from),
      certificate: certificateOf(about, shows),
    };
  }

  function thoughtBy({ membership }: Node): string[] {
    const { table } = membership!;
    return NAMES.map((name) => {
      const row = table.find(rig.peer(name));
      const untilUs = table.untilWallUsAt(row) - FIRST_US;
      return `${name} ${table.incarnationAt(row)} ${table.stateAt(row)} until ${untilUs}`;
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
    'R5.1-2: two tables that have heard the same of admissions have the same sums, in whatever order',
    sayingsOfSome,
    (sayings) => {
      const [one, other] = [hearAll(sayings), hearAll(sayings.toReversed())].map(
        ({ membership }) => membership!.table,
      );
      expect([one.liveHigh, one.liveLow, one.nextExpiryWallUs]).to.deep.equal([
        other.liveHigh,
        other.liveLow,
        other.nextExpiryWallUs,
      ]);
      return sayings.some(({ shows }) => shows === 'later' || shows === 'latest');
    },
    { seed: 3, runs: 300 },
  );

  law(
    'R5.2-2: of one member the highest incarnation holds, of one incarnation the gravest word, death being a suspicion, and the latest true certificate',
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
        const shown = sayings.filter(({ about }) => about === name).map(({ shows }) => shows);
        const until = shown.includes('latest') ? 2 : shown.includes('later') ? 1 : 0;
        return `${name} ${incarnation} ${state} until ${until}`;
      });
      expect(thoughtBy(hearAll(sayings))).to.deep.equal(expected);
      return sayings.length > 0;
    },
    { seed: 2, runs: 300 },
  );
});
