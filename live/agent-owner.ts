/** Who has agents act for it over HTTP: an owner, in the process of a gateway, with a key to sign its consents (R4-6). */
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import {
  AGENT,
  AGENT_STATE,
  AGENT_STOP,
  AGENTS,
  AGENTS_FOUND,
  REFUSED,
  STEP,
  STEP_RESULT,
  type Refused,
} from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import type {
  AgentsFound,
  AgentState,
  AskStep,
  Plan,
  ProposedPlan,
  StepResult,
  StopAgent,
} from '../core/roles/agents/agent-plan.ts';
import { locksOf } from '../core/roles/agents/agent-proposal.ts';
import { OVERLOADED } from '../core/routing/outcomes.ts';
import type { AgentRequest } from './agent-request.ts';
import type { IdempotencyKeys } from './idempotency-keys.ts';
import { signHash, type Identity } from './identity.ts';
import type { LiveNode } from './live-node.ts';

/** With its owner, which agent it is: the boot of the gateway and the number of the request that began it. */
export interface AgentId {
  readonly boot: number;
  readonly n: number;
}

/** What came of something said of an agent; null: nobody has answered. */
export type Said = { readonly state: AgentState } | { readonly refused: Refused } | null;

export interface FoundAgents {
  readonly agents: readonly AgentState[];
  /** Every host that was asked, and those of them that have not answered. */
  readonly asked: readonly Peer[];
  readonly silent: readonly Peer[];
}

/** An agent is to begin within so long, and nobody waits much longer to hear of it. */
const BEGIN_MS = 20_000;
const PATIENCE_MS = 5_000;
/** Hosts that have not answered by then are told of as silent. */
const ANSWER_MS = 1_500;
const MAX_WAITING = 1_024;
/** Agents whose results are compared with what comes later; the oldest make room. */
const MAX_HEARD = 256;

/** Takes what belongs to it; true: it has heard all that it waits for. */
type Hear = (envelope: Envelope) => boolean;

export class AgentOwner {
  /** Results that came: for the first time, again and the same, or another than before, which must never be. */
  readonly results = new Map<string, number>([
    ['first', 0],
    ['again', 0],
    ['other', 0],
  ]);
  private readonly live: LiveNode;
  private readonly identity: Identity;
  private readonly self: Peer;
  private readonly keys: IdempotencyKeys;
  private readonly takeN: () => number;
  /** What was asked for under a key, to be said again in the same words; the oldest make room. */
  private readonly plans = new Map<number, Plan>();
  private readonly waiting = new Map<Hear, () => void>();
  /** By agent, the hash of each result by step. */
  private readonly heard = new Map<string, Map<number, string>>();
  private nextAttempt = 1;

  /** @param takeN numbers requests: questions and agents of one user are counted together */
  constructor(live: LiveNode, identity: Identity, keys: IdempotencyKeys, takeN: () => number) {
    this.live = live;
    this.keys = keys;
    this.identity = identity;
    this.self = live.ids.peerOf(identity.id);
    this.takeN = takeN;
  }

  /** Whether the envelope was of an agent. */
  receive(envelope: Envelope): boolean {
    if (envelope.kind === STEP_RESULT) this.countResult(envelope, envelope.body as StepResult);
    let isTaken = ([AGENT_STATE, AGENTS_FOUND, STEP_RESULT] as number[]).includes(envelope.kind);
    for (const [hear, end] of [...this.waiting]) {
      if (!hear(envelope)) continue;
      isTaken = true;
      end();
    }
    return isTaken;
  }

  close(): void {
    for (const end of [...this.waiting.values()]) end();
  }

  /**
   * Has an agent begun that does what was asked, and consents to just that. Resolves when a host has it on disk. Under a key that
   * was used before it is the same agent, which is begun once. Throws KeyReused if the key was for something else.
   */
  async begin(asked: AgentRequest, key: string | null): Promise<{ id: AgentId; said: Said }> {
    const known = key === null ? undefined : this.keys.find(key, asked);
    const n = known ?? this.takeN();
    const id = { boot: this.live.bootCount, n };
    const plan = (known === undefined ? undefined : this.plans.get(known)) ?? this.planOf(asked);
    if (plan === null) return { id, said: { refused: full('the gateway holds as many prompts as it may') } };
    if (key !== null && known === undefined) {
      this.keys.remember(key, n, asked);
      this.plans.set(n, plan);
      if (this.plans.size > MAX_HEARD) this.plans.delete(this.plans.keys().next().value!);
    }
    return { id, said: await this.say(id, 0, AGENT, plan, BEGIN_MS + PATIENCE_MS) };
  }

  /** Asks every host for the agents that act for this owner. */
  async list(): Promise<FoundAgents> {
    const id = { boot: this.live.bootCount, n: this.takeN() };
    const agents: AgentState[] = [];
    const answered = new Set<Peer>();
    let asked: readonly Peer[] = [];
    const hears = this.hear(ANSWER_MS, (envelope) => {
      if (envelope.kind !== AGENTS_FOUND || !isOf(envelope, id)) return false;
      const found = envelope.body as AgentsFound;
      if (found.by === this.live.driver.node.self) asked = found.asked;
      answered.add(found.by);
      agents.push(...found.agents);
      return answered.has(this.live.driver.node.self) && asked.every((host) => answered.has(host));
    });
    this.send(id, 0, AGENTS, {});
    await hears;
    return { agents, asked, silent: asked.filter((host) => !answered.has(host)) };
  }

  /** No further step of it begins; `isRevoked`: because the consent is withdrawn. */
  stop(state: AgentState, isRevoked: boolean): Promise<Said> {
    const body: StopAgent = { host: state.host, isRevoked };
    return this.say(idOf(state), this.nextAttempt++, AGENT_STOP, body, ANSWER_MS);
  }

  /** What its steps have made, as bytes; undefined where that could not be had. */
  async fetch(state: AgentState): Promise<(Uint8Array | undefined)[]> {
    const steps = Array.from({ length: state.step }, (_, step) => step);
    return Promise.all(steps.map((step) => this.fetchStep(state, step)));
  }

  private async fetchStep(state: AgentState, step: number): Promise<Uint8Array | undefined> {
    const id = idOf(state);
    const attempt = this.nextAttempt++;
    let answer: Ref | null = null;
    const hears = this.hear(ANSWER_MS, (envelope) => {
      if (!isOf(envelope, id) || envelope.attempt !== attempt) return false;
      if (envelope.kind === STEP_RESULT) answer = (envelope.body as StepResult).answer;
      return true;
    });
    const body: AskStep = { host: state.host, step };
    this.send(id, attempt, STEP, body);
    await hears;
    return answer === null ? undefined : this.live.contents.get(answer);
  }

  private async say(id: AgentId, attempt: number, kind: number, body: unknown, ms: number): Promise<Said> {
    if (this.waiting.size >= MAX_WAITING) return { refused: full('too many wait at this gateway') };
    let said: Said = null;
    const hears = this.hear(ms, (envelope) => {
      if (!isOf(envelope, id) || envelope.attempt !== attempt) return false;
      if (envelope.kind === AGENT_STATE) said = { state: envelope.body as AgentState };
      else if (envelope.kind === REFUSED) said = { refused: envelope.body as Refused };
      return said !== null;
    });
    this.send(id, attempt, kind, body);
    await hears;
    return said;
  }

  /** Resolves when `hear` has heard all, or the time is over. */
  private hear(ms: number, hear: Hear): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.waiting.delete(hear);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.waiting.set(hear, end);
    });
  }

  private send({ boot, n }: AgentId, attempt: number, kind: number, body: unknown): void {
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.from = envelope.origin = this.self;
    envelope.to = this.live.driver.node.self;
    envelope.originBoot = boot;
    envelope.n = n;
    envelope.attempt = attempt;
    envelope.body = body;
    // One that is not taken is counted there, and answered by silence.
    this.live.driver.deliverOwn(envelope);
  }

  private planOf({ steps, proposal, minTrust, regions, budgetTokens, budgetMs }: AgentRequest): Plan | null {
    const { contents } = this.live;
    const described = contents.put(Buffer.from(proposal));
    const prompts = steps.map(({ text }) => (text === null ? null : contents.put(Buffer.from(text))));
    const isFull =
      described === null || prompts.some((prompt, i) => prompt === null && steps[i]!.text !== null);
    if (isFull) return null;
    const beginByWallUs = (Date.now() + BEGIN_MS) * 1_000;
    const plan: ProposedPlan = {
      proposal: described,
      steps: steps.map(({ model, contextTokens }, i) => ({
        model,
        prompt: prompts[i]!,
        contextTokens,
        // An embedding is read off, not written token by token.
        maxTokens: 0,
        pods: [],
      })),
      minTrust,
      allowedRegions: [...regions],
      budgetTokens,
      budgetUs: budgetMs * 1_000,
      // A host that was down meanwhile has as long again.
      untilWallUs: beginByWallUs + 2 * budgetMs * 1_000,
    };
    const { terms, understanding, authorisation } = locksOf(this.live.ids, plan, this.self);
    const understood = signHash(this.identity, understanding);
    const consent = { ...terms, understood, authorised: signHash(this.identity, authorisation) };
    return { plan, consent, permissions: [], beginByWallUs };
  }

  private countResult({ originBoot, n }: Envelope, { step, answer }: StepResult): void {
    const key = `${originBoot}-${n}`;
    let steps = this.heard.get(key);
    if (steps === undefined) this.heard.set(key, (steps = new Map()));
    if (this.heard.size > MAX_HEARD) this.heard.delete(this.heard.keys().next().value!);
    const before = steps.get(step);
    steps.set(step, answer.hash);
    const came = before === undefined ? 'first' : before === answer.hash ? 'again' : 'other';
    this.results.set(came, this.results.get(came)! + 1);
  }
}

export function idOf({ ownerBoot, n }: AgentState): AgentId {
  return { boot: ownerBoot, n };
}

function isOf({ originBoot, n }: Envelope, id: AgentId): boolean {
  return originBoot === id.boot && n === id.n;
}

function full(detail: string): Refused {
  return { code: OVERLOADED, retryAfterUs: 1_000_000, detail, struck: [] };
}
