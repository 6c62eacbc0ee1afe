import { NOBODY, type Peer } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { sessionWith } from '../cluster/border/sessions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import {
  CROSS,
  NOTE_EJECTED,
  NOTE_OPENED,
  NOTE_STRUCK,
  WORKING,
  type Answer,
  type Cross,
  type Found,
  type Refused,
} from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_REPLAYED } from '../machine/refusals.ts';
import { note, noteRequest, reply } from '../machine/speech.ts';
import type { AgentState, Plan } from '../roles/agents/agent-plan.ts';
import { noteFailure, noteRoundTrip, noteSuccess } from './breaker.ts';
import { errorOfStrikes } from './decide.ts';
import { bodyOf, kindOf, refusal, type Outcome } from './ending.ts';
import {
  CLUSTER_UNREACHABLE,
  CONSENT_REQUIRED,
  DEADLINE_EXCEEDED,
  INTERNAL,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  OVERLOADED,
  STAGE_FEDERATION,
  STAGE_LOCAL,
  STRIKE_BUSY,
  STRIKE_REFUSED,
  STRIKE_REGION,
  STRIKE_SILENT,
  STRIKE_TRUST,
  STRIKE_UNREACHABLE,
  TRUST_TOO_LOW,
  UNKNOWN_OUTCOME,
  type ErrorCode,
} from './outcomes.ts';
import {
  prolongWait,
  releasePeer,
  SCOPE_ALL,
  SCOPE_OUTWARD,
  strike,
  type Search,
  type Searcher,
} from './search-state.ts';
import { keepAnswer, noteSilence } from './recall.ts';
import { advance, isPast, roomAfterUs } from './stages.ts';
import type { Want } from './want.ts';

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
    const open = searches.get(envelope.origin, envelope.originBoot, envelope.n)!;
    if (mayTakeOver(node, open, envelope)) {
      // Whoever of that cluster asks later does so because the other was silent: the answer is for it.
      open.asker = envelope.from;
      open.askerAttempt = envelope.attempt;
    }
    if (open.asker === envelope.from) reply(node, out, envelope, WORKING, { by: node.self, ahead: 0 });
    else countRefusal(node, REFUSAL_REPLAYED);
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
    askedUs: 0,
    retryAfterUs: 0,
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
  if (search.isFinding) return;
  if (search.askedUs > 0) noteRoundTrip(searcher.targets, search.asked, now.monoUs - search.askedUs);
  search.askedUs = 0;
  prolongWait(searcher, search, now, node.config.parameters.silenceUs);
}

export function onAnswer(searcher: Searcher, search: Search, now: Now, envelope: Envelope): Outcome | null {
  if (search.isFinding) return null;
  const answer = envelope.body as Answer;
  noteSuccess(searcher.targets, search.asked);
  releasePeer(searcher, search);
  // A node that was frozen hears what waited for it before its alarm rings.
  if (isPast(search, now))
    return refusal(DEADLINE_EXCEEDED, 'the answer came after the deadline', search.struck);
  return { answer: { ...answer, stage: search.stage }, refused: null, agent: null };
}

/** An agent has been taken on: it is on the disk of its host. */
export function onBegun(searcher: Searcher, search: Search, envelope: Envelope): Outcome | null {
  if (search.isFinding) return null;
  noteSuccess(searcher.targets, search.asked);
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
  const { code, struck, detail, retryAfterUs } = envelope.body as Refused;
  const isFinding = search.isFinding;
  if (!isFinding) noteRefusal(node, searcher, search, now, out, code);
  releasePeer(searcher, search);
  if (code === OVERLOADED && retryAfterUs > 0)
    search.retryAfterUs = Math.min(search.retryAfterUs || retryAfterUs, retryAfterUs);
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
      const named = isOfStrikes ? errorOfStrikes(search.struck) : code;
      return refusal(named, detail, search.struck, named === OVERLOADED ? roomAfterUs(search) : 0);
    }
  } else {
    strike(search, [own]);
  }
  // What stands against it here stands against it everywhere.
  if (code === DEADLINE_EXCEEDED || code === CONSENT_REQUIRED) return refusal(code, detail, search.struck);
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
    if (!isFinding) blame(node, searcher, now, out, silent);
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

/** The cluster of a peer that this node has asked: its own, unless it is a bridge of another. */
function clusterOf(node: Node, asked: Peer): string {
  const session = node.bridge?.sessions.sessions.find(({ peer }) => peer === asked);
  return session === undefined ? node.config.manifest.cluster : session.cluster;
}

/** Two bridges of one cluster may bring a request, one after the other (R5.2-4). Nobody else gets what another asked for. */
function mayTakeOver(node: Node, { asker, want }: Search, envelope: Envelope): boolean {
  if (envelope.kind !== CROSS || envelope.from === asker) return false;
  const { prompt } = (envelope.body as Cross).want;
  return isOfOneCluster(node, asker, envelope.from) && prompt.hash === want.prompt.hash;
}

/** Whether both are bridges of one cluster that this one is peered with. */
export function isOfOneCluster(node: Node, left: Peer, right: Peer): boolean {
  if (node.bridge === null) return false;
  const { sessions } = node.bridge;
  const genesis = sessionWith(sessions, left)?.genesis;
  return genesis !== undefined && sessionWith(sessions, right)?.genesis === genesis;
}

/** What a refusal says of who refuses: that it cannot, or only that this request is none for it now. */
function noteRefusal(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  code: ErrorCode,
): void {
  const isOwn = code === NO_CAPABLE_NODE && search.stage !== STAGE_FEDERATION;
  if (isOwn || code === NOT_READY || code === INTERNAL) blame(node, searcher, now, out, search.asked);
  else noteSuccess(searcher.targets, search.asked);
}

function blame(node: Node, { targets }: Searcher, now: Now, out: Outbox, failed: Peer): void {
  if (noteFailure(targets, failed, now.monoUs, node.config.parameters))
    note(node, out, null, NOTE_EJECTED, failed);
}

function strikeOfCode(code: ErrorCode): number {
  switch (code) {
    case OVERLOADED:
      return STRIKE_BUSY;
    case NO_ELIGIBLE_NODE:
      return STRIKE_REGION;
    case CLUSTER_UNREACHABLE:
      return STRIKE_UNREACHABLE;
    case TRUST_TOO_LOW:
      return STRIKE_TRUST;
    default:
      return STRIKE_REFUSED;
  }
}
