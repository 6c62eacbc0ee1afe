import { expect } from 'chai';
import type { Peer } from '../../../../core/base/peers.ts';
import * as kinds from '../../../../core/machine/kinds.ts';
import type { Envelope } from '../../../../core/machine/envelope.ts';
import { DISK_FULL } from '../../../../core/machine/disk-conditions.ts';
import {
  AGENT_STATES,
  type AgentState,
  type Plan,
  type StepResult,
} from '../../../../core/roles/agents/agent-plan.ts';
import { ERROR_CODES } from '../../../../core/routing/outcomes.ts';
import { consentTo, planOf } from '../../../agent-plans.ts';
import { envelopeOf, Rig, SECOND_US } from '../../../rig.ts';

const HOST = 'compute-1';

/** A rig whose host is asked directly, with its gateway as the desk; what the desk would pass on is kept. */
class Desk {
  readonly rig = new Rig().start();
  readonly heard: Envelope[] = [];

  constructor() {
    const front = this.rig.peer('front');
    const passed = [kinds.AGENT_STATE, kinds.STEP_RESULT, kinds.AGENTS_FOUND, kinds.REFUSED];
    this.rig.drops = (envelope) => {
      if (envelope.to !== front || !passed.includes(envelope.kind)) return false;
      this.heard.push(envelope);
      return true;
    };
    this.rig.isInferring = false;
  }

  say(kind: number, body: unknown, n = 7, owner = 'ann', attempt = 1): void {
    const { rig } = this;
    const id = { origin: rig.peer(owner), n, attempt };
    rig.wire.push(envelopeOf(kind, rig.peer('front'), rig.peer(HOST), body, id));
    rig.pump();
  }

  begin(changes: Partial<Plan['plan']> = {}, n = 7): Plan {
    const plan = planOf(this.rig, 'ann', changes);
    this.say(kinds.AGENT, plan, n);
    return plan;
  }

  /** Lets the accelerator finish the step that is at work. */
  infer(error = ''): boolean {
    const isThere = this.rig.infer(HOST, error);
    this.rig.pump();
    return isThere;
  }

  get inferring(): readonly Envelope[] {
    return this.rig.station(HOST).inferring;
  }

  /** What the desk has heard since it was last asked, a line each. */
  lines(): string[] {
    return this.heard.splice(0).map(({ kind, body }) => {
      if (kind === kinds.STEP_RESULT) {
        const { step, answer } = body as StepResult;
        return `step ${step}: ${answer.hash}`;
      }
      if (kind === kinds.REFUSED) {
        const { code, detail } = body as kinds.Refused;
        return `${ERROR_CODES[code]}: ${detail}`;
      }
      if (kind === kinds.AGENTS_FOUND)
        return `agents: ${(body as { agents: AgentState[] }).agents.map(lineOf).join('; ')}`;
      return lineOf(body as AgentState);
    });
  }

  get kept(): number {
    return [...this.rig.station(HOST).disk.keys()].filter((key) => key.startsWith('agent/')).length;
  }

  crash(): void {
    this.rig.crash(HOST);
    this.rig.boot(HOST);
    this.rig.pump();
  }
}

function lineOf({ state, code, step, steps, spentTokens }: AgentState): string {
  const why = code === 0 ? '' : ` (${ERROR_CODES[code]})`;
  return `${AGENT_STATES[state]}${why}, ${step} of ${steps} steps, ${spentTokens} tokens`;
}

describe('the host of agents', () => {
  it('R4-6: begins what is on its disk, runs it step by step, and keeps a checkpoint after each', () => {
    const desk = new Desk();
    desk.begin();
    expect(desk.lines()).to.deep.equal(['begun, 0 of 3 steps, 0 tokens']);
    expect(desk.kept).to.equal(1);
    desk.infer();
    expect(desk.lines()).to.deep.equal(['step 0: a(first)']);
    const [next] = desk.inferring;
    expect((next.body as kinds.Infer).prompt.hash, 'given what the step before has made').to.equal(
      'a(first)',
    );
    desk.infer();
    desk.infer();
    expect(desk.lines()).to.deep.equal([
      'step 1: a(a(first))',
      'step 2: a(a(a(first)))',
      'done, 3 of 3 steps, 45 tokens',
    ]);
    expect(desk.infer()).to.equal(false);
  });

  it('R4-6: needs both locks of its owner, on just this plan, today', () => {
    const desk = new Desk();
    const { rig } = desk;
    const refused = (plan: Plan): string => {
      desk.say(kinds.AGENT, plan, 9);
      return desk.lines().join();
    };
    const good = planOf(rig, 'ann');
    expect(refused(planOf(rig, 'ann', {}, false))).to.equal('CONSENT_REQUIRED: the owner was not asked');
    expect(refused(planOf(rig, 'ben'))).to.equal('CONSENT_REQUIRED: the consent is of another owner');
    expect(refused({ ...good, plan: { ...good.plan, budgetTokens: 1_001 } })).to.equal(
      'CONSENT_REQUIRED: the owner was asked about something else',
    );
    const { understood, authorised } = good.consent!;
    expect(refused({ ...good, consent: { ...good.consent!, understood: authorised } })).to.equal(
      'CONSENT_REQUIRED: the owner has not said to have understood it',
    );
    expect(refused({ ...good, consent: { ...good.consent!, authorised: understood } })).to.equal(
      'CONSENT_REQUIRED: the owner has not authorised it',
    );
    const past = consentTo(rig, 'ann', good.consent!.proposal, -SECOND_US);
    expect(refused({ ...good, consent: past })).to.equal('CONSENT_REQUIRED: the consent has run out');
    expect([desk.kept, desk.inferring.length]).to.deep.equal([0, 0]);
    expect(refused(good)).to.equal('begun, 0 of 3 steps, 0 tokens');
  });

  it('R4-6: refuses what it could not carry through', () => {
    const desk = new Desk();
    const refused = (changes: Partial<Plan['plan']>): string => {
      desk.begin(changes, 9);
      return desk.lines().join();
    };
    const [first] = planOf(desk.rig, 'ann').plan.steps;
    expect(refused({ allowedRegions: ['americas'] })).to.match(/^NO_ELIGIBLE_NODE/);
    expect(refused({ steps: [{ ...first, prompt: null }] })).to.match(/^NO_ELIGIBLE_NODE/);
    expect(refused({ steps: [] })).to.match(/^NO_ELIGIBLE_NODE/);
    expect(refused({ steps: [first, { ...first, model: 'b' }] })).to.match(/^NO_CAPABLE_NODE: the model b/);
    const late = planOf(desk.rig, 'ann');
    desk.rig.nowUs += 61 * SECOND_US;
    desk.say(kinds.AGENT, late, 9);
    expect(desk.lines().join()).to.equal('DEADLINE_EXCEEDED: it was to be begun earlier');
    expect(desk.kept).to.equal(0);
  });

  it('R4-6: ends when its tokens or its time are spent, before the step that would be too much', () => {
    const tokens = new Desk();
    tokens.begin({ budgetTokens: 44 });
    tokens.infer();
    tokens.infer();
    expect(tokens.lines().at(-1)).to.equal('exhausted, 2 of 3 steps, 30 tokens');
    expect(tokens.inferring).to.deep.equal([]);
    const time = new Desk();
    time.begin({ budgetUs: 5 * SECOND_US });
    time.infer();
    time.rig.advance(5 * SECOND_US);
    expect(time.lines().at(-1)).to.equal('exhausted, 1 of 3 steps, 15 tokens');
    time.infer();
    expect(time.lines(), 'what came too late is not released').to.deep.equal([]);
  });

  it('R4-6: a stop acts at once: what is at work is not used, and no further step begins', () => {
    for (const [isRevoked, state] of [
      [false, 'stopped'],
      [true, 'revoked'],
    ] as const) {
      const desk = new Desk();
      desk.begin();
      desk.infer();
      desk.lines();
      const host = desk.rig.peer(HOST);
      desk.say(kinds.AGENT_STOP, { host, isRevoked });
      expect(desk.lines()).to.deep.equal([`${state}, 1 of 3 steps, 15 tokens`]);
      expect(desk.infer()).to.equal(true);
      desk.rig.advance(10 * SECOND_US);
      expect([desk.lines(), desk.inferring.length]).to.deep.equal([[], 0]);
      desk.crash();
      desk.rig.advance(10 * SECOND_US);
      expect(desk.lines(), 'nor after a crash').to.deep.equal([
        'step 0: a(first)',
        `${state}, 1 of 3 steps, 15 tokens`,
      ]);
      expect(desk.inferring).to.deep.equal([]);
    }
  });

  it('R4-6: a crash resumes at the checkpoint; what was released comes again the same, and no step is done twice', () => {
    const desk = new Desk();
    desk.begin();
    desk.infer();
    expect(desk.lines().at(-1)).to.equal('step 0: a(first)');
    desk.crash();
    expect(desk.lines()).to.deep.equal(['step 0: a(first)']);
    expect(desk.inferring.map(({ body }) => (body as kinds.Infer).prompt.hash)).to.deep.equal(['a(first)']);
    desk.infer();
    desk.infer();
    expect(desk.lines().at(-1)).to.equal('done, 3 of 3 steps, 45 tokens');
  });

  it('R4-6: an agent is begun once, however often it is asked for, and also when it has ended', () => {
    const desk = new Desk();
    const plan = desk.begin();
    desk.say(kinds.AGENT, plan, 7, 'ann', 2);
    expect(desk.lines()).to.deep.equal(Array(2).fill('begun, 0 of 3 steps, 0 tokens'));
    expect(desk.inferring).to.have.length(1);
    for (let i = 0; i < 3; i++) desk.infer();
    desk.lines();
    desk.crash();
    desk.lines();
    desk.say(kinds.AGENT, plan, 7, 'ann', 3);
    expect(desk.lines()).to.deep.equal(['done, 3 of 3 steps, 45 tokens']);
    expect(desk.inferring).to.deep.equal([]);
    desk.rig.advance(200 * SECOND_US);
    expect(desk.kept, 'forgotten when it can be asked for no more').to.equal(0);
    desk.say(kinds.AGENT, plan, 7, 'ann', 4);
    expect(desk.lines().join()).to.match(/^DEADLINE_EXCEEDED/);
  });

  it('says nothing that its disk has not kept', () => {
    const desk = new Desk();
    const { rig } = desk;
    const host = rig.peer(HOST);
    const answerFull = (): void => {
      const asked = rig.sent.filter(({ kind, from }) => kind === kinds.STORE && from === host).at(-1)!;
      const { origin, originBoot, n, to } = asked;
      rig.wire.push(envelopeOf(kinds.STORED, to, host, { condition: DISK_FULL }, { origin, originBoot, n }));
    };
    const isOwn = rig.drops;
    rig.drops = (envelope) =>
      (envelope.kind === kinds.STORED &&
        envelope.to === host &&
        (envelope.body as kinds.Stored).condition === 0) ||
      isOwn(envelope);
    desk.begin();
    expect(desk.lines()).to.deep.equal([]);
    answerFull();
    rig.pump();
    expect(desk.lines()).to.deep.equal(['OVERLOADED: the disk takes no checkpoint']);
    expect(desk.inferring).to.deep.equal([]);
    rig.drops = isOwn;
    desk.begin({}, 8);
    desk.lines();
    rig.drops = (envelope) => (envelope.kind === kinds.STORED && envelope.to === host) || isOwn(envelope);
    desk.infer();
    expect(desk.lines(), 'a result that is not on disk is not released').to.deep.equal([]);
    desk.say(kinds.STEP, { host, step: 0 }, 8);
    expect(desk.lines(), 'how the agent does, and no result').to.deep.equal([
      'agents: begun, 1 of 3 steps, 15 tokens',
    ]);
    rig.drops = isOwn;
    answerFull();
    rig.pump();
    rig.advance(SECOND_US);
    expect(desk.lines(), 'tried again').to.deep.equal(['step 0: a(first)']);
  });

  it('R4-6: lists every agent that acts for an owner, and of nobody else', () => {
    const desk = new Desk();
    desk.begin({}, 1);
    desk.begin({}, 2);
    desk.infer();
    desk.lines();
    desk.say(kinds.AGENTS, {}, 50);
    expect(desk.lines()).to.deep.equal([
      'agents: begun, 1 of 3 steps, 15 tokens; begun, 0 of 3 steps, 0 tokens',
    ]);
    desk.say(kinds.AGENTS, {}, 50, 'ben');
    expect(desk.lines()).to.deep.equal(['agents: ']);
    desk.say(kinds.STEP, { host: desk.rig.peer(HOST), step: 0 }, 1);
    expect(desk.lines()).to.deep.equal(['step 0: a(first)']);
  });

  it('tries a step again that the accelerator failed, and gives up when it goes on failing', () => {
    const desk = new Desk();
    desk.begin();
    desk.infer('device lost');
    desk.rig.advance(SECOND_US);
    desk.infer();
    expect(desk.lines().at(-1)).to.equal('step 0: a(first)');
    for (let i = 0; i < 3; i++) {
      desk.infer('device lost');
      desk.rig.advance(SECOND_US);
    }
    expect(desk.lines()).to.deep.equal(['failed (NO_CAPABLE_NODE), 1 of 3 steps, 15 tokens']);
  });

  it('holds no more agents than it may', () => {
    const desk = new Desk();
    for (let n = 1; n <= 65; n++) desk.begin({}, n);
    expect(desk.lines().at(-1)).to.equal('OVERLOADED: there are as many agents here as there may be');
    const peer: Peer = desk.rig.peer(HOST);
    expect(desk.rig.stations.get(peer)!.node.agents!.agents.size).to.equal(64);
  });
});
