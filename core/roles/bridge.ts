import type { Peer } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { isDeparting } from '../cluster/affiliation/affiliation.ts';
import { agreementsShape, agreementWith, createAgreements } from '../cluster/border/agreements.ts';
import { onBorderAlarm, startBorder } from '../cluster/border/border.ts';
import {
  clusterDirectoryShape,
  createClusterDirectory,
  recordOf,
} from '../cluster/border/cluster-directory.ts';
import { indexNodesOf } from '../cluster/membership/detector.ts';
import {
  createSessions,
  isExportedTo,
  sessionsShape,
  sessionWith,
  setOffers,
  type SessionState,
} from '../cluster/border/sessions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { ANSWER, FIND_OFFERS, type Cross, type Offered } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_REPLAYED, REFUSAL_UNPEERED } from '../machine/refusals.ts';
import { reply } from '../machine/speech.ts';
import { integer, record, type Of } from '../machine/shape.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { NO_ELIGIBLE_NODE, NOT_READY, OVERLOADED, TRUST_TOO_LOW } from '../routing/outcomes.ts';
import { refusal, replyOutcome, type Outcome } from '../routing/ending.ts';
import {
  createMemory,
  findRemembered,
  memoryShape,
  remember,
  type Remembered,
} from '../routing/remembered.ts';
import { closeSearch, isOfOneCluster, onSearchDue, onSearcherAlarm, openSearch } from '../routing/search.ts';
import {
  createSearcher,
  SCOPE_INWARD,
  SCOPE_OUTWARD,
  searcherShape,
  type Search,
  type Searcher,
} from '../routing/search-state.ts';
import type { Want } from '../routing/want.ts';
import { ownTrust, TRUST_LEVELS } from '../trust/attestation.ts';
import { bringingOf, mayDo } from '../trust/operations.ts';

/** Speaks for its cluster with other clusters (§4.1, R5.2-4): nobody else crosses a border. */
export const bridgeShape = record({
  directory: clusterDirectoryShape,
  agreements: agreementsShape,
  sessions: sessionsShape,
  /** Requests of this cluster that are to be answered elsewhere, and those of others to be answered here. */
  outward: searcherShape,
  inward: searcherShape,
  nextOffersUs: integer,
  /** What was answered, both ways: a request may cross again, by another bridge or as a duplicate (R5.2-4). */
  answered: memoryShape,
});
export type Bridge = Of<typeof bridgeShape>;

export function createBridge(): Bridge {
  return {
    directory: createClusterDirectory(),
    agreements: createAgreements(),
    sessions: createSessions(),
    outward: createSearcher(),
    inward: createSearcher(),
    nextOffersUs: NEVER_US,
    answered: createMemory(),
  };
}

export function startBridge(node: Node, bridge: Bridge, now: Now, out: Outbox): void {
  startBorder(node, bridge, now, out);
  bridge.nextOffersUs = now.monoUs + 1;
}

export function onCross(node: Node, bridge: Bridge, now: Now, out: Outbox, envelope: Envelope): void {
  const { want, path } = envelope.body as Cross;
  const isFromOutside = path.length > 0 || sessionWith(bridge.sessions, envelope.from) !== null;
  const refused =
    (want.pods.length > 0
      ? refusal(NO_ELIGIBLE_NODE, 'data of pods do not leave their cluster', [])
      : null) ??
    (isFromOutside ? findBorderFault(node, bridge, now, envelope.from, want, path) : null) ??
    findTrustFault(node, now, want);
  if (refused !== null) {
    replyOutcome(node, out, envelope, refused);
    return;
  }
  const known = findRemembered(bridge.answered, now, envelope);
  if (known !== undefined) {
    answerAgain(node, out, envelope, known);
    return;
  }
  const { origin, originBoot, n, from } = envelope;
  // A duplicate of what is under way takes no room.
  const isNew = !(isFromOutside ? bridge.inward : bridge.outward).searches.holds(origin, originBoot, n);
  if (isNew && isDeparting(node)) {
    replyOutcome(node, out, envelope, refusal(NOT_READY, 'the node is leaving its cluster', []));
    return;
  }
  if (isNew && isFromOutside && isAtLimit(bridge, sessionWith(bridge.sessions, from)!)) {
    const detail = 'the other cluster has as many requests here as its peering allows';
    replyOutcome(node, out, envelope, refusal(OVERLOADED, detail, []));
    return;
  }
  const searcher = isFromOutside ? bridge.inward : bridge.outward;
  const scope = isFromOutside ? SCOPE_INWARD : SCOPE_OUTWARD;
  const outcome = openSearch(node, searcher, now, out, envelope, scope, want, path);
  if (outcome === null) return;
  const search = searcher.searches.get(envelope.origin, envelope.originBoot, envelope.n);
  if (search !== undefined) endCrossing(node, bridge, now, searcher, search, out, outcome);
  else replyOutcome(node, out, envelope, outcome);
}

/** Why a request of another cluster may not come in, or null. What is refused here has had no effect. */
function findBorderFault(
  node: Node,
  bridge: Bridge,
  now: Now,
  from: Peer,
  want: Want,
  path: readonly string[],
): Outcome | null {
  const session = sessionWith(bridge.sessions, from);
  if (session === null || agreementWith(bridge.agreements, session.genesis, now) === null) {
    countRefusal(node, REFUSAL_UNPEERED);
    return refusal(NO_ELIGIBLE_NODE, 'no peering is in force with whoever brings the request', []);
  }
  // It has come from where its user is, in one crossing, or it has come in a circle.
  if (path.length !== 1 || path[0] !== session.cluster) {
    countRefusal(node, REFUSAL_REPLAYED);
    return refusal(
      NO_ELIGIBLE_NODE,
      'the request has crossed another border before, or come in a circle',
      [],
    );
  }
  if (!isExportedTo(bridge, session, want.model, now))
    return refusal(NO_ELIGIBLE_NODE, 'this cluster does not export the model', []);
  // Whoever asked should not have; it goes no further (R5.3-4).
  if (!isRegionAllowed(want.allowedRegions, node.config.manifest.region))
    return refusal(NO_ELIGIBLE_NODE, 'the request may not be brought to this region', []);
  return null;
}

/** A bridge sees what it brings: tests apart, its own cluster must have found it worth that (R8.1-2). */
function findTrustFault(node: Node, now: Now, { minTrust }: Want): Outcome | null {
  const level = ownTrust(node, now);
  if (mayDo(level, bringingOf(minTrust))) return null;
  return refusal(TRUST_TOO_LOW, `a node that is ${TRUST_LEVELS[level]} is a bridge for tests only`, []);
}

/** Whether a cluster has its share of requests at work here: the bridges of this cluster share the limit evenly. */
function isAtLimit({ agreements, directory, sessions, inward }: Bridge, { genesis }: SessionState): boolean {
  const { maxInFlight } = agreements.held.get(genesis)!.peering;
  if (maxInFlight === 0) return false;
  const share = Math.max(
    1,
    Math.floor(maxInFlight / Math.max(1, recordOf(directory, agreements.own)?.bridges.length ?? 1)),
  );
  let count = 0;
  for (const { asker } of inward.searches.entries())
    if (sessionWith(sessions, asker)?.genesis === genesis) count++;
  return count >= share;
}

/** Ends a crossing if `outcome` says so. */
export function endCrossing(
  node: Node,
  bridge: Bridge,
  now: Now,
  searcher: Searcher,
  search: Search,
  out: Outbox,
  outcome: Outcome | null,
): void {
  if (outcome === null) return;
  closeSearch(node, searcher, search, out, outcome);
  // What was refused had no effect, and may be tried again.
  if (outcome.answer !== null)
    remember(bridge.answered, now, node.config.parameters, search, search.asker, outcome);
}

/** Tells who asked, or another bridge of its cluster, the same again; nobody else is told what was answered. */
function answerAgain(node: Node, out: Outbox, envelope: Envelope, { askers, answer }: Remembered): void {
  const { from } = envelope;
  if (askers.some((asker) => asker === from || isOfOneCluster(node, asker, from)))
    reply(node, out, envelope, ANSWER, answer);
  else
    replyOutcome(
      node,
      out,
      envelope,
      refusal(NO_ELIGIBLE_NODE, 'the request has been here, by another way', []),
    );
}

export function onOffered(node: Node, bridge: Bridge, out: Outbox, envelope: Envelope): void {
  setOffers(node, bridge, out, (envelope.body as Offered).models);
}

export function onBridgeAlarm(node: Node, bridge: Bridge, now: Now, out: Outbox): void {
  for (const searcher of [bridge.outward, bridge.inward]) {
    const { searches } = searcher;
    for (let due = searches.firstDue(now.monoUs); due !== undefined; due = searches.firstDue(now.monoUs)) {
      endCrossing(node, bridge, now, searcher, due, out, onSearchDue(node, searcher, due, now, out));
    }
    onSearcherAlarm(node, searcher, now, out);
  }
  onBorderAlarm(node, bridge, now, out);
  if (now.monoUs < bridge.nextOffersUs) return;
  bridge.nextOffersUs = now.monoUs + node.config.parameters.offersUs;
  for (const index of indexNodesOf(node)) {
    out.send(FIND_OFFERS, node.self, index, node.self, node.bootCount, node.nextN++, 0, {});
  }
}
