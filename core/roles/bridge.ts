import { NEVER_US, type Now } from '../base/time.ts';
import {
  createSessions,
  onSessionsAlarm,
  sessionsShape,
  setOffers,
  startSessions,
} from '../cluster/sessions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { FIND_OFFERS, type Cross, type Offered } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { integer, record, type Of } from '../machine/shape.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { NO_ELIGIBLE_NODE } from '../routing/outcomes.ts';
import {
  closeSearch,
  onSearchDue,
  onSearcherAlarm,
  openSearch,
  refusal,
  replyOutcome,
  type Outcome,
} from '../routing/search.ts';
import {
  createSearcher,
  SCOPE_INWARD,
  SCOPE_OUTWARD,
  searcherShape,
  type Search,
  type Searcher,
} from '../routing/search-state.ts';

/** Speaks for its cluster with other clusters (§4.1, R5.2-4): nobody else crosses a border. */
export const bridgeShape = record({
  sessions: sessionsShape,
  /** Requests of this cluster that are to be answered elsewhere, and those of others to be answered here. */
  outward: searcherShape,
  inward: searcherShape,
  nextOffersUs: integer,
});
type Bridge = Of<typeof bridgeShape>;

export function createBridge(): Bridge {
  return {
    sessions: createSessions(),
    outward: createSearcher(),
    inward: createSearcher(),
    nextOffersUs: NEVER_US,
  };
}

export function startBridge(node: Node, bridge: Bridge, now: Now): void {
  startSessions(node, bridge.sessions, now);
  bridge.nextOffersUs = now.monoUs + 1;
}

export function onCross(node: Node, bridge: Bridge, now: Now, out: Outbox, envelope: Envelope): void {
  const { want, path } = envelope.body as Cross;
  const isFromOutside = node.config.peeredBridges.some(({ peer }) => peer === envelope.from);
  if (path.includes(node.config.manifest.cluster) || isFromOutside !== path.length > 0) {
    const detail = 'the request has come in a circle, or by no peering';
    replyOutcome(node, out, envelope, refusal(NO_ELIGIBLE_NODE, detail, []));
    return;
  }
  if (isFromOutside && !bridge.sessions.ownModels.includes(want.model)) {
    replyOutcome(
      node,
      out,
      envelope,
      refusal(NO_ELIGIBLE_NODE, 'this cluster does not export the model', []),
    );
    return;
  }
  if (isFromOutside && !isRegionAllowed(want.allowedRegions, node.config.manifest.region)) {
    // Whoever asked should not have; it goes no further (R5.3-4).
    replyOutcome(
      node,
      out,
      envelope,
      refusal(NO_ELIGIBLE_NODE, 'the request may not be brought to this region', []),
    );
    return;
  }
  const searcher = isFromOutside ? bridge.inward : bridge.outward;
  const scope = isFromOutside ? SCOPE_INWARD : SCOPE_OUTWARD;
  const outcome = openSearch(node, searcher, now, out, envelope, scope, want, path);
  if (outcome === null) return;
  const search = searcher.searches.get(envelope.origin, envelope.originBoot, envelope.n);
  if (search !== undefined) endCrossing(node, searcher, search, out, outcome);
  else replyOutcome(node, out, envelope, outcome);
}

/** Ends a crossing if `outcome` says so. */
export function endCrossing(
  node: Node,
  searcher: Searcher,
  search: Search,
  out: Outbox,
  outcome: Outcome | null,
): void {
  if (outcome !== null) closeSearch(node, searcher, search, out, outcome);
}

export function onOffered(node: Node, bridge: Bridge, out: Outbox, envelope: Envelope): void {
  setOffers(node, bridge.sessions, out, (envelope.body as Offered).models);
}

export function onBridgeAlarm(node: Node, bridge: Bridge, now: Now, out: Outbox): void {
  for (const searcher of [bridge.outward, bridge.inward]) {
    const { searches } = searcher;
    for (let due = searches.firstDue(now.monoUs); due !== undefined; due = searches.firstDue(now.monoUs)) {
      endCrossing(node, searcher, due, out, onSearchDue(node, searcher, due, now, out));
    }
    onSearcherAlarm(node, searcher, now, out);
  }
  onSessionsAlarm(node, bridge.sessions, now, out);
  if (now.monoUs < bridge.nextOffersUs) return;
  bridge.nextOffersUs = now.monoUs + node.config.parameters.offersUs;
  for (const index of node.config.indexNodes) {
    out.send(FIND_OFFERS, node.self, index, node.self, node.bootCount, node.nextN++, 0, {});
  }
}
