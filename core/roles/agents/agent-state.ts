import type { Now } from '../../base/time.ts';
import type { Envelope } from '../../machine/envelope.ts';
import type { Node } from '../../machine/node-state.ts';
import { RequestTable } from '../../machine/request-table.ts';
import {
  flag,
  integer,
  list,
  own,
  peer,
  record,
  ref,
  shared,
  text,
  upTo,
  type Of,
} from '../../machine/shape.ts';
import { ERROR_CODES, OK } from '../../routing/outcomes.ts';
import { MAX_DETAIL } from '../../routing/request-bodies.ts';
import {
  AGENT_BEGUN,
  AGENT_STATES,
  MAX_STEPS,
  planShape,
  type AgentRecord,
  type AgentState,
  type Plan,
  type StepResult,
} from './agent-plan.ts';
import { usesOfStep } from './agent-proposal.ts';

/** An agent at work here, or one that has ended and is remembered. */
const entryShape = record({
  key: integer,
  /** The request that began it names it: origin is its owner. */
  origin: peer,
  originBoot: integer,
  n: integer,
  desk: peer,
  plan: shared(planShape),
  state: upTo(AGENT_STATES.length - 1),
  code: upTo(ERROR_CODES.length - 1),
  detail: text(MAX_DETAIL),
  results: list(shared(record({ answer: ref, generatedTokens: integer })), MAX_STEPS),
  spentTokens: integer,
  /** What was left of its time at `sinceUs`. */
  leftUs: integer,
  sinceUs: integer,
  /** Names the run of its step that is under way; 0: none is. */
  attempt: integer,
  tries: integer,
  /** The STORE that is under way, 0: none; and whether something has changed since. */
  storing: integer,
  isChanged: flag,
  isOnDisk: flag,
  /** How many of its results its owner has been sent. */
  released: integer,
  /** Who waits to be told how it does, once that is on disk. */
  waiting: list(record({ asker: peer, attempt: integer }), 4),
});
export type Agent = Of<typeof entryShape>;

/** Agents of a compute node (R4-6): jobs of steps, with a checkpoint on disk after each. */
export const agentHostShape = record({
  agents: own(() => new RequestTable(entryShape)),
  nextAttempt: integer,
});
export type AgentHost = Of<typeof agentHostShape>;

/** Runs of steps are told from other runs of the same request by attempts that no search reaches. */
export const FIRST_ATTEMPT = 1 << 16;

/** What a node holds of agents: made when it is first needed. */
export function hostOf(node: Node): AgentHost {
  return (node.agents ??= { agents: new RequestTable(entryShape), nextAttempt: FIRST_ATTEMPT });
}

/** An agent that is about to begin. */
export function createAgent(key: number, envelope: Envelope, plan: Plan, now: Now): Agent {
  const { origin, originBoot, n, from: desk } = envelope;
  return {
    key,
    origin,
    originBoot,
    n,
    desk,
    plan,
    state: AGENT_BEGUN,
    code: OK,
    detail: '',
    results: [],
    spentTokens: 0,
    leftUs: plan.plan.budgetUs,
    sinceUs: now.monoUs,
    attempt: 0,
    tries: 0,
    storing: 0,
    isChanged: false,
    isOnDisk: false,
    released: 0,
    waiting: [],
  };
}

/** An agent as the disk has kept it. */
export function agentOfRecord(key: number, kept: AgentRecord): Agent {
  const { owner: origin, ownerBoot: originBoot, n, desk, plan, state, code, detail } = kept;
  const { spentTokens, leftUs } = kept;
  return {
    key,
    origin,
    originBoot,
    n,
    desk,
    plan,
    state,
    code,
    detail,
    results: [...kept.results],
    spentTokens,
    leftUs,
    sinceUs: 0,
    attempt: 0,
    tries: 0,
    storing: 0,
    isChanged: false,
    isOnDisk: true,
    // Whether the owner was sent the last one nobody knows: it comes again, the same.
    released: Math.max(0, kept.results.length - 1),
    waiting: [],
  };
}

export function recordOfAgent(agent: Agent): AgentRecord {
  const { origin: owner, originBoot: ownerBoot, n, desk, plan, state, code, detail } = agent;
  const { spentTokens, leftUs } = agent;
  const results = agent.results.slice();
  return { owner, ownerBoot, n, desk, plan, state, code, detail, results, spentTokens, leftUs };
}

export function findAgent(node: Node, { origin, originBoot, n }: Envelope): Agent | undefined {
  return node.agents?.agents.get(origin, originBoot, n);
}

/** What others are told of it. @param now null: as it was at the last checkpoint */
export function stateOf(node: Node, agent: Agent, now: Now | null): AgentState {
  const { origin: owner, originBoot: ownerBoot, n, state, code, detail, results, spentTokens } = agent;
  const leftUs = now === null || state !== AGENT_BEGUN ? agent.leftUs : leftOf(agent, now);
  const step = results.length;
  const steps = agent.plan.plan.steps.length;
  return { owner, ownerBoot, n, host: node.self, state, code, detail, step, steps, spentTokens, leftUs };
}

/** What its owner is told of a step that it has done. */
export function resultOf(node: Node, { plan, results }: Agent, step: number): StepResult {
  return { host: node.self, step, ...results[step], used: usesOfStep(node.pure, plan, step) };
}

export function leftOf({ leftUs, sinceUs, state }: Agent, now: Now): number {
  return state === AGENT_BEGUN ? Math.max(0, leftUs - (now.monoUs - sinceUs)) : leftUs;
}
