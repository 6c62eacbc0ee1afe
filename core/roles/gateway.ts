import type { Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import {
  ANSWER,
  answerShape,
  CLUSTERS,
  FIND_CLUSTERS,
  NOTE_OUTCOME,
  REFUSED,
  refusedShape,
} from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { RequestTable } from '../machine/request-table.ts';
import { integer, optional, own, peer, record, shared, type Of } from '../machine/shape.ts';
import { noteRequest, reply } from '../machine/speech.ts';
import { NOT_ADMITTED, OK, UNKNOWN_MODEL } from '../routing/outcomes.ts';
import {
  closeSearch,
  onSearchDue,
  onSearcherAlarm,
  openSearch,
  refusal,
  replyOutcome,
  type Outcome,
} from '../routing/search.ts';
import { createSearcher, SCOPE_ALL, searcherShape, type Search } from '../routing/search-state.ts';
import type { Want } from '../routing/want.ts';

/** Written once and never changed. */
const rememberedShape = shared(
  record({
    key: integer,
    origin: peer,
    originBoot: integer,
    n: integer,
    answer: optional(shared(answerShape)),
    refused: optional(shared(refusedShape)),
  }),
);

/** Entry point for users (§4.1): gets each request one terminal outcome, and remembers it for duplicates. */
export const gatewayShape = record({
  searcher: searcherShape,
  remembered: own(() => new RequestTable(rememberedShape)),
});
type Gateway = Of<typeof gatewayShape>;

export function createGateway(): Gateway {
  return { searcher: createSearcher(), remembered: new RequestTable(rememberedShape) };
}

export function onAsk(node: Node, gateway: Gateway, now: Now, out: Outbox, envelope: Envelope): void {
  const known = gateway.remembered.get(envelope.origin, envelope.originBoot, envelope.n);
  if (known !== undefined && envelope.from === envelope.origin) {
    // The same answer to the same request: no second effect, and no second run (R5.3-2).
    if (known.answer !== null) reply(node, out, envelope, ANSWER, known.answer);
    else reply(node, out, envelope, REFUSED, known.refused);
    return;
  }
  const want = envelope.body as Want;
  const outcome = findFault(node, gateway, envelope, want);
  if (outcome !== null) settle(node, gateway, now, out, envelope, want, outcome);
  else {
    const early = openSearch(node, gateway.searcher, now, out, envelope, SCOPE_ALL, want, []);
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
  remember(node, gateway, now, search, outcome);
  noteOutcome(node, out, search, search.want, outcome);
}

export function onGatewayAlarm(node: Node, gateway: Gateway, now: Now, out: Outbox): void {
  const { searches } = gateway.searcher;
  for (let due = searches.firstDue(now.monoUs); due !== undefined; due = searches.firstDue(now.monoUs)) {
    endSearch(node, gateway, now, out, due, onSearchDue(node, gateway.searcher, due, now, out));
  }
  onSearcherAlarm(node, gateway.searcher, now, out);
  const { remembered } = gateway;
  for (let due = remembered.firstDue(now.monoUs); due !== undefined; due = remembered.firstDue(now.monoUs)) {
    remembered.delete(due);
  }
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
  if (envelope.from === envelope.origin) remember(node, gateway, now, envelope, outcome);
  noteOutcome(node, out, envelope, want, outcome);
}

function findFault(node: Node, gateway: Gateway, envelope: Envelope, want: Want): Outcome | null {
  if (envelope.from !== envelope.origin)
    return refusal(NOT_ADMITTED, 'a request is brought by whoever it is of', []);
  const { origin, originBoot, n } = envelope;
  const isOpen = gateway.searcher.searches.holds(origin, originBoot, n);
  if (isOpen || node.config.models.some(({ name }) => name === want.model)) return null;
  return refusal(UNKNOWN_MODEL, `the federation knows no model ${want.model}`, []);
}

function remember(
  node: Node,
  gateway: Gateway,
  now: Now,
  { origin, originBoot, n }: Pick<RequestId, 'origin' | 'originBoot' | 'n'>,
  outcome: Outcome,
): void {
  const { remembered } = gateway;
  const { maxRemembered, rememberUs } = node.config.parameters;
  if (maxRemembered === 0 || remembered.holds(origin, originBoot, n)) return;
  if (remembered.size >= maxRemembered) remembered.delete(remembered.first()!);
  const { answer, refused } = outcome;
  remembered.add(
    { key: remembered.takeKey(), origin, originBoot, n, answer, refused },
    now.monoUs + rememberUs,
  );
}

function noteOutcome(node: Node, out: Outbox, request: RequestId, want: Want, outcome: Outcome): void {
  if (outcome.answer !== null) {
    const { servedBy, stage } = outcome.answer;
    noteRequest(node, out, request, NOTE_OUTCOME, want.model, servedBy, stage, OK, []);
  } else {
    const { code, struck } = outcome.refused;
    noteRequest(node, out, request, NOTE_OUTCOME, want.model, node.self, 0, code, struck);
  }
}
