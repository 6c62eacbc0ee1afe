/** What a gateway says of agents in the name of whoever they act for: begin, list, stop, and what steps have made (R4-6). */
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
import type {
  AgentsFound,
  AgentState,
  AskStep,
  Plan,
  StepResult,
  StopAgent,
  UsedPod,
} from '../core/roles/agents/agent-plan.ts';
import { OVERLOADED } from '../core/routing/outcomes.ts';
import type { LiveNode } from './live-node.ts';

/** With its owner, which agent it is: the request that began it. */
export interface AgentId {
  readonly owner: Peer;
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

/** What a step has made, as bytes, and which pods it was given. */
export interface StepMade {
  readonly bytes: Uint8Array;
  readonly used: readonly UsedPod[];
}

/** Hosts that have not answered by then are told of as silent. */
const ANSWER_MS = 1_500;
const MAX_WAITING = 1_024;
/** Agents whose results are compared with what comes later; the oldest make room. */
const MAX_HEARD = 256;

/** Takes what belongs to it; true: it has heard all that it waits for. */
type Hear = (envelope: Envelope) => boolean;

export class AgentCalls {
  /** Results that came: for the first time, again and the same, or another than before, which must never be. */
  readonly results = new Map<string, number>([
    ['first', 0],
    ['again', 0],
    ['other', 0],
  ]);
  private readonly live: LiveNode;
  private readonly waiting = new Map<Hear, () => void>();
  /** By agent, the hash of each result by step. */
  private readonly heard = new Map<string, Map<number, string>>();
  private nextAttempt = 1;

  constructor(live: LiveNode) {
    this.live = live;
  }

  /** Whether the envelope was of an agent, and for whom it acts. */
  receive(envelope: Envelope): boolean {
    // What hosts say to other gateways passes here, too.
    if (envelope.to !== envelope.origin) return false;
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

  /** Resolves when a host has it on disk. */
  begin(id: AgentId, plan: Plan, withinMs: number): Promise<Said> {
    return this.say(id, 0, AGENT, plan, withinMs);
  }

  /** Asks every host for the agents that act for somebody. @param id of the question */
  async list(id: AgentId): Promise<FoundAgents> {
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

  /** What its steps have made; undefined where that could not be had. */
  async fetch(state: AgentState): Promise<(StepMade | undefined)[]> {
    const steps = Array.from({ length: state.step }, (_, step) => step);
    return Promise.all(steps.map((step) => this.fetchStep(state, step)));
  }

  private async fetchStep(state: AgentState, step: number): Promise<StepMade | undefined> {
    const id = idOf(state);
    const attempt = this.nextAttempt++;
    let result: StepResult | undefined;
    const hears = this.hear(ANSWER_MS, (envelope) => {
      if (!isOf(envelope, id) || envelope.attempt !== attempt) return false;
      if (envelope.kind === STEP_RESULT) result = envelope.body as StepResult;
      return true;
    });
    const body: AskStep = { host: state.host, step };
    this.send(id, attempt, STEP, body);
    await hears;
    const bytes = result === undefined ? undefined : this.live.contents.get(result.answer);
    return bytes === undefined ? undefined : { bytes, used: result!.used };
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

  private send({ owner, boot, n }: AgentId, attempt: number, kind: number, body: unknown): void {
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.from = envelope.origin = owner;
    envelope.to = this.live.driver.node.self;
    envelope.originBoot = boot;
    envelope.n = n;
    envelope.attempt = attempt;
    envelope.body = body;
    // One that is not taken is counted there, and answered by silence.
    this.live.driver.deliverOwn(envelope);
  }

  private countResult({ origin, originBoot, n }: Envelope, { step, answer }: StepResult): void {
    const key = `${origin}-${originBoot}-${n}`;
    let steps = this.heard.get(key);
    if (steps === undefined) this.heard.set(key, (steps = new Map()));
    if (this.heard.size > MAX_HEARD) this.heard.delete(this.heard.keys().next().value!);
    const before = steps.get(step);
    steps.set(step, answer.hash);
    const came = before === undefined ? 'first' : before === answer.hash ? 'again' : 'other';
    this.results.set(came, this.results.get(came)! + 1);
  }
}

export function idOf({ owner, ownerBoot, n }: AgentState): AgentId {
  return { owner, boot: ownerBoot, n };
}

function isOf({ origin, originBoot, n }: Envelope, id: AgentId): boolean {
  return origin === id.owner && originBoot === id.boot && n === id.n;
}

export function full(detail: string): Refused {
  return { code: OVERLOADED, retryAfterUs: 1_000_000, detail, struck: [] };
}
