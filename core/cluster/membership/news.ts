import { NOBODY, type Peer } from '../../base/peers.ts';
import { drawBelow } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { GOSSIP } from '../../machine/kinds.ts';
import { MAX_SAYINGS, type Sayings } from './member-messages.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_STRANGER } from '../../machine/refusals.ts';
import { retransmitLimit } from './gossip.ts';
import { roughSizeBytes, type Member } from './member.ts';
import { hearOf, memberAt, sayerOf } from './membership.ts';
import type { Membership } from './membership-state.ts';

/** What a probe carries beside itself: it stays within a packet. A message of news carries as many as it may. */
export const MAX_PIGGYBACK = 8;
const MAX_PIGGYBACK_BYTES = 1_400;

/** Most messages carry nothing, all of them this. */
const NO_NEWS: Sayings = Object.freeze({ items: Object.freeze([]) as unknown as Sayings['items'] });

/** The news to go with a message, at most so many; first of all what is thought of its receiver, where that is to be told. */
export function takeNews(node: Node, membership: Membership, most: number, aboutRow = -1): Sayings {
  const { queue, table } = membership;
  if (queue.size === 0 && aboutRow < 0) return NO_NEWS;
  const items: Member[] = [];
  let sizeBytes = 0;
  if (aboutRow >= 0) {
    items.push(memberAt(table, aboutRow, sayerOf(node, membership, aboutRow), false));
    sizeBytes += roughSizeBytes(items[0]);
  }
  const limit = retransmitLimit(node.config.parameters.retransmitMult, table.liveCount);
  queue.take(most - items.length, limit, ({ peer, from, isNew }) => {
    const row = table.find(peer);
    const item = memberAt(table, row, from === peer ? null : from, isNew);
    sizeBytes += roughSizeBytes(item);
    if (most === MAX_PIGGYBACK && sizeBytes > MAX_PIGGYBACK_BYTES && items.length > 0) return false;
    items.push(item);
    return true;
  });
  return { items };
}

/** Takes in the news that came with a message. Of a stranger only newcomers are heard. */
export function hearNews(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  from: Peer,
  news: Sayings,
): void {
  const { items } = news;
  if (items.length === 0) return;
  const row = membership.table.find(from);
  const isMember = row >= 0 && membership.table.isLiveAt(row);
  for (const told of items) {
    if (isMember || told.peer === node.self || told.state === 0)
      hearOf(node, membership, now, out, told, from);
    else countRefusal(node, REFUSAL_STRANGER);
  }
}

export function onGossip(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): void {
  const row = membership.table.find(envelope.from);
  if (row >= 0) membership.table.see(row, now.monoUs, envelope.originBoot);
  hearNews(node, membership, now, out, envelope.from, envelope.body as Sayings);
}

export function nextNewsUs(membership: Membership): number {
  return membership.nextGossipUs;
}

/** Tells a few others the news, as long as there are any. */
export function onNewsAlarm(node: Node, membership: Membership, now: Now, out: Outbox): void {
  if (now.monoUs < membership.nextGossipUs) return;
  const { gossipNodes, gossipUs } = node.config.parameters;
  for (const to of drawLive(node, membership, gossipNodes, NOBODY)) {
    if (membership.queue.size === 0) break;
    const body = takeNews(node, membership, MAX_SAYINGS);
    out.send(GOSSIP, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
  }
  const { table } = membership;
  // A node that leaves is not among the living, and still has others to tell.
  const isAlone = table.liveCount === (table.isLiveAt(0) ? 1 : 0);
  membership.nextGossipUs = membership.queue.size > 0 && !isAlone ? now.monoUs + gossipUs : NEVER_US;
}

/** At most `count` live members drawn by chance, other than this node and `except`. */
export function drawLive(node: Node, { table }: Membership, count: number, except: Peer): Peer[] {
  const drawn: Peer[] = [];
  const others = table.count - 1;
  for (let tries = 0; tries < 3 * count + 3 && drawn.length < count && others > 0; tries++) {
    const row = 1 + drawBelow(node.random, others);
    const peer = table.peerAt(row);
    if (peer !== except && table.isLiveAt(row) && !drawn.includes(peer)) drawn.push(peer);
  }
  return drawn;
}
