import { DISK, type Peer } from '../../base/peers.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { recordOf } from '../../machine/disk-records.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  AGENT_STATE,
  AGENT_STOP,
  AGENTS,
  AGENTS_FOUND,
  ANSWER,
  REFUSED,
  RUN,
  STEP_RESULT,
  STORE,
  WORKING,
  type Answer,
  type Refused,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { reply } from '../../machine/speech.ts';
import { findVersion } from '../../models/model-host.ts';
import { AGENT_USE } from '../../policy/consent-documents.ts';
import { isRegionAllowed } from '../../policy/regions.ts';
import {
  CONSENT_REQUIRED,
  DEADLINE_EXCEEDED,
  isRetryable,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  OK,
  OVERLOADED,
  type ErrorCode,
} from '../../routing/outcomes.ts';
import { MAX_DEADLINE_US, WALL_SKEW_BOUND_US, type Want } from '../../routing/want.ts';
import {
  AGENT_BEGUN,
  AGENT_DONE,
  AGENT_EXHAUSTED,
  AGENT_FAILED,
  AGENT_REVOKED,
  AGENT_STOPPED,
  MAX_LISTED,
  type AgentRecord,
  type AskStep,
  type Plan,
  type StopAgent,
} from './agent-plan.ts';
import { agentKey, findPlanFault, podsOfStep } from './agent-proposal.ts';
import {
  agentOfRecord,
  createAgent,
  findAgent,
  FIRST_ATTEMPT,
  hostOf,
  leftOf,
  recordOfAgent,
  resultOf,
  stateOf,
  type Agent,
} from './agent-state.ts';
import { dropWaiting } from '../compute.ts';
import { findPodsFault } from '../pod-context.ts';

/** A step that could not be run, and a checkpoint that could not be written, are tried again after so long. */
const RETRY_US = 1_000_000;

/** Takes on an agent, or says why not. It is begun when it is on disk, and its asker is told then. */
export function onAgent(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  const plan = envelope.body as Plan;
  const { agents } = hostOf(node);
  const { origin, originBoot, n, from: asker, attempt } = envelope;
  const known = agents.get(origin, originBoot, n);
  if (known !== undefined) {
    tellWhenStored(node, out, known, asker, attempt);
    return;
  }
  const fault = findFault(node, now, plan, origin);
  if (fault !== null) {
    refuse(node, out, envelope, fault.code, fault.detail);
    return;
  }
  const agent = createAgent(agents.takeKey(), envelope, plan, now);
  agent.waiting.push({ asker, attempt });
  agents.add(agent, now.monoUs + agent.leftUs);
  save(node, agent, now, out);
}

/** A gateway asks for something of an agent, or after all of an owner. */
export function onAsked(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  if (envelope.kind === AGENT_STOP) onStop(node, now, out, envelope);
  else if (envelope.kind === AGENTS) onList(node, now, out, envelope);
  else onStep(node, now, out, envelope);
}

/** The owner stops an agent or withdraws the consent: no further step begins, and what is at work is not used. */
function onStop(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  const agent = findAgent(node, envelope);
  if (agent === undefined) {
    onList(node, now, out, envelope);
    return;
  }
  const { isRevoked } = envelope.body as StopAgent;
  if (agent.state === AGENT_BEGUN) end(node, agent, now, out, isRevoked ? AGENT_REVOKED : AGENT_STOPPED, OK);
  tellWhenStored(node, out, agent, envelope.from, envelope.attempt);
}

/** Every agent here that acts for whoever asks: also the answer where what was asked for is not here. */
function onList(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  const own = node.agents?.agents.entries().filter(({ origin }) => origin === envelope.origin) ?? [];
  const agents = own.slice(0, MAX_LISTED).map((agent) => stateOf(node, agent, now));
  reply(node, out, envelope, AGENTS_FOUND, { by: node.self, asked: [], agents });
}

/** What a step has made, for an owner who has not had it. */
function onStep(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  const { step } = envelope.body as AskStep;
  const agent = findAgent(node, envelope);
  // What is not on disk yet might be made anew, and otherwise, after a crash.
  if (agent === undefined || step >= agent.released) onList(node, now, out, envelope);
  else reply(node, out, envelope, STEP_RESULT, resultOf(node, agent, step));
}

/** Whether a run that a node asks of itself is still wanted: a step may have been given up since. */
export function isWanted(node: Node, envelope: Envelope): boolean {
  return envelope.attempt < FIRST_ATTEMPT || findAgent(node, envelope)?.attempt === envelope.attempt;
}

/** Of what a node says to itself: how a step went. False if no agent waits for it. */
export function onStepAnswered(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const agent = findAgent(node, envelope);
  if (agent === undefined || envelope.attempt < FIRST_ATTEMPT) return false;
  // A step of an agent that has been stopped meanwhile has been for nothing.
  if (agent.attempt !== envelope.attempt) return true;
  if (envelope.kind === WORKING) {
    setDue(node, agent, now.monoUs + node.config.parameters.silenceUs);
    return true;
  }
  agent.attempt = 0;
  if (envelope.kind === ANSWER) {
    const { answer, contextTokens, generatedTokens } = envelope.body as Answer;
    agent.results.push({ answer, generatedTokens });
    agent.spentTokens += contextTokens + generatedTokens;
    agent.tries = 0;
    if (agent.results.length === agent.plan.plan.steps.length) end(node, agent, now, out, AGENT_DONE, OK);
    else save(node, agent, now, out);
  } else if (envelope.kind === REFUSED) {
    const { code, detail } = envelope.body as Refused;
    const isHopeless = !isRetryable(code) || agent.tries > node.config.parameters.retries;
    // The owner of a pod that it is given has withdrawn the consent: it ends as if its own had.
    if (code === CONSENT_REQUIRED) end(node, agent, now, out, AGENT_REVOKED, code, detail);
    else if (isHopeless) end(node, agent, now, out, AGENT_FAILED, code, detail);
    else setDue(node, agent, now.monoUs + RETRY_US);
  }
  return true;
}

/** Of the answers of the disk: false if it is to no agent's STORE. */
export function onAgentStored(node: Node, now: Now, out: Outbox, n: number, condition: number): boolean {
  const agent = node.agents?.agents.entries().find(({ storing }) => storing === n);
  if (agent === undefined) return false;
  agent.storing = 0;
  if (condition !== DISK_FINE) onUnstored(node, agent, now, out);
  else if (agent.isChanged) save(node, agent, now, out);
  else {
    agent.isOnDisk = true;
    release(node, agent, now, out);
    if (agent.state === AGENT_BEGUN) proceed(node, agent, now, out);
    else setDue(node, agent, forgetAtUs(node, agent, now));
  }
  return true;
}

export function onAgentsAlarm(node: Node, now: Now, out: Outbox): void {
  if (node.agents === null) return;
  const { agents } = node.agents;
  for (let agent = agents.firstDue(now.monoUs); agent !== undefined; agent = agents.firstDue(now.monoUs)) {
    agents.deadlines.set(agent.key, NEVER_US);
    if (agent.isChanged) save(node, agent, now, out);
    else if (agent.state === AGENT_BEGUN) {
      // Silence of its own accelerator's queue: the run was dropped, and is tried again.
      agent.attempt = 0;
      proceed(node, agent, now, out);
    } else forget(node, agent, out);
  }
}

export function nextAgentUs(node: Node): number {
  return node.agents === null ? NEVER_US : node.agents.agents.deadlines.nextUs;
}

/** Takes over what the disk has kept of an agent. It goes on when the node is ready. */
export function restoreAgent(node: Node, kept: AgentRecord): void {
  const { agents } = hostOf(node);
  agents.add(agentOfRecord(agents.takeKey(), kept), NEVER_US);
}

/** Lets the agents that the disk has kept go on. */
export function resumeAgents(node: Node, now: Now, out: Outbox): void {
  for (const agent of node.agents?.agents.entries() ?? []) {
    agent.sinceUs = now.monoUs;
    release(node, agent, now, out);
    if (agent.state === AGENT_BEGUN) proceed(node, agent, now, out);
    else setDue(node, agent, forgetAtUs(node, agent, now));
  }
}

/** The next step, if everything that must allow it does. */
function proceed(node: Node, agent: Agent, now: Now, out: Outbox): void {
  if (agent.storing !== 0 || agent.attempt !== 0) return;
  const { plan } = agent.plan;
  const step = agent.results.length;
  const { model, prompt, contextTokens, maxTokens } = plan.steps[step];
  const leftUs = leftOf(agent, now);
  const shut = findPlanFault(node.pure, now, agent.plan, agent.origin);
  if (shut !== null) {
    end(node, agent, now, out, AGENT_REVOKED, CONSENT_REQUIRED, shut);
    return;
  }
  const isExhausted =
    leftUs === 0 ||
    now.wallUs >= plan.untilWallUs ||
    agent.spentTokens + contextTokens + maxTokens > plan.budgetTokens;
  if (isExhausted) {
    end(node, agent, now, out, AGENT_EXHAUSTED, OK);
    return;
  }
  const timeLeftUs = Math.min(leftUs, MAX_DEADLINE_US);
  const want: Want = {
    model,
    prompt: prompt ?? agent.results[step - 1].answer,
    contextTokens,
    maxTokens,
    minTrust: plan.minTrust,
    allowedRegions: plan.allowedRegions,
    pods: podsOfStep(node.pure, agent.plan, step),
    timeLeftUs,
    notAfterWallUs: now.wallUs + timeLeftUs,
  };
  agent.tries++;
  agent.attempt = node.agents!.nextAttempt++;
  setDue(node, agent, now.monoUs + node.config.parameters.silenceUs);
  out.send(RUN, node.self, node.self, agent.origin, agent.originBoot, agent.n, agent.attempt, want);
}

/** R4-6, R5.3-4: what an agent will do is looked at as a whole before anything of it is done. */
function findFault(
  node: Node,
  now: Now,
  asked: Plan,
  owner: Peer,
): { code: ErrorCode; detail: string } | null {
  const { manifest, parameters } = node.config;
  const { plan, beginByWallUs } = asked;
  const refusal = findPlanFault(node.pure, now, asked, owner);
  if (refusal !== null) return { code: CONSENT_REQUIRED, detail: refusal };
  if (now.wallUs >= beginByWallUs + WALL_SKEW_BOUND_US)
    return { code: DEADLINE_EXCEEDED, detail: 'it was to be begun earlier' };
  if (!isRegionAllowed(plan.allowedRegions, manifest.region))
    return { code: NO_ELIGIBLE_NODE, detail: 'it may not be at work in this region' };
  if (plan.steps.length === 0 || plan.steps[0].prompt === null)
    return { code: NO_ELIGIBLE_NODE, detail: 'its first step is given nothing' };
  const shut = findShutPods(node, now, asked, owner);
  if (shut !== null) return shut;
  const absent = plan.steps.find(({ model }) => findVersion(node, model, now) === null);
  if (absent !== undefined)
    return { code: NO_CAPABLE_NODE, detail: `the model ${absent.model} is not installed here` };
  if (hostOf(node).agents.size >= parameters.maxAgents)
    return { code: OVERLOADED, detail: 'there are as many agents here as there may be' };
  return null;
}

/** Why a step could not be given its pods, as far as that can be known before they are asked for (R6.2-4). */
function findShutPods(
  node: Node,
  now: Now,
  asked: Plan,
  owner: Peer,
): { code: ErrorCode; detail: string } | null {
  const { region } = node.config.manifest;
  for (const [step, { model }] of asked.plan.steps.entries()) {
    const pods = podsOfStep(node.pure, asked, step);
    // Another host may lie where the owner has been asked about.
    if (pods.some(({ permission }) => !isRegionAllowed(permission!.proposal.terms.regions, region)))
      return {
        code: NO_ELIGIBLE_NODE,
        detail: 'the owner of a pod that it touches was asked about other places',
      };
    const detail = findPodsFault(node, now, { model, pods }, owner, AGENT_USE);
    if (detail !== null) return { code: CONSENT_REQUIRED, detail };
  }
  return null;
}

function end(
  node: Node,
  agent: Agent,
  now: Now,
  out: Outbox,
  state: number,
  code: ErrorCode,
  detail = '',
): void {
  // A step that waits for its turn would still be given what it is no longer to have.
  if (agent.attempt !== 0 && node.compute !== null) dropWaiting(node.compute, agent, agent.attempt);
  agent.detail = detail;
  agent.state = state;
  agent.code = code;
  agent.attempt = 0;
  save(node, agent, now, out);
}

/** Writes the checkpoint; while one is being written, once more after it. */
function save(node: Node, agent: Agent, now: Now, out: Outbox): void {
  agent.leftUs = leftOf(agent, now);
  agent.sinceUs = now.monoUs;
  agent.isChanged = agent.storing !== 0;
  if (agent.isChanged) return;
  agent.storing = write(node, agent, recordOfAgent(agent), out);
  setDue(node, agent, NEVER_US);
}

function write(node: Node, agent: Agent, kept: AgentRecord | null, out: Outbox): number {
  const key = agentKey(node.pure, agent.origin, agent.originBoot, agent.n);
  const n = node.nextN++;
  const entry = { key, record: kept === null ? null : recordOf({ agent: kept }) };
  out.send(STORE, node.self, DISK, node.self, node.bootCount, n, 0, { writes: [entry] });
  return n;
}

/** The disk takes nothing: an agent that is not on it has not begun, others wait until it does. */
function onUnstored(node: Node, agent: Agent, now: Now, out: Outbox): void {
  if (agent.isOnDisk) {
    agent.isChanged = true;
    setDue(node, agent, now.monoUs + RETRY_US);
    return;
  }
  const body = {
    code: OVERLOADED,
    retryAfterUs: RETRY_US,
    detail: 'the disk takes no checkpoint',
    struck: [],
  };
  for (const { asker, attempt } of agent.waiting)
    out.send(REFUSED, node.self, asker, agent.origin, agent.originBoot, agent.n, attempt, body);
  node.agents!.agents.delete(agent);
}

/** Says what is on disk, and nothing that is not: results to the owner, how it does to who waits for it. */
function release(node: Node, agent: Agent, now: Now, out: Outbox): void {
  const { origin, originBoot, n, desk } = agent;
  for (; agent.released < agent.results.length; agent.released++) {
    const body = resultOf(node, agent, agent.released);
    out.send(STEP_RESULT, node.self, desk, origin, originBoot, n, 0, body);
  }
  const state = stateOf(node, agent, now);
  for (const { asker, attempt } of agent.waiting)
    out.send(AGENT_STATE, node.self, asker, origin, originBoot, n, attempt, state);
  const isTold = agent.waiting.some(({ asker }) => asker === desk);
  agent.waiting = [];
  if (agent.state !== AGENT_BEGUN && !isTold)
    out.send(AGENT_STATE, node.self, desk, origin, originBoot, n, 0, state);
}

function tellWhenStored(node: Node, out: Outbox, agent: Agent, asker: Peer, attempt: number): void {
  if (agent.storing !== 0 || agent.isChanged) {
    if (agent.waiting.length === 4) agent.waiting.shift();
    agent.waiting.push({ asker, attempt });
    return;
  }
  const { origin, originBoot, n } = agent;
  const state = stateOf(node, agent, null);
  out.send(AGENT_STATE, node.self, asker, origin, originBoot, n, attempt, state);
}

/** An agent that has ended is remembered for as long as somebody may ask for it to be begun again (R5.3-3). */
function forgetAtUs(node: Node, { plan }: Agent, now: Now): number {
  const mayBeAskedUs = plan.beginByWallUs + 2 * WALL_SKEW_BOUND_US - now.wallUs;
  return now.monoUs + Math.max(node.config.parameters.rememberUs, mayBeAskedUs);
}

function forget(node: Node, agent: Agent, out: Outbox): void {
  write(node, agent, null, out);
  node.agents!.agents.delete(agent);
}

/** An agent at work is looked at by the end of its time at the latest. */
function setDue(node: Node, agent: Agent, dueUs: number): void {
  const endsUs = agent.state === AGENT_BEGUN ? agent.sinceUs + agent.leftUs : NEVER_US;
  const isResting = dueUs === NEVER_US || agent.storing !== 0;
  node.agents!.agents.deadlines.set(agent.key, isResting ? NEVER_US : Math.min(dueUs, endsUs));
}

function refuse(node: Node, out: Outbox, envelope: Envelope, code: ErrorCode, detail: string): void {
  const retryAfterUs = isRetryable(code) ? RETRY_US : 0;
  reply(node, out, envelope, REFUSED, { code, retryAfterUs, detail, struck: [] });
}
