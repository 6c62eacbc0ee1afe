import { NOBODY, type Peer } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { chooseCrossing } from '../cluster/sessions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import type { AgentState, Plan } from '../roles/agent-plan.ts';
import {
  AGENT,
  CROSS,
  FIND,
  NOTE_ASKED,
  NOTE_OPENED,
  NOTE_STRUCK,
  RUN,
  WORKING,
  type Answer,
  type Candidate,
  type Find,
  type Found,
  type Refused,
} from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { noteRequest, reply } from '../machine/speech.ts';
import { loadOf } from '../roles/compute.ts';
import { effectiveTrust } from '../trust/attestation.ts';
import { decide, errorOfStrikes } from './decide.ts';
import {
  CLUSTER_UNREACHABLE,
  DEADLINE_EXCEEDED,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  OVERLOADED,
  STAGE_CLUSTER,
  STAGE_FEDERATION,
  STAGE_LOCAL,
  STRIKE_BUSY,
  STRIKE_MODEL,
  STRIKE_REFUSED,
  STRIKE_REGION,
  STRIKE_SILENT,
  STRIKE_UNREACHABLE,
  TRUST_TOO_LOW,
  UNKNOWN_OUTCOME,
  type ErrorCode,
} from './outcomes.ts';
import {
  awaitPeer,
  prolongWait,
  releasePeer,
  SCOPE_ALL,
  SCOPE_OUTWARD,
  strike,
  type Search,
  type Searcher,
} from './search-state.ts';
import { bodyOf, kindOf, refusal, type Outcome } from './ending.ts';
import { goByRecalled, keepAnswer, nextIndex, noteSilence } from './recall.ts';
import { isTooLate, type Want } from './want.ts';

/** Takes up a request. Returns the outcome if it has one at once, or null while the search goes on. */
export function openSearch(
  node: Node,
  searcher: Searcher,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  scope: number,
  want: Want,
  path: readonly string[],
  plan: Plan | null = null,
): Outcome | null {
  const { searches } = searcher;
  if (searches.holds(envelope.origin, envelope.originBoot, envelope.n)) {
    if (searches.get(envelope.origin, envelope.originBoot, envelope.n)?.asker === envelope.from)
      reply(node, out, envelope, WORKING, { by: node.self, ahead: 0 });
    else node.late++;
    return null;
  }
  if (searches.size >= node.config.parameters.maxSearches)
    return refusal(OVERLOADED, 'this node holds as many requests as it may', []);
  const search: Search = {
    key: searches.takeKey(),
    origin: envelope.origin,
    originBoot: envelope.originBoot,
    n: envelope.n,
    asker: envelope.from,
    askerAttempt: envelope.attempt,
    scope,
    want,
    plan,
    path: path as string[],
    deadlineUs: now.monoUs + want.timeLeftUs,
    stage: scope === SCOPE_OUTWARD ? STAGE_FEDERATION : STAGE_LOCAL,
    asked: NOBODY,
    attempt: 0,
    silentAtUs: NEVER_US,
    isFinding: false,
    indexTries: 0,
    tries: 0,
    isRetrying: false,
    tried: [],
    candidates: null,
    bridges: [],
    struck: [],
  };
  searches.add(search, search.deadlineUs);
  if (searcher.nextWorkingUs === NEVER_US)
    searcher.nextWorkingUs = now.monoUs + node.config.parameters.workingUs;
  reply(node, out, envelope, WORKING, { by: node.self, ahead: 0 });
  if (scope === SCOPE_ALL)
    noteRequest(node, out, search, NOTE_OPENED, want.model, envelope.from, search.stage, 0, []);
  return advance(node, searcher, search, now, out);
}

/** The search that an answer to this node belongs to, if it is still waiting for exactly that. */
export function findAwaiting(searcher: Searcher, envelope: Envelope): Search | null {
  const search = searcher.searches.get(envelope.origin, envelope.originBoot, envelope.n);
  if (search === undefined || search.asked !== envelope.from || search.attempt !== envelope.attempt)
    return null;
  return search;
}

export function onFound(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): Outcome | null {
  if (!search.isFinding) return null;
  const found = envelope.body as Found;
  releasePeer(searcher, search);
  keepAnswer(node, searcher.recall, now, envelope.from, search.want, found);
  search.candidates = found.candidates;
  search.bridges = found.bridges;
  return advance(node, searcher, search, now, out);
}

export function onWorking(node: Node, searcher: Searcher, search: Search, now: Now): void {
  if (!search.isFinding) prolongWait(searcher, search, now, node.config.parameters.silenceUs);
}

export function onAnswer(searcher: Searcher, search: Search, now: Now, envelope: Envelope): Outcome | null {
  if (search.isFinding) return null;
  const answer = envelope.body as Answer;
  releasePeer(searcher, search);
  // A node that was frozen hears what waited for it before its alarm rings.
  if (isPast(search, now))
    return refusal(DEADLINE_EXCEEDED, 'the answer came after the deadline', search.struck);
  return { answer: { ...answer, stage: search.stage }, refused: null, agent: null };
}

/** An agent has been taken on: it is on the disk of its host. */
export function onBegun(searcher: Searcher, search: Search, envelope: Envelope): Outcome | null {
  if (search.isFinding) return null;
  releasePeer(searcher, search);
  return { answer: null, refused: null, agent: envelope.body as AgentState };
}

export function onRefused(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): Outcome | null {
  const { code, struck, detail } = envelope.body as Refused;
  const isFinding = search.isFinding;
  releasePeer(searcher, search);
  if (isFinding) return advance(node, searcher, search, now, out);
  const own = { peer: envelope.from, cluster: clusterOf(node, envelope.from), reason: strikeOfCode(code) };
  if (search.stage === STAGE_FEDERATION) {
    // That nobody over there offers the model takes nothing from what came nearest to success at home.
    const isOfferedNowhere = code === NO_CAPABLE_NODE && struck.length === 0;
    if (!isOfferedNowhere) strike(search, struck.length === 0 ? [own] : struck);
    // What another bridge would say too, it need not be asked.
    const isFinal = search.scope === SCOPE_ALL && code !== CLUSTER_UNREACHABLE && code !== NOT_READY;
    if (isFinal) {
      const isOfStrikes = [NO_CAPABLE_NODE, NO_ELIGIBLE_NODE, OVERLOADED, TRUST_TOO_LOW].includes(code);
      return refusal(isOfStrikes ? errorOfStrikes(search.struck) : code, detail, search.struck);
    }
  } else {
    strike(search, [own]);
  }
  if (code === DEADLINE_EXCEEDED) return refusal(code, detail, search.struck);
  noteRequest(
    node,
    out,
    search,
    NOTE_STRUCK,
    search.want.model,
    envelope.from,
    search.stage,
    code,
    search.struck,
  );
  return advance(node, searcher, search, now, out);
}

/** Whoever was asked has been silent too long, or the deadline has come. */
export function onSearchDue(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
): Outcome | null {
  if (now.monoUs < search.deadlineUs && search.asked !== NOBODY) {
    const reason = search.scope === SCOPE_OUTWARD ? STRIKE_UNREACHABLE : STRIKE_SILENT;
    const silent = search.asked;
    const cluster = clusterOf(node, silent);
    const isFinding = search.isFinding;
    releasePeer(searcher, search);
    // Whoever was asked may have begun it, and another would begin it a second time (R5.3-2).
    if (!isFinding && search.plan !== null)
      return refusal(UNKNOWN_OUTCOME, 'who was to take the agent on is silent', search.struck);
    if (isFinding) noteSilence(node, searcher.recall, now, silent);
    else {
      strike(search, [{ peer: silent, cluster, reason }]);
      noteRequest(node, out, search, NOTE_STRUCK, search.want.model, silent, search.stage, 0, search.struck);
    }
  }
  return advance(node, searcher, search, now, out);
}

/** Tells those who wait that their requests are still held, each second. */
export function onSearcherAlarm(node: Node, searcher: Searcher, now: Now, out: Outbox): void {
  if (now.monoUs < searcher.nextWorkingUs) return;
  if (searcher.searches.size === 0) {
    searcher.nextWorkingUs = NEVER_US;
    return;
  }
  searcher.nextWorkingUs = now.monoUs + node.config.parameters.workingUs;
  for (const { asker, origin, originBoot, n, askerAttempt } of searcher.searches.entries()) {
    out.send(WORKING, node.self, asker, origin, originBoot, n, askerAttempt, { by: node.self, ahead: 0 });
  }
}

/** Takes a search out of its table and answers its asker. */
export function closeSearch(
  node: Node,
  searcher: Searcher,
  search: Search,
  out: Outbox,
  outcome: Outcome,
): void {
  releasePeer(searcher, search);
  searcher.searches.delete(search);
  const { asker, origin, originBoot, n, askerAttempt } = search;
  out.send(kindOf(outcome), node.self, asker, origin, originBoot, n, askerAttempt, bodyOf(outcome));
}

/** §5.3: serve here, else ask the cluster, else ask the federation, else say why not. */
function advance(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): Outcome | null {
  if (isPast(search, now))
    return refusal(DEADLINE_EXCEEDED, 'the deadline passed before an answer came', search.struck);
  if (search.stage === STAGE_LOCAL) {
    const local = candidateOfSelf(node, now, search.want.model);
    if (local !== null && askOneOf(node, searcher, search, now, out, [local])) return null;
    search.stage = STAGE_CLUSTER;
  }
  if (search.stage === STAGE_CLUSTER) {
    if (search.candidates === null && askIndex(node, searcher, search, now, out)) return null;
    if (search.candidates === null) goByRecalled(node, searcher.recall, now, search);
    if (askOneOf(node, searcher, search, now, out, search.candidates ?? [])) return null;
    search.stage = STAGE_FEDERATION;
  }
  if (search.scope === SCOPE_ALL && askBridge(node, searcher, search, now, out)) return null;
  if (search.scope === SCOPE_OUTWARD && askCluster(node, searcher, search, now, out)) return null;
  const isDark = search.scope !== SCOPE_OUTWARD && search.candidates === null && search.struck.length === 0;
  if (isDark) return refusal(NOT_READY, 'no index node answered', search.struck);
  const isOfferedByNobody = search.struck.length === 0;
  const detail = isOfferedByNobody ? `nobody in reach offers ${search.want.model} now` : '';
  return refusal(errorOfStrikes(search.struck), detail, search.struck);
}

/** Whether what comes now comes too late, by either clock (R5.3-3). */
function isPast(search: Search, now: Now): boolean {
  return now.monoUs >= search.deadlineUs || isTooLate(search.want, now);
}

/** Asks the next index node who offers the model. False when all were asked in vain, or were silent a moment ago. */
function askIndex(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const index = nextIndex(node, searcher.recall, now, search);
  if (index === NOBODY) return false;
  search.isFinding = true;
  const { model, minTrust, allowedRegions } = search.want;
  const body: Find = { model, withBridges: search.scope === SCOPE_ALL, minTrust, allowedRegions };
  search.attempt++;
  out.send(FIND, node.self, index, search.origin, search.originBoot, search.n, search.attempt, body);
  awaitPeer(searcher, search, now, index, node.config.parameters.findTimeoutUs);
  return true;
}

function askOneOf(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  candidates: readonly Candidate[],
): boolean {
  const required =
    node.config.models.find(({ name }) => name === search.want.model)?.requiredMemoryBytes ?? 0;
  const able = search.plan === null ? candidates : ableFor(search, candidates, node.config.manifest.cluster);
  const { chosen, struck } = decide(
    search.want,
    required,
    able,
    node.config.manifest.cluster,
    search.tried,
    (peer) => searcher.inFlight.get(peer) ?? 0,
    node.random,
  );
  strike(search, struck);
  if (chosen === null) return false;
  if (search.plan !== null) return ask(node, searcher, search, now, out, chosen.peer, AGENT, search.plan);
  return ask(node, searcher, search, now, out, chosen.peer, RUN, forwarded(search, now));
}

/** Those that have the models of all steps of an agent. */
function ableFor(search: Search, candidates: readonly Candidate[], cluster: string): Candidate[] {
  const models = search.plan!.plan.steps.map(({ model }) => model);
  return candidates.filter(({ peer, load }) => {
    const isAble = models.every((model) => load.installedModels.includes(model));
    if (!isAble) strike(search, [{ peer, cluster, reason: STRIKE_MODEL }]);
    return isAble;
  });
}

/** Asks a bridge of the own cluster to get the request answered elsewhere. */
function askBridge(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const bridges = search.bridges.filter((bridge) => !search.tried.includes(bridge));
  if (bridges.length === 0) return false;
  const bridge = bridges[drawBelow(node.random, bridges.length)];
  const body = { want: forwarded(search, now), path: [] };
  return ask(node, searcher, search, now, out, bridge, CROSS, body);
}

/** Asks a bridge of another cluster. */
function askCluster(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const path = [...search.path, node.config.manifest.cluster];
  const { session, struck } = chooseCrossing(
    node,
    node.bridge!.sessions,
    now,
    search.want,
    path,
    search.tried,
  );
  strike(search, struck);
  if (session === null) return false;
  return ask(node, searcher, search, now, out, session.peer, CROSS, { want: forwarded(search, now), path });
}

/** Sends the request to a peer and waits for it; false when there have been tries enough (R5.3-3). */
function ask(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  asked: Peer,
  kind: number,
  body: unknown,
): boolean {
  const { parameters } = node.config;
  if (search.tries > 0) {
    const shareOfInFlight = Math.floor((searcher.searches.size * parameters.retryBudgetPpm) / 1_000_000);
    const budget = Math.max(parameters.retryBudgetLeast, shareOfInFlight);
    if (search.tries > parameters.retries || searcher.retriesInFlight >= budget) return false;
    search.isRetrying = true;
    searcher.retriesInFlight++;
  }
  search.tries++;
  search.attempt++;
  search.tried.push(asked);
  out.send(kind, node.self, asked, search.origin, search.originBoot, search.n, search.attempt, body);
  awaitPeer(searcher, search, now, asked, parameters.silenceUs);
  noteRequest(node, out, search, NOTE_ASKED, search.want.model, asked, search.stage, 0, search.struck);
  return true;
}

/** What is asked of the next one: the same, with the time that is left. */
function forwarded(search: Search, now: Now): Want {
  return { ...search.want, timeLeftUs: search.deadlineUs - now.monoUs };
}

/** This node as a candidate for its own request, or null if it does not offer the model. */
function candidateOfSelf(node: Node, now: Now, model: string): Candidate | null {
  const { manifest, installedModels } = node.config;
  if (node.compute === null || !installedModels.includes(model)) return null;
  return {
    peer: node.self,
    region: manifest.region,
    trust: effectiveTrust(now, manifest, node.presence.attestations),
    gpuMemoryBytes: manifest.compute?.gpuMemoryBytes ?? 0,
    isOffered: true,
    isLoaded: installedModels.includes(model),
    load: loadOf(node),
    ageUs: 0,
  };
}

/** The cluster of a peer that this node has asked: its own, unless it is a bridge of another. */
function clusterOf(node: Node, asked: Peer): string {
  const session = node.bridge?.sessions.sessions.find(({ peer }) => peer === asked);
  return session === undefined ? node.config.manifest.cluster : session.cluster;
}

function strikeOfCode(code: ErrorCode): number {
  switch (code) {
    case OVERLOADED:
      return STRIKE_BUSY;
    case NO_ELIGIBLE_NODE:
      return STRIKE_REGION;
    case CLUSTER_UNREACHABLE:
      return STRIKE_UNREACHABLE;
    default:
      return STRIKE_REFUSED;
  }
}
