import { expect } from 'chai';
import type { Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { certifyFor, envelopeOf, Rig, SECOND_US, type NodeSpec } from '../rig.ts';
import { Play } from './play.ts';

const OPERATORS = ['operator 1 of france', 'operator 2 of france'];
const FRANCE = { cluster: 'france', region: 'eu/fr', operators: 2 };
const THREE: readonly NodeSpec[] = [
  { ...FRANCE, name: 'ada', types: ['index', 'gateway'] },
  { ...FRANCE, name: 'bob', types: ['compute'], models: ['a'] },
  { ...FRANCE, name: 'cy', types: ['compute'], models: ['a'], isAdmitted: false },
];
const COMING = [kinds.JOIN, kinds.JOINED, kinds.PENDING, kinds.REFUSED, kinds.APPROVE, kinds.DIAL];
const MEETING = [kinds.FIND_MEMBERS, kinds.MEMBERS];
const GOING = [kinds.LEAVE, kinds.LEFT, kinds.BEAT, kinds.GOSSIP, kinds.NOTED, kinds.RUN, kinds.ANSWER];

function settle(): { rig: Rig; play: Play } {
  const rig = new Rig(THREE).start();
  rig.advance(30 * SECOND_US);
  const play = new Play(rig);
  play.act('Ada and bob are members; cy runs, and nobody has admitted it', []);
  return { rig, play };
}

/** Somebody at a console says something to a node. */
function tell(rig: Rig, to: string, kind: number, body: unknown, from = OPERATORS[0]): void {
  const envelope = envelopeOf(kind, rig.peer(from), rig.peer(to), body, { n: rig.sent.length + 1 });
  rig.sent.push(envelope);
  rig.wire.push(envelope);
  rig.pump();
}

function order(rig: Rig, isCertified = false): void {
  const { genesis } = rig.node('ada').config;
  const certificate = isCertified ? certifyFor(rig.cast, genesis, rig.peer('cy')) : null;
  tell(rig, 'cy', kinds.JOIN, { application: null, certificate, seeds: [] });
}

describe('plays of coming and going', () => {
  it('a newcomer is admitted', () => {
    const { rig, play } = settle();
    rig.unreachable.add('cy');
    order(rig);
    play.act('Cy is told to join; it is called back where it says that it is, and nobody answers there', [
      ...COMING,
    ]);
    rig.unreachable.delete('cy');
    order(rig);
    play.act('Now it can be reached; two operators must sign, and it waits', COMING);
    rig.advance(65 * SECOND_US);
    play.act('It asks now and then how things stand', COMING);
    const pending = rig.mail.findLast(({ kind }) => kind === kinds.PENDING)!.body as Pending;
    for (const operator of OPERATORS) {
      const signature = rig.cast.sign(rig.peer(operator), pending.ticket);
      tell(rig, 'ada', kinds.APPROVE, { ticket: pending.ticket, signature }, operator);
    }
    rig.advance(SECOND_US);
    play.act('Both sign: it is a member as soon as tables have been compared', [...COMING, ...MEETING]);
    rig.crash('cy');
    rig.boot('cy');
    rig.pump();
    play.act('After a crash it asks nobody to be let in', [...COMING, ...MEETING]);
    order(rig);
    play.act('Told once more, it says that it is', [...COMING, ...MEETING]);
    play.compare('a-newcomer-is-admitted');
  });

  it('a newcomer that brings its certificate', () => {
    const { rig, play } = settle();
    order(rig, true);
    play.act('Operators have signed before: it is called back, and is a member', [...COMING, ...MEETING]);
    play.compare('a-newcomer-brings-its-certificate');
  });

  it('a node is told to leave', () => {
    const { rig, play } = settle();
    rig.isInferring = false;
    rig.ask('ann', 'ada', 1);
    rig.pump();
    play.act('Bob works', [kinds.RUN]);
    tell(rig, 'bob', kinds.LEAVE, {});
    rig.advance(2 * SECOND_US);
    play.act('It is told to leave: it says that it drains, and is a member as long as it works', GOING);
    rig.isInferring = true;
    rig.pump();
    rig.advance(3 * SECOND_US);
    play.act('Its work is done: it says that it leaves, and is gone', GOING);
    rig.advance(20 * SECOND_US);
    play.act('Nobody looks for it', [kinds.PING_REQ, kinds.NOTED]);
    rig.crash('bob');
    rig.boot('bob');
    rig.advance(5 * SECOND_US);
    play.act('A restart does not bring it back', [...MEETING, ...COMING, kinds.PING]);
    expect(rig.node('bob').membership).to.equal(null);
    tell(rig, 'bob', kinds.JOIN, { application: null, certificate: null, seeds: [] });
    rig.advance(SECOND_US);
    play.act('An order does', [...COMING, ...MEETING]);
    play.compare('a-node-is-told-to-leave');
  });
});
