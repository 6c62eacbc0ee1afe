import { NOBODY, type Peer } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { name } from '../cluster/manifest.ts';
import {
  candidateShape,
  MAX_BRIDGES,
  MAX_CANDIDATES,
  MAX_STRUCK,
  struckShape,
  type Struck,
} from '../machine/kinds.ts';
import { RequestTable } from '../machine/request-table.ts';
import {
  flag,
  integer,
  list,
  optional,
  own,
  peer,
  record,
  shared,
  table,
  upTo,
  type Of,
} from '../machine/shape.ts';
import { planShape } from '../roles/agents/agent-plan.ts';
import { targetsShape } from './breaker.ts';
import { STAGES } from './outcomes.ts';
import { createRecall, recallShape } from './recall.ts';
import { wantShape } from './want.ts';

/** How far a search may go: a gateway's through all stages of §5.3, a bridge's out of its cluster, or into it. */
export const SCOPE_ALL = 0;
export const SCOPE_OUTWARD = 1;
export const SCOPE_INWARD = 2;
/** A gateway's for somebody of its own cluster to take on an agent. */
export const SCOPE_AGENT = 3;

/** A request that this node has been asked to get answered, while it waits. */
export const searchShape = record({
  key: integer,
  origin: peer,
  originBoot: integer,
  n: integer,
  /** Who asked, under which attempt of theirs. */
  asker: peer,
  askerAttempt: integer,
  scope: upTo(SCOPE_AGENT),
  want: shared(wantShape),
  /** The agent that is to be begun, or null. */
  plan: optional(shared(planShape)),
  /** The clusters that the request has come through. */
  path: shared(list(name, 8)),
  deadlineUs: integer,
  stage: upTo(STAGES.length - 1),
  /** Whom the search waits for, or NOBODY; under which attempt; and when it stops waiting. */
  asked: peer,
  attempt: integer,
  silentAtUs: integer,
  /** When it was asked, until it has said for the first time that it holds the request; then 0. */
  askedUs: integer,
  /** The soonest at which one that was full advises to ask again; 0 none has. */
  retryAfterUs: integer,
  /** Whether what it waits for is an index node's list. */
  isFinding: flag,
  indexTries: integer,
  tries: integer,
  isRetrying: flag,
  tried: list(peer, 64),
  candidates: optional(shared(list(candidateShape, MAX_CANDIDATES))),
  bridges: shared(list(peer, MAX_BRIDGES)),
  struck: list(struckShape, MAX_STRUCK),
});
export type Search = Of<typeof searchShape>;

/** The searches of one role, and what they have under way. */
export const searcherShape = record({
  searches: own(() => new RequestTable(searchShape)),
  /** Requests under way by the node that was asked. */
  inFlight: table(peer, integer),
  /** What it has learnt of those whom it has asked. */
  targets: targetsShape,
  retriesInFlight: integer,
  nextWorkingUs: integer,
  recall: recallShape,
});
export type Searcher = Of<typeof searcherShape>;

export function createSearcher(): Searcher {
  return {
    searches: new RequestTable(searchShape),
    inFlight: new Map(),
    targets: new Map(),
    retriesInFlight: 0,
    nextWorkingUs: NEVER_US,
    recall: createRecall(),
  };
}

/**
 * Remembers who was struck out and why; the same verdict on the same peer is kept once. The list goes out in bodies
 * as it stands, so it is replaced and never added to.
 */
export function strike(search: Search, struck: readonly Struck[]): void {
  for (const entry of struck) {
    const isKnown = search.struck.some(({ peer, reason }) => peer === entry.peer && reason === entry.reason);
    if (!isKnown && search.struck.length < MAX_STRUCK) search.struck = [...search.struck, entry];
  }
}

/** Starts to wait for a peer, for at most `timeoutUs`. */
export function awaitPeer(
  searcher: Searcher,
  search: Search,
  now: Now,
  asked: Peer,
  timeoutUs: number,
): void {
  search.asked = asked;
  search.askedUs = now.monoUs;
  search.silentAtUs = now.monoUs + timeoutUs;
  if (!search.isFinding) searcher.inFlight.set(asked, (searcher.inFlight.get(asked) ?? 0) + 1);
  searcher.searches.deadlines.set(search.key, Math.min(search.silentAtUs, search.deadlineUs));
}

export function prolongWait(searcher: Searcher, search: Search, now: Now, timeoutUs: number): void {
  search.silentAtUs = now.monoUs + timeoutUs;
  searcher.searches.deadlines.set(search.key, Math.min(search.silentAtUs, search.deadlineUs));
}

/** Stops waiting for whoever was asked. */
export function releasePeer(searcher: Searcher, search: Search): void {
  if (search.asked === NOBODY) return;
  if (!search.isFinding) {
    const count = searcher.inFlight.get(search.asked) ?? 0;
    if (count > 1) searcher.inFlight.set(search.asked, count - 1);
    else searcher.inFlight.delete(search.asked);
    if (search.isRetrying) searcher.retriesInFlight--;
    search.isRetrying = false;
  }
  search.isFinding = false;
  search.asked = NOBODY;
}
