import { expect } from 'chai';
import { DISK } from '../../core/base/peers.ts';
import { indexNodesOf, memberStateOf } from '../../core/cluster/membership/detector.ts';
import { INCARNATIONS, MAX_LEAP } from '../../core/cluster/membership/incarnation.ts';
import { ALIVE, DEAD, LEFT, SUSPECT, type Member } from '../../core/cluster/membership/member.ts';
import { announceLeave, isLeaveSpread } from '../../core/cluster/membership/membership.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { envelopeOf, Rig, SECOND_US, type NodeSpec, countRefusals } from '../rig.ts';

function member(name: string, types: string[] = ['pod-host'], changes: Partial<NodeSpec> = {}): NodeSpec {
  return { name, cluster: 'france', region: 'eu/fr', types, ...changes };
}

/** Five members; the first is the index node, and the one seed. */
const FIVE = [member('a', ['index', 'gateway']), ...['b', 'c', 'd', 'e'].map((name) => member(name))];

function stateOf(rig: Rig, of: string, about: string): number | null {
  return memberStateOf(rig.node(of), rig.peer(about));
}

function incarnationOf(rig: Rig, of: string, about: string): number {
  const { table } = rig.node(of).membership!;
  return table.incarnationAt(table.find(rig.peer(about)));
}

function sayingOf(
  rig: Rig,
  about: string,
  state: number,
  incarnation: number,
  from: string | null = null,
): Member {
  return {
    peer: rig.peer(about),
    incarnation,
    state,
    types: 1,
    address: about,
    from: from === null ? null : rig.peer(from),
    certificate: null,
  };
}

function tell(rig: Rig, from: string, to: string, ...items: Member[]): void {
  rig.deliver(envelopeOf(kinds.GOSSIP, rig.peer(from), rig.peer(to), { items }, { originBoot: 1 }));
}

function countSent(rig: Rig, ...of: number[]): number {
  return rig.sent.filter(({ kind }) => of.includes(kind)).length;
}

describe('§5.1 and §5.2 Membership', () => {
  it('R5.1-1: two nodes given each other as seeds at the same instant form one cluster', () => {
    const rig = new Rig([member('a', ['index']), member('b', ['index'])]);
    rig.boot('a');
    rig.boot('b');
    rig.pump();
    rig.advance(2 * SECOND_US);
    expect([stateOf(rig, 'a', 'b'), stateOf(rig, 'b', 'a')]).to.deep.equal([ALIVE, ALIVE]);
  });

  it('R5.1-1: with every seed dead and one peer of its last life alive, a node still joins', () => {
    const rig = new Rig(FIVE).start();
    for (const name of ['a', 'b', 'c', 'd']) rig.crash(name);
    rig.boot('d');
    rig.pump();
    rig.advance(5 * SECOND_US);
    expect([stateOf(rig, 'd', 'e'), stateOf(rig, 'e', 'd')]).to.deep.equal([ALIVE, ALIVE]);
  });

  it('R5.1-2: who brings no certificate of admission does not become a member', () => {
    const stranger = member('f', ['pod-host'], { isAdmitted: false });
    const rig = new Rig([...FIVE, stranger]).start();
    tell(rig, 'b', 'c', { ...sayingOf(rig, 'f', ALIVE, 7) });
    expect([stateOf(rig, 'c', 'f'), countRefusals(rig.node('c'), 'not admitted')]).to.deep.equal([null, 1]);
    expect(rig.node('f').membership).to.equal(null);
  });

  it('R5.2-2: all find one another through one seed, and know the index nodes among them', () => {
    const rig = new Rig(FIVE).start();
    for (const { name } of FIVE) {
      expect(rig.node(name).membership!.table.liveCount, name).to.equal(5);
      expect(indexNodesOf(rig.node(name)), name).to.deep.equal([rig.peer('a')]);
    }
  });

  it('R5.2-2: who crashes is suspected, then dead for all, and no longer listed; who comes back is alive at once', () => {
    const rig = new Rig(FIVE).start();
    expect(rig.node('a').index!.directory.has(rig.peer('c'))).to.equal(true);
    rig.crash('c');
    rig.advance(4 * SECOND_US);
    expect(['a', 'b', 'd', 'e'].map((name) => stateOf(rig, name, 'c'))).to.include(SUSPECT);
    rig.advance(8 * SECOND_US);
    for (const name of ['a', 'b', 'd', 'e']) expect(stateOf(rig, name, 'c'), name).to.equal(DEAD);
    expect(rig.node('a').index!.directory.has(rig.peer('c'))).to.equal(false);
    rig.boot('c');
    rig.pump();
    rig.advance(2 * SECOND_US);
    for (const name of ['a', 'b', 'd', 'e']) expect(stateOf(rig, name, 'c'), name).to.equal(ALIVE);
  });

  it('R5.2-2: a member that cannot be reached directly is reached through others, and not suspected', () => {
    const rig = new Rig(FIVE).start();
    const [b, c] = [rig.peer('b'), rig.peer('c')];
    rig.drops = ({ from, to }) => from === b && to === c;
    rig.advance(60 * SECOND_US);
    expect(countSent(rig, kinds.PING_REQ)).to.be.greaterThan(0);
    expect(rig.notes.filter(({ body }) => (body as kinds.Noted).note === kinds.NOTE_SUSPECTED)).to.deep.equal(
      [],
    );
    expect(rig.node('b').membership!.score, 'a probe that succeeds takes blame away').to.equal(0);
  });

  it('R5.2-2: who is asked to probe in vain says so in time, and the prober does not blame itself', () => {
    const rig = new Rig(FIVE).start();
    rig.crash('c');
    rig.advance(20 * SECOND_US);
    expect(countSent(rig, kinds.NACK)).to.be.greaterThan(0);
    for (const name of ['a', 'b', 'd', 'e']) expect(rig.node(name).membership!.score, name).to.equal(0);
  });

  it('R5.2-2: who hears neither answers nor nacks blames itself, and probes ever more rarely', () => {
    const rig = new Rig(FIVE).start();
    const e = rig.peer('e');
    rig.drops = ({ to }) => to === e;
    rig.advance(20 * SECOND_US);
    expect(rig.node('e').membership!.score).to.equal(8);
    const from = rig.sent.length;
    rig.advance(60 * SECOND_US);
    const probes = rig.sent
      .slice(from)
      .filter(({ kind, from, attempt }) => kind === kinds.PING && from === e && attempt === 0);
    expect(probes.length).to.be.at.most(2 * Math.ceil(60 / 9));
  });

  it('R5.2-2: a rumour of death makes a suspect, who denies it; only the subject raises its incarnation', () => {
    const rig = new Rig(FIVE).start();
    const before = incarnationOf(rig, 'b', 'c');
    tell(rig, 'd', 'b', sayingOf(rig, 'c', DEAD, before, 'd'));
    expect([stateOf(rig, 'b', 'c'), incarnationOf(rig, 'b', 'c')]).to.deep.equal([SUSPECT, before]);
    rig.advance(2 * SECOND_US);
    for (const { name } of FIVE) {
      expect([stateOf(rig, name, 'c'), incarnationOf(rig, name, 'c')], name).to.deep.equal([
        ALIVE,
        before + 1,
      ]);
    }
  });

  it('R5.2-2: whoever repeats an old rumour hears the denial with the answer, whatever else there is to tell', () => {
    const names = Array.from({ length: 12 }, (_, i) => `m${i}`);
    const rig = new Rig(names.map((name, i) => member(name, i === 0 ? ['index'] : ['pod-host']))).start();
    const before = incarnationOf(rig, 'm1', 'm2');
    tell(rig, 'm1', 'm2', sayingOf(rig, 'm2', SUSPECT, before, 'm1'));
    const ping = (...items: Member[]): Member[] => {
      const body = { items };
      const sent = rig.deliver(
        envelopeOf(kinds.PING, rig.peer('m1'), rig.peer('m2'), body, { originBoot: 1 }),
      );
      return (sent.find(({ kind }) => kind === kinds.ACK)!.body as { items: Member[] }).items;
    };
    expect(ping().map(({ peer }) => peer)).to.include(rig.peer('m2'));
    // Ten of which nothing has been said yet come before it now.
    const others = names.filter((name) => !['m1', 'm2'].includes(name));
    const rumours = others.map((name) => sayingOf(rig, name, SUSPECT, incarnationOf(rig, 'm2', name), 'm1'));
    tell(rig, 'm1', 'm2', ...rumours);
    const [first] = ping(sayingOf(rig, 'm2', SUSPECT, before, 'm1'));
    expect([rig.cast.nameOf(first.peer), first.state, first.incarnation]).to.deep.equal([
      'm2',
      ALIVE,
      before + 1,
    ]);
  });

  it('R5.2-2: who is asked to probe one that is no member says that it heard nothing, and asks nobody', () => {
    const rig = new Rig([...FIVE, member('f', ['pod-host'], { isAdmitted: false })]).start();
    const body = { target: rig.peer('f') };
    const asked = envelopeOf(kinds.PING_REQ, rig.peer('b'), rig.peer('c'), body, { originBoot: 1, n: 77 });
    expect(rig.deliver(asked)).to.deep.equal([]);
    rig.advance(SECOND_US);
    expect(
      rig.sent.filter(({ kind, to, n }) => kind === kinds.NACK && to === rig.peer('b') && n === 77),
    ).to.have.length(1);
    expect(rig.sent.filter(({ kind, to }) => kind === kinds.PING && to === rig.peer('f'))).to.deep.equal([]);
  });

  it('R5.2-2: no lie about an incarnation is too high to be denied, and none leads others beyond a leap', () => {
    const rig = new Rig(FIVE).start();
    const before = incarnationOf(rig, 'b', 'c');
    const leaps = [1, 2, 3].map((i) => sayingOf(rig, 'c', DEAD, before + i * MAX_LEAP, 'd'));
    tell(rig, 'd', 'b', ...leaps, sayingOf(rig, 'c', DEAD, before + 5 * MAX_LEAP, 'd'));
    expect([stateOf(rig, 'b', 'c'), incarnationOf(rig, 'b', 'c')]).to.deep.equal([
      SUSPECT,
      before + 3 * MAX_LEAP,
    ]);
    expect(countRefusals(rig.node('b'), 'malformed')).to.equal(1);
    rig.advance(2 * SECOND_US);
    for (const name of ['a', 'b', 'd', 'e'])
      expect([stateOf(rig, name, 'c'), incarnationOf(rig, name, 'c')], name).to.deep.equal([
        ALIVE,
        before + 3 * MAX_LEAP + 1,
      ]);
  });

  it('R5.2-2: an accuser counts once, and only if it is a member and not the accused', () => {
    const rig = new Rig(FIVE).start();
    rig.drops = () => true;
    const incarnation = incarnationOf(rig, 'b', 'c');
    const accusers = (): number => rig.node('b').membership!.suspicions[0].accusers.length;
    tell(rig, 'd', 'b', sayingOf(rig, 'c', SUSPECT, incarnation, 'd'));
    const { dueUs, startUs } = rig.node('b').membership!.suspicions[0];
    expect(dueUs - startUs, 'nobody has confirmed it').to.equal(24 * SECOND_US);
    for (const from of ['d', 'c', 'mallory']) {
      tell(rig, 'd', 'b', sayingOf(rig, 'c', SUSPECT, incarnation, from));
      expect(accusers(), from).to.equal(1);
    }
    tell(
      rig,
      'd',
      'b',
      sayingOf(rig, 'c', SUSPECT, incarnation, 'e'),
      sayingOf(rig, 'c', SUSPECT, incarnation, 'a'),
    );
    expect(accusers()).to.equal(3);
    expect(rig.node('b').membership!.suspicions[0].dueUs - startUs, 'two have').to.equal(4 * SECOND_US);
  });

  it('R5.2-2: a suspect that asks who is there, or beats, hears at once that it is suspected', () => {
    const rig = new Rig(FIVE).start();
    rig.advance(35 * SECOND_US);
    const lastOf = (kind: number) =>
      rig.sent.findLast((envelope) => envelope.kind === kind && envelope.from === rig.peer('c'))!;
    const [beat, question] = [lastOf(kinds.BEAT), { ...lastOf(kinds.FIND_MEMBERS), to: rig.peer('a') }];
    const told = (envelope: typeof beat) =>
      rig.deliver(envelope).filter(({ to }) => to === rig.peer('c')).length;
    expect([told(beat), told(question)], 'nothing is said to whom nobody doubts').to.deep.equal([0, 0]);
    tell(rig, 'd', 'a', sayingOf(rig, 'c', SUSPECT, incarnationOf(rig, 'a', 'c'), 'd'));
    expect(stateOf(rig, 'a', 'c')).to.equal(SUSPECT);
    expect([told(beat), told(question)]).to.deep.equal([1, 1]);
    rig.advance(SECOND_US);
    expect(stateOf(rig, 'a', 'c')).to.equal(ALIVE);
  });

  it('R5.2-2: who is about to be given up is told once more, and has the time of a probe to deny it', () => {
    const rig = new Rig(FIVE).start();
    rig.drops = () => true;
    tell(rig, 'd', 'b', sayingOf(rig, 'c', SUSPECT, incarnationOf(rig, 'b', 'c'), 'd'));
    const warnings = (): Member[] =>
      rig.sent
        .filter(({ kind, from, to }) => kind === kinds.PING && from === rig.peer('b') && to === rig.peer('c'))
        .flatMap(({ body }) => (body as { items: Member[] }).items)
        .filter(({ peer, state }) => peer === rig.peer('c') && state === SUSPECT);
    // It finds out for itself, too, by its own probes, which makes the time shorter.
    rig.advance(5 * SECOND_US);
    const suspicion = rig.node('b').membership!.suspicions.find(({ peer }) => peer === rig.peer('c'))!;
    let before = -1;
    while (!suspicion.isWarned) {
      before = warnings().length;
      rig.advance(SECOND_US / 10);
    }
    expect(warnings().length - before).to.equal(1);
    expect(stateOf(rig, 'b', 'c')).to.equal(SUSPECT);
    rig.advance(0.3 * SECOND_US);
    expect(stateOf(rig, 'b', 'c')).to.equal(SUSPECT);
    rig.advance(0.3 * SECOND_US);
    expect(stateOf(rig, 'b', 'c')).to.equal(DEAD);
  });

  it('R5.2-2: an incarnation is stored before it is used, and each boot begins above all earlier ones', () => {
    const rig = new Rig(FIVE).start();
    const before = incarnationOf(rig, 'c', 'c');
    tell(rig, 'd', 'c', sayingOf(rig, 'c', SUSPECT, before + INCARNATIONS, 'd'));
    const [stored] = rig.sent.slice(-1);
    expect([stored.kind, stored.to]).to.deep.equal([kinds.STORE, DISK]);
    expect(incarnationOf(rig, 'c', 'c'), 'not before').to.equal(before);
    rig.pump();
    const raised = incarnationOf(rig, 'c', 'c');
    expect(raised).to.equal(before + INCARNATIONS + 1);
    rig.crash('c');
    rig.boot('c');
    rig.pump();
    expect(incarnationOf(rig, 'c', 'c')).to.equal(raised + INCARNATIONS);
  });

  it('R5.2-2: tables that are equal cost one small message, and nothing is answered', () => {
    const rig = new Rig(FIVE).start();
    rig.advance(60 * SECOND_US);
    const from = rig.sent.length;
    rig.advance(65 * SECOND_US);
    const asked = rig.sent.slice(from).filter(({ kind }) => kind === kinds.FIND_MEMBERS);
    expect(asked.length, 'every 30 s each').to.be.within(10, 15);
    expect(rig.sent.slice(from).filter(({ kind }) => kind === kinds.MEMBERS)).to.deep.equal([]);
  });

  it('R5.2-2: two sides of a cut give each other up, and find each other again within two exchanges of its end', () => {
    const rig = new Rig(FIVE).start();
    const left = new Set(['a', 'b'].map((name) => rig.peer(name)));
    rig.drops = ({ from, to }) => from >= 0 && to >= 0 && left.has(from) !== left.has(to);
    rig.advance(60 * SECOND_US);
    expect([stateOf(rig, 'a', 'c'), stateOf(rig, 'd', 'b')]).to.deep.equal([DEAD, DEAD]);
    rig.drops = () => false;
    rig.advance(60 * SECOND_US);
    for (const of of 'abcde')
      for (const about of 'abcde') expect(stateOf(rig, of, about), of + about).to.equal(ALIVE);
  });

  it('R5.1-3: a leaver says so, and is never suspected', () => {
    const rig = new Rig(FIVE).start();
    rig.step(rig.station('c'), (now) => announceLeave(rig.node('c'), rig.node('c').membership!, now));
    rig.advance(5 * SECOND_US);
    expect(isLeaveSpread(rig.node('c').membership!)).to.equal(true);
    rig.crash('c');
    rig.advance(30 * SECOND_US);
    for (const name of ['a', 'b', 'd', 'e']) expect(stateOf(rig, name, 'c'), name).to.equal(LEFT);
    const suspected = rig.notes.filter(({ body }) => (body as kinds.Noted).note === kinds.NOTE_SUSPECTED);
    expect(suspected).to.deep.equal([]);
  });

  it('R5.2-2: the dead are remembered for a while, and at the bound of the table they make room first', () => {
    const rig = new Rig(FIVE.map((spec) => ({ ...spec, parameters: { forgetUs: 60 * SECOND_US } }))).start();
    rig.crash('c');
    rig.advance(30 * SECOND_US);
    expect(stateOf(rig, 'b', 'c')).to.equal(DEAD);
    rig.advance(60 * SECOND_US);
    expect(stateOf(rig, 'b', 'c')).to.equal(null);

    const full = new Rig(FIVE.map((spec) => ({ ...spec, parameters: { maxMembers: 3 } }))).start();
    for (const { name } of FIVE) {
      const { table } = full.node(name).membership!;
      expect(table.count, name).to.be.at.most(3);
    }
    expect(countRefusals(full.node('a'), 'no room')).to.be.greaterThan(0);
  });

  it('R5.2-2: where the cluster only sends heartbeats, nodes know the index nodes that they are told of', () => {
    const rig = new Rig(FIVE.map((spec) => ({ ...spec, detector: 'heartbeat' as const }))).start();
    expect(countSent(rig, kinds.PING, kinds.FIND_MEMBERS)).to.equal(0);
    expect(indexNodesOf(rig.node('c'))).to.deep.equal([rig.peer('a')]);
    expect(rig.node('a').index!.directory.has(rig.peer('c'))).to.equal(true);
    rig.crash('c');
    rig.advance(8 * SECOND_US);
    expect(rig.node('a').index!.directory.has(rig.peer('c'))).to.equal(false);
  });
});
