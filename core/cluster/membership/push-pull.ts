import type { Peer } from '../../base/peers.ts';
import { drawBelow } from '../../base/rng.ts';
import { log2Ceiling } from '../../base/logarithm.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { FIND_MEMBERS, MEMBERS } from '../../machine/kinds.ts';
import { MAX_ROWS, type FindMembers, type Members } from './member-messages.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_FORGED, REFUSAL_MISPLACED, REFUSAL_STRANGER } from '../../machine/refusals.ts';
import { rememberMembers } from './incarnation.ts';
import { ALIVE, DEAD, type Member } from './member.ts';
import { hearOf, memberAt, ownMember, sayerOf } from './membership.ts';
import type { Membership } from './membership-state.ts';
import { drawLive } from './news.ts';
import { isDoubted } from './probe.ts';

/** Up to so many members tables are compared at the basic rate; with more, ever more rarely. */
const UNSCALED_LOG2 = 5;

/** How many times the basic interval lies between two comparisons: ⌈log2 N − 5⌉ + 1 above 32 members (R5.2-2). */
export function pushPullScale(members: number): number {
  return Math.max(0, log2Ceiling(members) - UNSCALED_LOG2) + 1;
}

/** How many are asked at once by a node that knows nobody. */
const JOIN_ASKS = 3;
/** The time between two attempts doubles so often. */
const MOST_DOUBLINGS = 3;

/** Asks some of those whom the node was told of, or knew before, for the members of the cluster. */
export function joinCluster(node: Node, membership: Membership, now: Now, out: Outbox): void {
  const known = acquaintancesOf(node);
  const { joinUs } = node.config.parameters;
  if (known.length === 0) {
    membership.nextSyncUs = NEVER_US;
    return;
  }
  const first =
    membership.joinTries === 0 ? drawBelow(node.random, known.length) : membership.joinTries * JOIN_ASKS;
  for (let i = 0; i < Math.min(JOIN_ASKS, known.length); i++) {
    askMembers(node, membership, out, known[(first + i) % known.length]);
  }
  membership.nextSyncUs = now.monoUs + joinUs * 2 ** Math.min(membership.joinTries, MOST_DOUBLINGS);
  membership.joinTries++;
}

/** Those whom it was told of, and those whom it knew when it was last up. */
function acquaintancesOf(node: Node): Peer[] {
  const peers: Peer[] = [];
  for (const { peer } of node.config.seeds) if (peer !== null && peer !== node.self) peers.push(peer);
  for (const { peer } of node.known) if (peer !== null && !peers.includes(peer)) peers.push(peer);
  return peers;
}

export function onPushPullAlarm(node: Node, membership: Membership, now: Now, out: Outbox): void {
  if (now.monoUs < membership.nextSyncUs) return;
  if (membership.table.liveCount < 2) {
    joinCluster(node, membership, now, out);
    return;
  }
  membership.joinTries = 0;
  membership.nextSyncUs =
    now.monoUs + node.config.parameters.syncUs * pushPullScale(membership.table.liveCount);
  if (membership.isLeaving) return;
  rememberMembers(node, membership, out);
  for (const peer of drawLive(node, membership, 1, node.self)) askMembers(node, membership, out, peer);
  const lost = drawLost(node, membership);
  if (lost !== null) askMembers(node, membership, out, lost);
}

/** One of those who are thought dead, or of whom the node was told and that it does not see: a cut may have healed. */
function drawLost(node: Node, { table, departed }: Membership): Peer | null {
  const lost = acquaintancesOf(node).filter((peer) => table.find(peer) < 0);
  for (const { peer } of departed) if (table.stateAt(table.find(peer)) === DEAD) lost.push(peer);
  return lost.length === 0 ? null : lost[drawBelow(node.random, lost.length)];
}

/**
 * Somebody speaks as a member does, and this node does not know it: it may itself have just come back, and have missed who
 * came. So it asks, now and then; who is a member answers with its certificate.
 */
export function askStranger(node: Node, membership: Membership, now: Now, out: Outbox, from: Peer): void {
  if (now.monoUs < membership.nextStrangerUs || membership.isLeaving) return;
  membership.nextStrangerUs = now.monoUs + node.config.parameters.joinUs;
  askMembers(node, membership, out, from);
}

function askMembers(node: Node, membership: Membership, out: Outbox, to: Peer): void {
  const { table } = membership;
  const body: FindMembers = {
    cluster: node.config.manifest.cluster,
    own: ownMember(membership),
    liveHigh: table.liveHigh,
    liveLow: table.liveLow,
  };
  out.send(FIND_MEMBERS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

/** Another asks who is here. Where both tables are equal there is nothing to be said. */
export function onFindMembers(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): void {
  const { cluster, own, liveHigh, liveLow } = envelope.body as FindMembers;
  const { table } = membership;
  const isOfCluster = cluster === node.config.manifest.cluster;
  if (!isOfCluster || own.peer !== envelope.from || own.from !== null) {
    countRefusal(node, isOfCluster ? REFUSAL_FORGED : REFUSAL_MISPLACED);
    return;
  }
  hearOf(node, membership, now, out, own, envelope.from);
  const row = table.find(own.peer);
  if (row >= 0) table.see(row, now.monoUs, envelope.originBoot);
  // Who is refused as a member is told nothing.
  if (row < 0) return;
  // The sums do not tell suspects from others: one that asks hears that it is one.
  const isSame = table.liveHigh === liveHigh && table.liveLow === liveLow;
  if (isSame && !isDoubted(table, row)) return;
  sendTable(node, membership, out, envelope.from, true);
}

export function onMembers(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): void {
  const { rows, isLast, wantsBack, liveHigh, liveLow } = envelope.body as Members;
  const { table } = membership;
  const { from } = envelope;
  if (table.find(from) < 0 && !acquaintancesOf(node).includes(from)) {
    // Whoever is not known is heard on others when its own certificate has been seen.
    const own = rows.find(({ peer, state }) => peer === from && state === ALIVE);
    if (own !== undefined) hearOf(node, membership, now, out, own, from);
    if (table.find(from) < 0) {
      countRefusal(node, REFUSAL_STRANGER);
      return;
    }
  }
  const wasAlone = table.liveCount < 2;
  for (const told of rows) if (told.state === ALIVE) hearOf(node, membership, now, out, told, from);
  // Accusations come last: by then those who make them are known.
  for (const told of rows) if (told.state !== ALIVE) hearOf(node, membership, now, out, told, from);
  // A newcomer has nothing to tell but itself.
  if (wasAlone) membership.queue.keepOnly(node.self);
  const isSame = table.liveHigh === liveHigh && table.liveLow === liveLow;
  if (isLast) rememberMembers(node, membership, out);
  if (isLast && wantsBack && !isSame) sendTable(node, membership, out, from, false);
}

/** Sends all rows, the departed too: whoever is wrongly among those can deny it. */
function sendTable(node: Node, membership: Membership, out: Outbox, to: Peer, wantsBack: boolean): void {
  const { table } = membership;
  const n = node.nextN++;
  for (let first = 0, chunk = 0; first < table.count; first += MAX_ROWS, chunk++) {
    const rows: Member[] = [];
    const end = Math.min(table.count, first + MAX_ROWS);
    for (let row = first; row < end; row++)
      rows.push(memberAt(table, row, sayerOf(node, membership, row), true));
    const isLast = end === table.count;
    const body: Members = { rows, isLast, wantsBack, liveHigh: table.liveHigh, liveLow: table.liveLow };
    out.send(MEMBERS, node.self, to, node.self, node.bootCount, n, chunk, body);
  }
}
