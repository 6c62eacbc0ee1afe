import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import type { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import {
  AGENT_USE,
  COMPUTE_USE,
  EMPTY_BOOK,
  READING_USE,
  type Permission,
  type Proposed,
} from '../../../core/policy/consent-documents.ts';
import { proposedHash } from '../../../core/policy/consent-hashes.ts';
import {
  AGENT_DONE,
  AGENT_REVOKED,
  type AgentState,
  type Plan,
  type StepResult,
} from '../../../core/roles/agents/agent-plan.ts';
import { proposalHash } from '../../../core/roles/agents/agent-proposal.ts';
import type { PodConsented, PodFound } from '../../../core/roles/pods/pod-records.ts';
import { CONSENT_REQUIRED, NO_ELIGIBLE_NODE } from '../../../core/routing/outcomes.ts';
import type { Want } from '../../../core/routing/want.ts';
import { permit, signWithdrawal } from '../../../sim/consent-papers.ts';
import { consentTo, planOf } from '../../agent-plans.ts';
import { podCluster, PodOwner, propose, signPolicy } from '../../pods.ts';
import { envelopeOf, Rig, SECOND_US } from '../../rig.ts';

/** Ann has two pods in France, where a node runs models; Ben has an agent, or asks for himself. */
function stage(slots = 1) {
  const worker = {
    name: 'worker',
    cluster: 'europe',
    region: 'eu/fr',
    types: ['compute'],
    models: ['a'],
    slots,
  };
  const rig = new Rig([...podCluster(['eu/fr', 'eu/fr', 'eu/fr']), worker]).start();
  rig.isInferring = false;
  const ann = new PodOwner(rig);
  const ben = new PodOwner(rig, 'ben');
  for (const number of [1, 2]) ann.write(signPolicy(rig.cast, ann.peer, number, 1), `diary ${number}`);
  rig.advance(6 * SECOND_US);
  const wallUs = (): number => rig.nowUs + rig.wallOffsetUs;
  const pods = [ann.podId(1), ann.podId(2)];
  const allow = (number: number, changes: Partial<Proposed>): Permission =>
    permit(rig.cast, ann.peer, ann.podId(number), propose(rig.cast, ben.peer, pods, changes), wallUs());
  const rest = (): void => {
    rig.pump();
    // A desk that has just been set up waits to hear of the pod hosts.
    rig.advance(SECOND_US / 10);
  };
  const inferred = (): readonly Envelope[] => rig.sent.filter(({ kind }) => kind === kinds.INFER);
  const contextsOf = ({ body }: Envelope): string[] => (body as kinds.Infer).contexts.map(({ hash }) => hash);
  const infer = (): void => {
    rig.infer('worker');
    rest();
  };
  return { rig, ann, ben, wallUs, pods, allow, inferred, contextsOf, infer, rest };
}

type Stage = ReturnType<typeof stage>;

/** Ben's agent does three steps, each of which is given both pods. @param allows what Ann has said of one of them */
function beginAgent(
  { rig, ann, ben, pods, allow, rest }: Stage,
  n: number,
  allows: (number: number, use: Pick<Proposed, 'use' | 'plan'>) => Permission | null = allow,
): { plan: Plan; hash: string } {
  const asked = planOf(rig, 'ben');
  const both = [1, 2].map((number) => ({ owner: ann.peer, number }));
  const steps = asked.plan.steps.map((step) => ({ ...step, pods: both }));
  const plan = { ...asked.plan, steps };
  const hash = proposalHash(rig.cast, plan);
  const permissions = [1, 2]
    .map((number) => ({ pod: pods[number - 1]!, permission: allows(number, { use: AGENT_USE, plan: hash }) }))
    .filter(({ permission }) => permission !== null);
  const body = { ...asked, plan, consent: consentTo(rig, 'ben', hash), permissions } as Plan;
  rig.wire.push(envelopeOf(kinds.AGENT, ben.peer, rig.peer('front'), body, { origin: ben.peer, n }));
  rest();
  return { plan: body, hash };
}

function stateOf({ rig, ben }: Stage, n: number): AgentState | undefined {
  const said = rig.mail.findLast(
    ({ kind, to, n: of }) => kind === kinds.AGENT_STATE && to === ben.peer && of === n,
  );
  return said?.body as AgentState | undefined;
}

describe('what a model is given of pods', () => {
  it('R4-6, R6.2-4: each step of an agent asks for what it is given, and leaves a receipt', () => {
    const play = stage();
    const { rig, ann, ben, inferred, contextsOf, infer } = play;
    const { plan, hash } = beginAgent(play, 1);
    for (let step = 0; step < 3; step++) {
      expect(inferred().map(contextsOf)).to.deep.equal(Array(step + 1).fill(['diary 1', 'diary 2']));
      infer();
    }
    expect(stateOf(play, 1)).to.include({ state: AGENT_DONE, step: 3 });
    rig.advance(2 * SECOND_US);
    const { receipts } = ann.consent()!.body as PodConsented;
    expect(receipts).to.have.length(3);
    for (const receipt of receipts)
      expect(receipt).to.include({
        reader: ben.peer,
        asker: rig.peer('worker'),
        use: AGENT_USE,
        purpose: 'care',
      });
    const asked = rig.sent.filter(({ kind, to }) => kind === kinds.POD_READ && to !== rig.peer('worker'));
    expect(asked.every(({ body }) => (body as { plan: string }).plan === hash)).to.equal(true);
    const used = plan.permissions.map(({ permission }, i) => {
      const proposal = proposedHash(rig.cast, permission.proposal.terms);
      return { owner: ann.peer, number: i + 1, proposal };
    });
    const told = rig.mail.filter(({ kind, to }) => kind === kinds.STEP_RESULT && to === ben.peer);
    expect(
      told.map(({ body }) => (body as StepResult).used),
      'as its owner is told',
    ).to.deep.equal(Array(3).fill(used));
    for (const receipt of receipts) expect(receipt.proposal).to.equal(used[0]!.proposal);
  });

  it('R6.2-4: without the consent of the owner of each pod nothing begins, and the gateway shows it to nobody', () => {
    const play = stage();
    beginAgent(play, 1, (number, use) => (number === 2 ? null : play.allow(number, use)));
    const refused = play.rig.mail.find(({ kind, n }) => kind === kinds.REFUSED && n === 1)!;
    expect((refused.body as kinds.Refused).code).to.equal(CONSENT_REQUIRED);
    expect(
      play.rig.sent.filter(({ kind, from }) => kind === kinds.AGENT && from === play.rig.peer('front')),
    ).to.deep.equal([]);
  });

  it('R4-6, R6.2-4: an agent does not begin where the locks of a pod are shut, whichever step it is for', () => {
    const play = stage();
    const { rig, allow } = play;
    const refusals: kinds.Refused[] = [];
    const begin = (n: number, change: (permission: Permission) => Permission): void => {
      beginAgent(play, n, (number, use) => (number === 1 ? allow(1, use) : change(allow(2, use))));
      const refused = rig.mail.find((envelope) => envelope.kind === kinds.REFUSED && envelope.n === n);
      refusals.push(refused!.body as kinds.Refused);
    };
    // Ben says in Ann's name what she has not said; she has said one thing only; she was asked about other places.
    begin(1, (own) => ({ ...own, decided: { ...own.decided!, signature: own.understood!.signature } }));
    begin(2, (own) => ({ ...own, understood: null }));
    beginAgent(play, 3, (number, use) => allow(number, { ...use, regions: ['eu/de'] }));
    refusals.push(rig.mail.find(({ kind, n }) => kind === kinds.REFUSED && n === 3)!.body as kinds.Refused);
    const told = refusals.map(({ code, detail }) => [code, detail]);
    expect(told).to.deep.equal([
      [CONSENT_REQUIRED, 'the second lock is shut: the owner has not authorised it'],
      [CONSENT_REQUIRED, 'the first lock is shut: the owner has not said to have understood it'],
      [NO_ELIGIBLE_NODE, refusals[2]!.detail],
    ]);
    expect(refusals[2]!.struck.map(({ peer }) => peer)).to.deep.equal([rig.peer('worker')]);
    expect(play.inferred()).to.deep.equal([]);
    expect(stateOf(play, 1) ?? stateOf(play, 2) ?? stateOf(play, 3)).to.equal(undefined);
    const asked = rig.sent.filter(({ kind }) => kind === kinds.POD_READ);
    expect(asked, 'nothing is asked for').to.deep.equal([]);
  });

  it('R6.2-4: when the owner of a pod withdraws, what is at work ends before its next step', () => {
    const play = stage();
    const { rig, ann, wallUs, inferred, infer } = play;
    const { plan } = beginAgent(play, 1);
    const target = proposedHash(rig.cast, plan.permissions[0]!.permission.proposal.terms);
    const withdrawal = signWithdrawal(rig.cast, ann.peer, ann.podId(2), target, wallUs());
    ann.consent({ withdrawals: [withdrawal] }, ann.peer, { number: 2 });
    expect(inferred()).to.have.length(1);
    infer();
    rig.advance(2 * SECOND_US);
    expect(stateOf(play, 1)).to.include({
      state: AGENT_REVOKED,
      code: CONSENT_REQUIRED,
      detail: 'the second lock is shut: the owner has withdrawn it',
      step: 1,
    });
    expect(inferred()).to.have.length(1);
  });

  it('R6.2-4: what waits for its turn is asked for again if a lease has passed, and is not run if it was withdrawn', () => {
    const play = stage();
    const { rig, ann, ben, allow, wallUs, inferred, contextsOf, infer, rest } = play;
    const permission = allow(1, { use: COMPUTE_USE, plan: 'a' });
    const pod = { owner: ann.peer, number: 1, plan: 'a', permission } as Want['pods'][number];
    // One is given it at once and stays at work; the pod host is slow to answer for the other.
    rig.ask('ben', 'front', 1, { pods: [pod] });
    rest();
    expect(inferred().map(contextsOf)).to.deep.equal([['diary 1']]);
    rig.ask('ben', 'front', 2, { pods: [pod] });
    rig.pump();
    rig.advance(6 * SECOND_US);
    ann.consent({ all: signWithdrawal(rig.cast, ann.peer, ann.podId(), '', wallUs()) });
    infer();
    rig.advance(SECOND_US);
    expect(inferred(), 'no use after it was withdrawn').to.have.length(1);
    const refused = rig.outcomes('ben', 2)[0]!;
    expect((refused.body as kinds.Refused).code).to.equal(CONSENT_REQUIRED);
    expect(ben.peer).to.equal(refused.to);
  });

  it('R6.2-4: the owner is told that it is withdrawn when what was given out before can be used no more', () => {
    const play = stage();
    const { rig, ann, allow, wallUs, inferred, infer, rest } = play;
    const permission = allow(1, { use: COMPUTE_USE, plan: 'a' });
    const pod = { owner: ann.peer, number: 1, plan: 'a', permission } as Want['pods'][number];
    // Both are given it, and there is one at work at a time.
    for (const n of [1, 2]) rig.ask('ben', 'front', n, { pods: [pod] });
    rest();
    const told = { ...EMPTY_BOOK, all: signWithdrawal(rig.cast, ann.peer, ann.podId(), '', wallUs()) };
    const n = ann.send(kinds.POD_CONSENT, { owner: ann.peer, number: 1, told, taken: [] });
    rig.pump();
    rig.advance(SECOND_US);
    expect(ann.answerTo(n), 'the second might still begin').to.equal(null);
    rig.advance(5 * SECOND_US);
    expect(ann.answerTo(n)?.kind).to.equal(kinds.POD_CONSENTED);
    infer();
    rig.advance(SECOND_US);
    expect(inferred()).to.have.length(1);
    expect((rig.outcomes('ben', 2)[0]!.body as kinds.Refused).code).to.equal(CONSENT_REQUIRED);
  });

  it('R6.2-4: what was fetched is used within the lease of who gave it, or fetched anew', () => {
    const play = stage(2);
    const { rig, ann, allow, inferred } = play;
    const pods = [1, 2].map((number) => {
      const permission = allow(number, { use: COMPUTE_USE, plan: 'a' });
      return { owner: ann.peer, number, plan: 'a', permission } as Want['pods'][number];
    });
    // The answer on the second pod does not come for a while.
    const isSecond = ({ kind, body }: Envelope): boolean =>
      kind === kinds.POD_READ && (body as { number: number }).number === 2;
    const worker = rig.peer('worker');
    rig.drops = (envelope) => isSecond(envelope) && envelope.to !== worker;
    rig.ask('ben', 'front', 1, { pods });
    rig.pump();
    rig.advance(6 * SECOND_US);
    rig.drops = () => false;
    rig.advance(4 * SECOND_US);
    expect(inferred()).to.have.length(1);
    const firsts = rig.sent.filter(
      (envelope) => envelope.kind === kinds.POD_READ && envelope.to === worker && !isSecond(envelope),
    );
    expect(firsts.length, 'the first was fetched again').to.be.above(1);
  });

  describe('that is sealed (R6.1-4)', () => {
    /** Ann's third pod is sealed. */
    function sealedStage() {
      const play = stage();
      const { rig, ann } = play;
      ann.write(signPolicy(rig.cast, ann.peer, 3, 1, { encryptionRequired: true }), 'secret');
      rig.advance(6 * SECOND_US);
      const opened = (): string[] =>
        rig.sent.filter(({ kind }) => kind === kinds.OPEN).map(({ from }) => rig.cast.nameOf(from));
      const ask = (n: number, permission: Permission | null): void => {
        const pod = { owner: ann.peer, number: 3, plan: 'a', permission } as Want['pods'][number];
        rig.ask('ben', 'front', n, { pods: [pod] });
        play.rest();
      };
      const letModel = (changes: Partial<Proposed> = {}): Permission => {
        const terms = { use: COMPUTE_USE, plan: 'a', ...changes };
        const proposal = propose(rig.cast, play.ben.peer, [ann.podId(3)], terms);
        return permit(rig.cast, ann.peer, ann.podId(3), proposal, play.wallUs());
      };
      return { ...play, ask, letModel, opened };
    }

    it('R6.1-4, R6.2-4: is opened by the node that runs the model, on both locks, and is on no link as it is', () => {
      const { rig, ann, ben, ask, letModel, opened, inferred, contextsOf } = sealedStage();
      const worker = rig.peer('worker');
      const from = rig.sent.length;
      ask(1, letModel());
      expect(inferred().map(contextsOf)).to.deep.equal([['secret']]);
      // Nobody below community is looked for, though the request is called a test (R8.1-2).
      const find = rig.sent.slice(from).find(({ kind }) => kind === kinds.FIND)!;
      expect((find.body as kinds.Find).minTrust).to.equal(3);
      expect(opened()).to.deep.equal(['worker']);
      const naming = rig.sent.slice(from).filter(({ body }) => JSON.stringify(body).includes('"secret"'));
      expect(naming.map(({ kind, from: who, to }) => [kind, who, to])).to.deep.equal([
        [kinds.POD_FOUND, worker, worker],
        [kinds.INFER, worker, ACCELERATOR],
      ]);
      rig.advance(2 * SECOND_US);
      const { receipts } = ann.consent({}, ann.peer, { number: 3 })!.body as PodConsented;
      expect(receipts.map(({ reader, asker, use }) => [reader, asker, use])).to.deep.equal([
        [ben.peer, worker, COMPUTE_USE],
      ]);
    });

    it('R6.1-4, R6.2-4: no key is given where a lock is shut: unasked, for another model, elsewhere, or withdrawn', () => {
      const { rig, ann, ask, letModel, opened, inferred, wallUs } = sealedStage();
      const from = rig.sent.length;
      const others = [
        null,
        letModel({ plan: 'b' }),
        letModel({ regions: ['asia'] }),
        letModel({ use: READING_USE }),
      ];
      others.forEach((permission, n) => ask(n + 1, permission));
      const all = signWithdrawal(rig.cast, ann.peer, ann.podId(3), '', wallUs());
      const before = letModel();
      ann.consent({ all }, ann.peer, { number: 3 });
      rig.advance(6 * SECOND_US);
      ask(5, before);
      for (const n of [1, 2, 3, 4, 5])
        expect((rig.outcomes('ben', n)[0]!.body as kinds.Refused).code, `${n}`).to.equal(CONSENT_REQUIRED);
      expect([opened(), inferred()]).to.deep.equal([[], []]);
      const wraps = rig.sent.slice(from).filter(({ kind }) => kind === kinds.WRAP);
      expect(wraps).to.deep.equal([]);
    });

    it('R6.1-4: what does not open with its key is given to no model', () => {
      const { rig, ask, letModel, inferred } = sealedStage();
      rig.drops = (envelope) => {
        if (envelope.kind !== kinds.POD_FOUND || envelope.to !== rig.peer('worker')) return false;
        const found = envelope.body as PodFound;
        const versions = found.copy.versions.map((version) => ({ ...version, n: version.n + 1 }));
        if (found.keys.length > 0) envelope.body = { ...found, copy: { ...found.copy, versions } };
        return false;
      };
      ask(1, letModel());
      rig.advance(15 * SECOND_US);
      expect(inferred()).to.deep.equal([]);
      expect((rig.outcomes('ben', 1)[0]!.body as kinds.Refused).code).to.equal(NO_ELIGIBLE_NODE);
    });

    it('R6.1-4, R4-6: is given to no agent, whose steps lie on a disk, and that is told', () => {
      const play = sealedStage();
      const { rig, ann, ben, wallUs, opened, rest } = play;
      const asked = planOf(rig, 'ben');
      const steps = asked.plan.steps.map((step) => ({ ...step, pods: [{ owner: ann.peer, number: 3 }] }));
      const plan = { ...asked.plan, steps };
      const hash = proposalHash(rig.cast, plan);
      const proposal = propose(rig.cast, ben.peer, [ann.podId(3)], { use: AGENT_USE, plan: hash });
      const permission = permit(rig.cast, ann.peer, ann.podId(3), proposal, wallUs());
      const permissions = [{ pod: ann.podId(3), permission }];
      const body = { ...asked, plan, consent: consentTo(rig, 'ben', hash), permissions } as Plan;
      rig.wire.push(envelopeOf(kinds.AGENT, ben.peer, rig.peer('front'), body, { origin: ben.peer, n: 1 }));
      rest();
      rig.advance(2 * SECOND_US);
      expect(opened()).to.deep.equal([]);
      expect(JSON.stringify(stateOf(play, 1))).to.include('what an agent makes of them lies open on a disk');
    });
  });

  it('R6.2-4, R6.1-2: another model, and another cluster, are other uses', () => {
    const play = stage();
    const { rig, ann, allow } = play;
    const permission = allow(1, { use: COMPUTE_USE, plan: 'b' });
    const pod = { owner: ann.peer, number: 1, plan: 'b', permission } as Want['pods'][number];
    rig.ask('ben', 'front', 1, { pods: [pod] });
    rig.pump();
    expect((rig.outcomes('ben', 1)[0]!.body as kinds.Refused).code).to.equal(CONSENT_REQUIRED);
    const federation = new Rig().start();
    const want = federation.want({ model: 'b', pods: [{ ...pod, permission: null }] });
    const body = { want, path: [] };
    const front = federation.peer('front');
    federation.wire.push(
      envelopeOf(kinds.CROSS, front, front, body, { origin: federation.peer('ann'), n: 9 }),
    );
    federation.pump();
    const said = federation.sent.filter(({ kind, n }) => kind === kinds.REFUSED && n === 9);
    expect((said[0]!.body as kinds.Refused).code).to.equal(NO_ELIGIBLE_NODE);
    expect((said[0]!.body as kinds.Refused).detail).to.match(/do not leave their cluster/);
  });
});
