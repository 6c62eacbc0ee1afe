import { expect } from 'chai';
import * as kinds from '../../core/machine/kinds.ts';
import {
  AGENT_USE,
  FIRST_LOCK,
  SECOND_LOCK,
  type Matter,
  type Proposal,
  type Word,
} from '../../core/policy/consent-documents.ts';
import { proposedHash } from '../../core/policy/consent-hashes.ts';
import type { Plan } from '../../core/roles/agents/agent-plan.ts';
import { proposalHash } from '../../core/roles/agents/agent-proposal.ts';
import type { PodConsented } from '../../core/roles/pods/pod-records.ts';
import { signWithdrawal, signWord } from '../../sim/consent-papers.ts';
import { consentTo, planOf } from '../agent-plans.ts';
import { podCluster, PodOwner, propose, signPolicy } from '../pods.ts';
import { envelopeOf, Rig, SECOND_US } from '../rig.ts';
import { Play } from './play.ts';

const SAID = [kinds.POD_CONSENT, kinds.POD_CONSENTED, kinds.REFUSED];
const DONE = [
  ...SAID,
  ...[kinds.AGENT, kinds.AGENT_STATE, kinds.STEP_RESULT, kinds.RUN, kinds.INFER],
  ...[kinds.POD_READ, kinds.POD_FOUND],
];

describe('plays of consent', () => {
  it('R6.2-4: consent is proposed, understood, authorised, used, and withdrawn in mid-work', () => {
    const worker = { name: 'worker', cluster: 'europe', region: 'eu/fr', types: ['compute'], models: ['a'] };
    const rig = new Rig([...podCluster(['eu/fr', 'eu/fr', 'eu/fr']), worker]).start();
    rig.isInferring = false;
    const play = new Play(rig);
    const ann = new PodOwner(rig);
    const ben = new PodOwner(rig, 'ben');
    ann.write(signPolicy(rig.cast, ann.peer, 1, 1), 'diary');
    rig.advance(6 * SECOND_US);
    play.act('Ann has a diary in her pod; Ben has an agent that could use it', []);
    const asked = planOf(rig, 'ben');
    const steps = asked.plan.steps.map((step) => ({ ...step, pods: [{ owner: ann.peer, number: 1 }] }));
    const plan = { ...asked.plan, steps };
    const hash = proposalHash(rig.cast, plan);
    const wallUs = (): number => rig.nowUs + rig.wallOffsetUs;
    const proposal = (round: number, answer = ''): Proposal =>
      propose(rig.cast, ben.peer, [ann.podId()], { use: AGENT_USE, plan: hash, round, answer });
    const word = (of: Proposal, lock: 1 | 2, said: number, detail = ''): Word =>
      signWord(rig.cast, lock, ann.podId(), of, ann.peer, { said, detail, wallUs: wallUs() });
    const matter = (of: Proposal, words: Partial<Matter> = {}): Matter =>
      ({ proposal: of, understood: null, decided: null, ...words }) as Matter;
    const first = proposal(1);
    ben.consent({ matters: [matter(first)] }, ann.peer);
    play.act('Ben says what the agent will do, why, and what it touches', SAID);
    ann.consent();
    ann.consent({ matters: [matter(first, { understood: word(first, FIRST_LOCK, 1, 'Whose care?') })] });
    play.act('Ann reads it, and has a question', SAID);
    const second = proposal(2, 'That of our mother.');
    ben.consent({}, ann.peer);
    ben.consent({ matters: [matter(second)] }, ann.peer);
    play.act('Ben answers it in a second round', SAID);
    const understood = word(second, FIRST_LOCK, 0);
    const decided = word(second, SECOND_LOCK, 0);
    ann.consent({ matters: [matter(second, { understood, decided })] });
    const [known] = (ben.consent({}, ann.peer)!.body as PodConsented).book.matters;
    play.act('She has understood, and authorises it', SAID);
    const permission = { ...known!, pattern: null };
    const permissions = [{ pod: ann.podId(), permission }];
    const begun = { ...asked, plan, consent: consentTo(rig, 'ben', hash), permissions } as unknown as Plan;
    const id = { origin: ben.peer, n: 1 };
    rig.wire.push(envelopeOf(kinds.AGENT, ben.peer, rig.peer('front'), begun, id));
    const rest = (): void => {
      rig.pump();
      rig.advance(SECOND_US / 10);
    };
    rest();
    play.act('The agent begins: its first step is given the diary', DONE);
    const target = proposedHash(rig.cast, second.terms);
    const n = ann.send(kinds.POD_CONSENT, {
      ...{ owner: ann.peer, number: 1, taken: [] },
      told: {
        ...{ matters: [], patterns: [], all: null },
        withdrawals: [signWithdrawal(rig.cast, ann.peer, ann.podId(), target, wallUs())],
      },
    });
    rest();
    play.act('She withdraws it, while the step is at work', DONE);
    rig.infer('worker');
    rest();
    play.act('The next step is given nothing, and the agent ends', DONE);
    rig.advance(6 * SECOND_US);
    expect(ann.answerTo(n)?.kind).to.equal(kinds.POD_CONSENTED);
    ann.consent();
    play.act('She is told that it is in force, and sees the one use that there was', SAID);
    play.compare('a-consent-withdrawn-in-mid-work');
  });
});
