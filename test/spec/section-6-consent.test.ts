import { expect } from 'chai';
import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import {
  DELEGATED,
  EMERGENCY,
  FIRST_LOCK,
  MAX_OPEN_OF_ONE,
  SECOND_LOCK,
  type Matter,
  type Permission,
  type Proposal,
} from '../../core/policy/consent-documents.ts';
import { patternHash, proposedHash } from '../../core/policy/consent-hashes.ts';
import { takenWith } from '../../core/roles/pods/pod-receipts.ts';
import {
  KEPT,
  MAX_OPEN_RECEIPTS,
  type PodConsented,
  type PodFound,
  type PodKept,
  type Receipt,
} from '../../core/roles/pods/pod-records.ts';
import {
  CONSENT_REQUIRED,
  NOT_ADMITTED,
  NOT_READY,
  NO_CAPABLE_NODE,
  OVERLOADED,
} from '../../core/routing/outcomes.ts';
import { permit, signPattern, signWithdrawal, signWord } from '../../sim/consent-papers.ts';
import { asking, patternOf, podCluster, PodOwner, propose, signConsent, signPolicy } from '../pods.ts';
import { Rig, SECOND_US, WALL_START_US } from '../rig.ts';

const HOUR_US = 3_600 * SECOND_US;

/** Ann has a pod on the hosts in France, and Ben would like to use it. */
function stage(regions: readonly string[] = ['eu/fr', 'eu/fr', 'eu/fr']) {
  const rig = new Rig(podCluster(regions)).start();
  const ann = new PodOwner(rig);
  const ben = new PodOwner(rig, 'ben');
  ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'diary');
  rig.advance(6 * SECOND_US);
  const wallUs = (): number => rig.nowUs + rig.wallOffsetUs;
  const matter = (proposal: Proposal, words: Partial<Matter> = {}): Matter =>
    ({ proposal, understood: null, decided: null, ...words }) as Matter;
  const say = (lock: 1 | 2, proposal: Proposal, said: number, version = 1, changes = {}) =>
    signWord(rig.cast, lock, ann.podId(), proposal, ann.peer, {
      said,
      version,
      wallUs: wallUs(),
      ...changes,
    });
  return { rig, ann, ben, wallUs, matter, say };
}

function bodyOf<T>(envelope: Envelope | null): T {
  expect(envelope, 'somebody answers').not.to.equal(null);
  return envelope!.body as T;
}

const codeOf = (envelope: Envelope | null): number => bodyOf<kinds.Refused>(envelope).code;
const detailOf = (envelope: Envelope | null): string => bodyOf<kinds.Refused>(envelope).detail;
const bookOf = (envelope: Envelope | null) => bodyOf<PodConsented>(envelope).book;
const receiptsOf = (envelope: Envelope | null): Receipt[] => bodyOf<PodConsented>(envelope).receipts;

describe('§6.2 consent to uses of pods', () => {
  it('R6.2-4: what is proposed is asked about, changed, deferred, and authorised in the end', () => {
    const { rig, ann, ben, matter, say } = stage();
    const pods = [ann.podId()];
    const first = propose(rig.cast, ben.peer, pods);
    const read = (proposal: Proposal, known: Matter): Envelope | null =>
      ben.read(ann.peer, { ...known, pattern: null, proposal } as Permission);
    expect(ben.consent({ matters: [matter(first)] }, ann.peer)?.kind).to.equal(kinds.POD_CONSENTED);
    expect(detailOf(read(first, matter(first)))).to.match(/^the first lock is shut/);
    expect(bookOf(ann.consent()).matters.map(({ proposal }) => proposal)).to.deep.equal([first]);
    ann.consent({
      matters: [matter(first, { understood: say(FIRST_LOCK, first, 1, 1, { detail: 'Whose care?' }) })],
    });
    const asked = bookOf(ben.consent({}, ann.peer)).matters[0]!;
    expect(asked.understood).to.include({ said: 1, detail: 'Whose care?' });
    expect(detailOf(read(first, asked))).to.match(/first lock is shut: the owner has asked a question/);

    const second = propose(rig.cast, ben.peer, pods, { round: 2, answer: 'Ours.' });
    ben.consent({ matters: [matter(second)] }, ann.peer);
    const understood = say(FIRST_LOCK, second, 0);
    const deferred = say(SECOND_LOCK, second, 1);
    ann.consent({ matters: [matter(second, { understood, decided: deferred })] });
    const later = bookOf(ben.consent({}, ann.peer)).matters;
    expect(later, 'the round before is over').to.have.length(1);
    expect(detailOf(read(second, later[0]!))).to.match(/second lock is shut: the owner has deferred it/);

    const modified = say(SECOND_LOCK, second, 2, 2, { detail: 'For a day only.' });
    ann.consent({ matters: [matter(second, { decided: modified })] });
    const eager = say(SECOND_LOCK, second, 0, 1);
    const forced = matter(second, { understood, decided: eager });
    expect(detailOf(read(second, forced)), 'an older word').to.match(/the owner wants it changed/);
    const untilWallUs = WALL_START_US + 24 * HOUR_US;
    const third = propose(rig.cast, ben.peer, pods, { round: 3, untilWallUs });
    ben.consent({ matters: [matter(third)] }, ann.peer);
    const carried = matter(third, { understood, decided: say(SECOND_LOCK, third, 0) });
    expect(detailOf(read(third, carried)), 'to be understood anew').to.match(/^the first lock is shut/);
    const granted = matter(third, {
      understood: say(FIRST_LOCK, third, 0),
      decided: say(SECOND_LOCK, third, 0),
    });
    ann.consent({ matters: [granted] });
    const known = bookOf(ben.consent({}, ann.peer)).matters[0]!;
    expect(read(third, known)?.kind).to.equal(kinds.POD_FOUND);
    expect(detailOf(read(second, forced))).to.match(/something else has been proposed since/);
  });

  it('R6.2-4: nobody speaks for others, strangers see nothing, and what is proposed is bounded', () => {
    const { rig, ann, ben, matter } = stage();
    const mallory = new PodOwner(rig, 'mallory');
    const proposal = propose(rig.cast, ben.peer, [ann.podId()]);
    ben.consent({ matters: [matter(proposal)] }, ann.peer);
    const cast = rig.cast;
    const own = signWord(cast, FIRST_LOCK, ann.podId(), proposal, mallory.peer);
    expect(codeOf(mallory.consent({ matters: [matter(proposal, { understood: own })] }, ann.peer))).to.equal(
      NOT_ADMITTED,
    );
    const forged = { ...own, by: ann.peer };
    expect(
      codeOf(mallory.consent({ matters: [matter(proposal, { understood: forged })] }, ann.peer)),
    ).to.equal(NOT_ADMITTED);
    const asBen = propose(cast, ben.peer, [ann.podId()], { number: 9 });
    const unsigned = { ...asBen, signature: cast.sign(mallory.peer, proposedHash(cast, asBen.terms)) };
    expect(codeOf(ben.consent({ matters: [matter(unsigned)] }, ann.peer))).to.equal(NOT_ADMITTED);
    const all = signWithdrawal(cast, mallory.peer, ann.podId(), '', 1);
    expect(codeOf(mallory.consent({ all }, ann.peer))).to.equal(NOT_ADMITTED);
    expect(bookOf(mallory.consent({}, ann.peer)).matters).to.deep.equal([]);
    expect(bookOf(ann.consent()).matters).to.have.length(1);
    for (let number = 2; number <= MAX_OPEN_OF_ONE; number++)
      ben.consent({ matters: [matter(propose(cast, ben.peer, [ann.podId()], { number }))] }, ann.peer);
    const over = propose(cast, ben.peer, [ann.podId()], { number: 20 });
    const n = ben.send(kinds.POD_CONSENT, {
      ...{ owner: ann.peer, number: 1, taken: [] },
      told: { matters: [matter(over)], patterns: [], withdrawals: [], all: null },
    });
    rig.pump();
    rig.advance(12 * SECOND_US);
    expect(ben.answerTo(n)?.kind).to.equal(kinds.REFUSED);
    expect(bookOf(ann.consent()).matters).to.have.length(MAX_OPEN_OF_ONE);
  });

  it('R6.2-4: when the owner is told that it is withdrawn, no host gives anything any more, cut off or not', () => {
    const { rig, ann, ben, wallUs } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    expect(ben.read(ann.peer, consent)?.kind).to.equal(kinds.POD_FOUND);
    const primary = rig.sent.findLast(
      ({ kind, to }) => kind === kinds.POD_FOUND && to === rig.peer('front'),
    )!.from;
    const cutOff = ['host-1', 'host-2'].map((name) => rig.peer(name)).find((peer) => peer !== primary)!;
    const front = rig.peer('front');
    // It is asked by the gateway, its receipts reach the others, and it hears of nothing that was withdrawn.
    rig.drops = ({ kind, from, to }) =>
      [from, to].includes(cutOff) &&
      ![kinds.POD_OFFER, kinds.POD_COPY, kinds.POD_KEPT].includes(kind as never) &&
      (![from, to].includes(front) || kind === kinds.POD_CONSENT) &&
      Math.min(from, to) >= 0;
    rig.advance(SECOND_US / 10);
    const withdrawal = signWithdrawal(
      rig.cast,
      ann.peer,
      ann.podId(),
      proposedHash(rig.cast, consent.proposal.terms),
      wallUs(),
    );
    const askedUs = rig.nowUs;
    const told = { matters: [], patterns: [], withdrawals: [withdrawal], all: null };
    const n = ann.send(kinds.POD_CONSENT, { owner: ann.peer, number: 1, told, taken: [] });
    rig.pump();
    const direct = (): Envelope => {
      // Asked by the gateway, which knows no better.
      const at = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent));
      const asked = rig.wire.find((envelope) => envelope.n === at && envelope.to === front)!;
      rig.wire.splice(rig.wire.indexOf(asked), 1);
      const before = rig.sent.length;
      const body = { ...(asked.body as object), region: 'eu/fr' };
      rig.deliver(Object.assign(asked, { from: front, to: cutOff, attempt: 1, body }));
      rig.pump();
      return rig.sent
        .slice(before)
        .find(({ kind, n: of }) => of === at && [kinds.POD_FOUND, kinds.REFUSED].includes(kind as never))!;
    };
    const asked = direct();
    expect(asked.kind, JSON.stringify(asked.body)).to.equal(kinds.POD_FOUND);
    expect(ann.answerTo(n), 'and the owner is not told yet').to.equal(null);
    while (ann.answerTo(n) === null && rig.nowUs < askedUs + 20 * SECOND_US) rig.advance(SECOND_US / 20);
    expect(ann.answerTo(n)?.kind).to.equal(kinds.POD_CONSENTED);
    expect(rig.nowUs - askedUs, 'the lease, and a thousandth of it').to.be.within(
      4.9 * SECOND_US,
      5.2 * SECOND_US,
    );
    expect(codeOf(direct())).to.equal(NOT_READY);
    rig.drops = () => false;
    rig.advance(8 * SECOND_US);
    expect(detailOf(direct())).to.equal('the second lock is shut: the owner has withdrawn it');
    expect(codeOf(ben.read(ann.peer, consent))).to.equal(CONSENT_REQUIRED);
  });

  it('R6.2-4: a slow disk gives nothing out that was withdrawn meanwhile', () => {
    const { rig, ann, ben, wallUs } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    const n = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent));
    let held: Envelope | null = null;
    while (held === null) {
      rig.pumpOne();
      const at = rig.wire.findIndex(({ kind }) => kind === kinds.STORED);
      if (at >= 0) held = rig.wire.splice(at, 1)[0]!;
    }
    const withdrawal = signWithdrawal(rig.cast, ann.peer, ann.podId(), '', wallUs());
    rig.drops = (envelope) => envelope === held;
    rig.pump();
    ann.consent({ all: withdrawal });
    rig.drops = () => false;
    rig.wire.push(held);
    rig.pump();
    expect(codeOf(ben.answerTo(n))).to.equal(CONSENT_REQUIRED);
  });

  it('R6.2-1: a receipt is on disk before anything is given out, reaches the other holders, and survives a crash', () => {
    const { rig, ann, ben } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    const from = rig.sent.length;
    ben.read(ann.peer, consent);
    const said = rig.sent.slice(from);
    const found = said.findIndex(({ kind }) => kind === kinds.POD_FOUND);
    const stored = said.findIndex(
      ({ kind, body }) =>
        kind === kinds.STORE &&
        (body as kinds.Store).writes.some(({ record }) => record?.pod?.copy.receipts.length === 1),
    );
    expect(stored).to.be.within(0, found);
    const told = said.findIndex(
      ({ kind, body }) => kind === kinds.POD_KEPT && (body as PodKept).keeping === KEPT,
    );
    expect(told, 'and on that of another').to.be.within(stored, found);
    const copies = said.filter(({ kind }) => kind === kinds.POD_COPY);
    for (const { body } of copies)
      expect((body as { copy: PodFound['copy'] }).copy.versions).to.deep.equal([]);
    const host = [...rig.stations.values()].find(({ node }) => node.self === said[found]!.from)!;
    rig.crash(host.name);
    rig.advance(3 * SECOND_US);
    expect(receiptsOf(ann.consent()), 'another holder has it').to.have.length(1);
    rig.boot(host.name);
    rig.pump();
    rig.advance(6 * SECOND_US);
    const { disk } = host;
    expect(disk.get(`pod/${ann.podId()}`)?.pod?.copy.receipts).to.have.length(1);
    const n = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent));
    rig.pump();
    rig.wire.push(
      Object.assign(
        rig.sent.find(({ kind, n: of }) => kind === kinds.POD_READ && of === n)!,
        {},
      ),
    );
    rig.pump();
    rig.advance(SECOND_US);
    expect(receiptsOf(ann.consent()), 'the same request leaves one').to.have.length(2);
  });

  it('R6.2-4: what nobody else takes the receipt of is not given out, and a holder that is alone gives it', () => {
    const { rig, ann, ben } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    const given = (): number => rig.sent.filter(({ kind }) => kind === kinds.POD_FOUND).length;
    rig.drops = ({ kind }) => kind === kinds.POD_KEPT;
    const n = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent), 3 * SECOND_US);
    rig.pump();
    rig.advance(4 * SECOND_US);
    expect(codeOf(ben.answerTo(n))).to.equal(NOT_READY);
    expect(given()).to.equal(0);
    rig.drops = () => false;
    expect(ben.read(ann.peer, consent)?.kind).to.equal(kinds.POD_FOUND);
    const alone = stage(['eu/fr', 'eu/de']);
    const there = signConsent(alone.rig.cast, alone.ann.peer, 1, alone.ben.peer);
    expect(alone.ben.read(alone.ann.peer, there)?.kind).to.equal(kinds.POD_FOUND);
  });

  it('R6.2-4: uses in quick succession wait for no more than their own receipts', () => {
    const { rig, ann, ben } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    for (let i = 0; i < 6; i++) {
      const n = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent));
      rig.pump();
      expect(ben.answerTo(n)?.kind).to.equal(kinds.POD_FOUND);
    }
    expect(receiptsOf(ann.consent())).to.have.length(6);
  });

  it('R6.2-1: without room for a receipt there is no use, until its owner has taken over what there is', () => {
    const { rig, ann, ben } = stage();
    const consent = signConsent(rig.cast, ann.peer, 1, ben.peer);
    for (let i = 0; i < MAX_OPEN_RECEIPTS; i++) {
      const n = ben.send(kinds.POD_READ, ben.reading(ann.peer, consent));
      rig.pump();
      expect(ben.answerTo(n)?.kind).to.equal(kinds.POD_FOUND);
    }
    rig.advance(6 * SECOND_US);
    expect(ben.read(ann.peer, consent)).to.equal(null);
    rig.advance(12 * SECOND_US);
    const refusals = rig.sent.filter(
      ({ kind, body }) => kind === kinds.REFUSED && (body as kinds.Refused).code === OVERLOADED,
    );
    expect(refusals.length).to.be.above(0);
    const { receipts, taken } = bodyOf<PodConsented>(ann.consent());
    expect(receipts).to.have.length(MAX_OPEN_RECEIPTS);
    ann.consent({}, ann.peer, { taken: takenWith(rig.cast, taken, receipts) });
    expect(receiptsOf(ann.consent())).to.deep.equal([]);
    expect(ben.read(ann.peer, consent)?.kind).to.equal(kinds.POD_FOUND);
    expect(receiptsOf(ann.consent()).map(({ dot }) => dot.n)).to.deep.equal([MAX_OPEN_RECEIPTS + 1]);
  });

  it('R6.2-4: so many uses are authorised, and with hosts gone there are fewer, never more', () => {
    const { rig, ann, ben } = stage();
    const uses = 5;
    const proposal = propose(rig.cast, ben.peer, [ann.podId()]);
    const pattern = signPattern(rig.cast, patternOf(ann.peer, ben.peer, [ann.podId()], { uses }));
    const permission = asking(proposal, { pattern });
    const given = (): number =>
      rig.mail.filter(({ kind, to }) => kind === kinds.POD_FOUND && to === ben.peer).length;
    const names = ['host-1', 'host-2', 'host-3'];
    // For a while hosts tell one of them only how often they have given it out, and that one says so only when it gives it out itself.
    rig.drops = ({ kind, from, to }) => {
      const [sender, third] = [names.find((name) => rig.peer(name) === from), names[2]!];
      if (sender === undefined || (kind !== kinds.POD_OFFER && kind !== kinds.POD_COPY)) return false;
      return sender === third ? rig.node(third).pods!.works.size === 0 : to !== rig.peer(third);
    };
    for (let i = 0; i < 12; i++) {
      ben.read(ann.peer, permission);
      const giver = rig.sent.findLast(
        ({ kind, from }) => kind === kinds.POD_FOUND && from !== rig.peer('front'),
      )!;
      // Whoever has given it out so far is the first to go.
      if (i === 0) names.sort((name) => (rig.peer(name) === giver.from ? -1 : 1));
      if (i === 2) rig.crash(names[0]!);
      if (i === 5) {
        rig.boot(names[0]!);
        rig.pump();
        rig.crash(names[1]!);
      }
      rig.advance(4 * SECOND_US);
    }
    expect(given()).to.be.within(2, uses);
    rig.drops = () => false;
    rig.boot(names[1]!);
    rig.pump();
    rig.advance(20 * SECOND_US);
    for (let i = 0; i < 6; i++) {
      ben.read(ann.peer, permission);
      rig.advance(SECOND_US);
    }
    expect(given()).to.equal(uses);
    expect(receiptsOf(ann.consent())).to.have.length(uses);
    rig.advance(10 * SECOND_US);
    expect(detailOf(ben.read(ann.peer, permission))).to.match(/as often as was authorised/);
  });

  it('R6.2-4: an emergency is logged with both locks in full, and what is delegated with its pattern', () => {
    const { rig, ann, ben, wallUs } = stage();
    const { cast } = rig;
    const doctor = new PodOwner(rig, 'auditor');
    const pods = [ann.podId()];
    const terms = { delegate: doctor.peer };
    const urgent = signPattern(
      cast,
      patternOf(ann.peer, null, pods, { ...terms, authorisation: EMERGENCY, number: 2 }),
    );
    const usual = signPattern(cast, patternOf(ann.peer, null, pods, { ...terms, authorisation: DELEGATED }));
    ann.consent({ patterns: [usual] });
    ann.consent({ patterns: [urgent] });
    const proposal = propose(cast, ben.peer, pods);
    ben.consent({ matters: [{ proposal, understood: null, decided: null } as Matter] }, ann.peer);
    const seen = bookOf(doctor.consent({}, ann.peer));
    expect(
      seen.matters.map(({ proposal: one }) => one),
      'who may decide sees what there is to decide',
    ).to.deep.equal([proposal]);
    const brief = { authorisation: EMERGENCY, wallUs: wallUs(), untilWallUs: wallUs() + HOUR_US };
    const understood = signWord(cast, FIRST_LOCK, ann.podId(), proposal, doctor.peer, { wallUs: wallUs() });
    const decided = signWord(cast, SECOND_LOCK, ann.podId(), proposal, doctor.peer, brief);
    const permission = { proposal, pattern: urgent, understood, decided } as Permission;
    expect(ben.read(ann.peer, permission)?.kind).to.equal(kinds.POD_FOUND);
    const delegated = signWord(cast, SECOND_LOCK, ann.podId(), proposal, doctor.peer, {
      authorisation: DELEGATED,
      wallUs: wallUs(),
    });
    const matters = [{ proposal, understood: null, decided: delegated } as Matter];
    expect(doctor.consent({ matters }, ann.peer)?.kind).to.equal(kinds.POD_CONSENTED);
    expect(ben.read(ann.peer, asking(proposal, { pattern: usual, decided: delegated }))?.kind).to.equal(
      kinds.POD_FOUND,
    );
    rig.advance(2 * SECOND_US);
    const [first, second] = receiptsOf(ann.consent());
    expect(first!.permission, 'the owner is told afterwards').to.deep.equal(permission);
    expect([first!.authorisation, first!.pattern]).to.deep.equal([
      EMERGENCY,
      patternHash(cast, urgent.terms),
    ]);
    expect([second!.authorisation, second!.permission]).to.deep.equal([DELEGATED, null]);
    rig.advance(HOUR_US);
    expect(detailOf(ben.read(ann.peer, permission))).to.match(/has run out/);
  });

  it('R6.2-4: versions that were written later are not touched', () => {
    const { rig, ann, ben, wallUs } = stage();
    const pods = [ann.podId()];
    const proposal = propose(rig.cast, ben.peer, pods, { writtenByWallUs: wallUs() });
    const permission = permit(rig.cast, ann.peer, ann.podId(), proposal, wallUs());
    rig.advance(SECOND_US);
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'a page more');
    rig.advance(6 * SECOND_US);
    const versionsOf = (envelope: Envelope | null): string[] =>
      bodyOf<PodFound>(envelope)
        .copy.versions.map(({ content }) => content.hash)
        .sort();
    expect(versionsOf(ann.read())).to.deep.equal(['a page more', 'diary']);
    expect(versionsOf(ben.read(ann.peer, permission))).to.deep.equal(['diary']);
  });

  it('R6.2-4: what is said of a pod that nobody knows is heard by nobody', () => {
    const { rig, ann, ben, matter } = stage();
    const proposal = propose(rig.cast, ben.peer, [ann.podId(7)]);
    const n = ben.send(kinds.POD_CONSENT, {
      ...{ owner: ann.peer, number: 7, taken: [] },
      told: { matters: [matter(proposal)], patterns: [], withdrawals: [], all: null },
    });
    rig.pump();
    rig.advance(12 * SECOND_US);
    const refused = rig.sent.filter(({ kind, n: of }) => kind === kinds.REFUSED && of === n);
    expect((refused[0]!.body as kinds.Refused).code).to.equal(NO_CAPABLE_NODE);
  });
});
