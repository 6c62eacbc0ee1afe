import type { Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { memoryOf } from '../models/registry.ts';
import { CLUSTERS, FIND_CLUSTERS, NOTE_OUTCOME } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_FORGED } from '../machine/refusals.ts';
import { record, type Of } from '../machine/shape.ts';
import { noteRequest, reply } from '../machine/speech.ts';
import { isDeparting } from '../cluster/affiliation/affiliation.ts';
import {
  CONSENT_REQUIRED,
  NOT_ADMITTED,
  NOT_READY,
  OK,
  STAGE_CLUSTER,
  TRUST_TOO_LOW,
  UNKNOWN_MODEL,
} from '../routing/outcomes.ts';
import { refusal, replyOutcome, type Outcome } from '../routing/ending.ts';
import { closeSearch, onSearchDue, onSearcherAlarm, openSearch } from '../routing/search.ts';
import {
  createSearcher,
  SCOPE_AGENT,
  SCOPE_ALL,
  searcherShape,
  type Search,
} from '../routing/search-state.ts';
import { createMemory, findRemembered, memoryShape, remember } from '../routing/remembered.ts';
import type { Want } from '../routing/want.ts';
import { ownTrust, TRUST_LEVELS } from '../trust/attestation.ts';
import { COMPUTE_USE } from '../policy/consent-documents.ts';
import { bringingOf, leastTrust, mayDo } from '../trust/operations.ts';
import type { Plan } from './agents/agent-plan.ts';
import { findPlanFault, wantOfPlan } from './agents/agent-proposal.ts';
import { findPodsFault } from './pod-context.ts';

/** Entry point for users (§4.1): gets each request one terminal outcome, and remembers it for duplicates. */
export const gatewayShape = record({
  searcher: searcherShape,
  remembered: memoryShape,
});
type Gateway = Of<typeof gatewayShape>;

export function createGateway(): Gateway {
  return { searcher: createSearcher(), remembered: createMemory() };
}

export function onAsk(node: Node, gateway: Gateway, now: Now, out: Outbox, envelope: Envelope): void {
  const want = envelope.body as Want;
  const { pods } = want;
  const minTrust = leastTrust(want.minTrust, pods.length > 0);
  takeUp(node, gateway, now, out, envelope, SCOPE_ALL, pods.length > 0 ? { ...want, minTrust } : want, null);
}

/** The owner of an agent wants it begun (R4-6): by one host of this cluster, once. */
export function onAskAgent(node: Node, gateway: Gateway, now: Now, out: Outbox, envelope: Envelope): void {
  const plan = envelope.body as Plan;
  takeUp(node, gateway, now, out, envelope, SCOPE_AGENT, wantOfPlan(plan, now), plan);
}

function takeUp(
  node: Node,
  gateway: Gateway,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  scope: number,
  want: Want,
  plan: Plan | null,
): void {
  const known = findRemembered(gateway.remembered, now, envelope);
  if (known !== undefined && envelope.from === envelope.origin) {
    // The same answer to the same request: no second effect, and no second run (R5.3-2).
    replyOutcome(node, out, envelope, known as Outcome);
    return;
  }
  const outcome = findFault(node, gateway, now, envelope, want, plan);
  if (outcome !== null) settle(node, gateway, now, out, envelope, want, outcome);
  else {
    const early = openSearch(node, gateway.searcher, now, out, envelope, scope, want, [], plan);
    const search = gateway.searcher.searches.get(envelope.origin, envelope.originBoot, envelope.n);
    if (early === null) return;
    if (search !== undefined) endSearch(node, gateway, now, out, search, early);
    else settle(node, gateway, now, out, envelope, want, early);
  }
}

/** Ends a search if `outcome` says so. */
export function endSearch(
  node: Node,
  gateway: Gateway,
  now: Now,
  out: Outbox,
  search: Search,
  outcome: Outcome | null,
): void {
  if (outcome === null) return;
  closeSearch(node, gateway.searcher, search, out, outcome);
  keep(node, gateway, now, search, outcome);
  noteOutcome(node, out, search, search.want, outcome);
}

export function onGatewayAlarm(node: Node, gateway: Gateway, now: Now, out: Outbox): void {
  const { searches } = gateway.searcher;
  for (let due = searches.firstDue(now.monoUs); due !== undefined; due = searches.firstDue(now.monoUs)) {
    endSearch(node, gateway, now, out, due, onSearchDue(node, gateway.searcher, due, now, out));
  }
  onSearcherAlarm(node, gateway.searcher, now, out);
}

/** Passes a question about other clusters on to a bridge of this one: gateways know of none themselves (R5.1-5). */
export function onFindClusters(node: Node, out: Outbox, envelope: Envelope): void {
  const { from, origin, originBoot, n, attempt } = envelope;
  const bridges = node.config.record?.bridges ?? [];
  if (bridges.length === 0 || from !== origin) {
    // An empty answer is an answer.
    reply(node, out, envelope, CLUSTERS, { clusters: [], total: 0 });
    return;
  }
  // Who asks again asks another bridge.
  const bridge = bridges[(n + attempt) % bridges.length];
  out.send(FIND_CLUSTERS, node.self, bridge.peer, origin, originBoot, n, attempt, envelope.body);
}

/** False if it is none that this node has asked for. */
export function onClusters(node: Node, out: Outbox, envelope: Envelope): boolean {
  const { from, origin, originBoot, n, attempt } = envelope;
  const isOfBridge = node.config.record?.bridges.some(({ peer }) => peer === from) === true;
  if (node.gateway === null || !isOfBridge || origin === node.self) return false;
  out.send(CLUSTERS, node.self, origin, origin, originBoot, n, attempt, envelope.body);
  return true;
}

type RequestId = Pick<Envelope, 'origin' | 'originBoot' | 'n' | 'attempt'>;

/** Answers a request that never became a search. */
function settle(
  node: Node,
  gateway: Gateway,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  want: Want,
  outcome: Outcome,
): void {
  replyOutcome(node, out, envelope, outcome);
  if (envelope.from === envelope.origin) keep(node, gateway, now, envelope, outcome);
  noteOutcome(node, out, envelope, want, outcome);
}

function findFault(
  node: Node,
  gateway: Gateway,
  now: Now,
  envelope: Envelope,
  want: Want,
  plan: Plan | null,
): Outcome | null {
  if (envelope.from !== envelope.origin) {
    countRefusal(node, REFUSAL_FORGED);
    return refusal(NOT_ADMITTED, 'a request is brought by whoever it is of', []);
  }
  const { origin, originBoot, n } = envelope;
  if (gateway.searcher.searches.holds(origin, originBoot, n)) return null;
  if (isDeparting(node)) return refusal(NOT_READY, 'the node is leaving its cluster', []);
  if (memoryOf(node, want.model) === null)
    return refusal(UNKNOWN_MODEL, `the federation knows no model ${want.model}`, []);
  const level = ownTrust(node, now);
  if (!mayDo(level, bringingOf(want.minTrust)))
    return refusal(TRUST_TOO_LOW, `a node that is ${TRUST_LEVELS[level]} is a gateway for tests only`, []);
  // Asking anybody to take an agent on hands out what it is about: the owner's consent comes first (R5.3-4).
  const fault =
    plan === null
      ? findPodsFault(node, now, want, origin, COMPUTE_USE)
      : findPlanFault(node.pure, now, plan, origin);
  return fault === null ? null : refusal(CONSENT_REQUIRED, fault, []);
}

function keep(
  node: Node,
  gateway: Gateway,
  now: Now,
  request: Pick<RequestId, 'origin' | 'originBoot' | 'n'>,
  outcome: Outcome,
): void {
  remember(gateway.remembered, now, node.config.parameters, request, request.origin, outcome);
}

function noteOutcome(node: Node, out: Outbox, request: RequestId, want: Want, outcome: Outcome): void {
  if (outcome.answer !== null) {
    const { servedBy, stage } = outcome.answer;
    noteRequest(node, out, request, NOTE_OUTCOME, want.model, servedBy, stage, OK, []);
  } else if (outcome.agent !== null) {
    noteRequest(node, out, request, NOTE_OUTCOME, want.model, outcome.agent.host, STAGE_CLUSTER, OK, []);
  } else {
    const { code, struck } = outcome.refused;
    noteRequest(node, out, request, NOTE_OUTCOME, want.model, node.self, 0, code, struck);
  }
}
