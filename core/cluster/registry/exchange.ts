import type { Peer } from '../../base/peers.ts';
import { drawBelow, drawSome } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { DIRECTORY } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import type { IndexNode } from '../../roles/index-node.ts';
import { PARTS, partOf, ranksOfPart, type Directory } from './directory.ts';
import { compareVersions } from '../manifest.ts';
import { MAX_HELD, type DirectoryPart, type Held } from './registry-bodies.ts';
import { sendTestimonySum } from './testimony.ts';
import { otherIndexNodes, rowOf, sendEvidence, sendRows } from './registry.ts';

/**
 * Anti-entropy between the index nodes of a cluster (R3-2). One opens with what each part of its directory sums up to; the other
 * answers, for the parts that differ, with who it holds there in which version; the first sends what it holds newer and
 * asks for what it does not. Nobody decides: both take the join.
 */

/** Envelopes of one answer at most; what is left over waits for the next exchange, which begins elsewhere. */
const MAX_CHUNKS = 256;

export function startExchange(node: Node, index: IndexNode, now: Now): void {
  // At once: an index node that comes back knows nobody.
  index.nextExchangeUs = otherIndexNodes(node).length === 0 ? NEVER_US : now.monoUs + 1;
}

export function onExchangeAlarm(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  if (now.monoUs < index.nextExchangeUs) return;
  const { exchangeUs, exchangeFanout } = node.config.parameters;
  // A little early, each time by another while: index nodes that start together do not meet for ever.
  const early = drawBelow(node.random, Math.max(1, Math.min(exchangeUs >> 3, 1 << 20)));
  index.nextExchangeUs = now.monoUs + exchangeUs - early;
  const sums: number[] = [];
  for (let part = 0; part < PARTS; part++)
    sums.push(index.directory.sumHighOf(part), index.directory.sumLowOf(part));
  const body: DirectoryPart = { sums, fromRank: 0, untilRank: 0, held: [], wanted: [] };
  for (const peer of drawSome(node.random, otherIndexNodes(node), exchangeFanout)) {
    send(node, out, peer, body);
    sendTestimonySum(node, index.book, out, peer, 1);
  }
}

export function onDirectory(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const body = envelope.body as DirectoryPart;
  if (body.sums.length > 0) answerOpening(node, index, out, envelope.from, body.sums);
  if (body.untilRank > 0) compareHeld(node, index, now, out, envelope.from, body);
  if (body.wanted.length > 0) sendWanted(node, index, now, out, envelope.from, body.wanted);
}

/** Names whom this node holds in the parts that differ. */
function answerOpening(
  node: Node,
  { directory }: IndexNode,
  out: Outbox,
  to: Peer,
  sums: readonly number[],
): void {
  if (sums.length !== 2 * PARTS) return;
  const isSame = (part: number): boolean =>
    sums[2 * part] === directory.sumHighOf(part) && sums[2 * part + 1] === directory.sumLowOf(part);
  const differing = Array.from({ length: PARTS }, (_, part) => part).filter((part) => !isSame(part));
  if (differing.length === 0) return;
  const slotsOf = slotsByPart(node, directory);
  const first = drawBelow(node.random, differing.length);
  let chunks = 0;
  for (let i = 0; i < differing.length; i++) {
    const part = differing[(first + i) % differing.length];
    const held = slotsOf[part].map((slot) => heldAt(directory, slot));
    const { fromRank, untilRank } = ranksOfPart(part);
    const rankAt = (place: number): number => node.pure.rank(held[place].peer);
    let start = 0;
    do {
      if (chunks++ >= MAX_CHUNKS) return;
      const end = Math.min(start + MAX_HELD, held.length);
      send(node, out, to, {
        sums: [],
        fromRank: start === 0 ? fromRank : rankAt(start),
        untilRank: end === held.length ? untilRank : rankAt(end),
        held: held.slice(start, end),
        wanted: [],
      });
      start = end;
    } while (start < held.length);
  }
}

/** Sends what is newer here, and asks for what is newer there. */
function compareHeld(
  node: Node,
  index: IndexNode,
  now: Now,
  out: Outbox,
  to: Peer,
  { fromRank, untilRank, held }: DirectoryPart,
): void {
  const { directory } = index;
  const wanted: Peer[] = [];
  const given: Peer[] = [];
  const named = new Set<Peer>();
  for (const theirs of held) {
    const { peer } = theirs;
    named.add(peer);
    const slot = directory.slotOf(peer);
    const isQuarantinedHere = index.evidence.has(peer);
    if (isQuarantinedHere && !theirs.isQuarantined)
      sendEvidence(node, out, to, index.evidence.get(peer)!, node.config.parameters.maxHops);
    const order = slot < 0 ? -1 : orderOf(directory, slot, theirs);
    const isProofWanted = theirs.isQuarantined && !isQuarantinedHere;
    if (order < 0 || order === DIFFERENT || isProofWanted) wanted.push(peer);
    if (order > 0) given.push(peer);
  }
  for (const slot of slotsBetween(node, directory, fromRank, untilRank)) {
    const peer = directory.peerAt(slot);
    if (!named.has(peer)) given.push(peer);
  }
  sendRows(
    node,
    out,
    to,
    given.flatMap((peer) => rowOf(node, index, now, peer, 0) ?? []),
  );
  if (wanted.length > 0) send(node, out, to, { sums: [], fromRank: 0, untilRank: 0, held: [], wanted });
}

/** One version, and not the same announcement: each needs what the other has. */
const DIFFERENT = 0.5;

/** Who holds the newer: below zero they, above zero we, 0 both the same. */
function orderOf(directory: Directory, slot: number, theirs: Held): number {
  const order = compareVersions(directory.at(slot).version, theirs.version);
  if (order !== 0) return order;
  const isSame = theirs.high === directory.printHighAt(slot) && theirs.low === directory.printLowAt(slot);
  return isSame ? 0 : DIFFERENT;
}

function sendWanted(
  node: Node,
  index: IndexNode,
  now: Now,
  out: Outbox,
  to: Peer,
  wanted: readonly Peer[],
): void {
  for (const peer of wanted) {
    const evidence = index.evidence.get(peer);
    if (evidence !== undefined) sendEvidence(node, out, to, evidence, node.config.parameters.maxHops);
  }
  sendRows(
    node,
    out,
    to,
    wanted.flatMap((peer) => rowOf(node, index, now, peer, 0) ?? []),
  );
}

function heldAt(directory: Directory, slot: number): Held {
  return {
    peer: directory.peerAt(slot),
    version: directory.at(slot).version,
    high: directory.printHighAt(slot),
    low: directory.printLowAt(slot),
    isQuarantined: directory.isQuarantinedAt(slot),
  };
}

/** The slots of each part, in the order of ranks. */
function slotsByPart(node: Node, directory: Directory): number[][] {
  const parts: number[][] = Array.from({ length: PARTS }, () => []);
  for (const slot of directory.slots()) parts[partOf(node.pure.rank(directory.peerAt(slot)))].push(slot);
  for (const slots of parts) sortByRank(node, directory, slots);
  return parts;
}

function slotsBetween(node: Node, directory: Directory, fromRank: number, untilRank: number): number[] {
  const slots = directory.slots().filter((slot) => {
    const rank = node.pure.rank(directory.peerAt(slot));
    return rank >= fromRank && rank < untilRank;
  });
  return sortByRank(node, directory, slots);
}

function sortByRank(node: Node, directory: Directory, slots: number[]): number[] {
  const rankAt = (slot: number): number => node.pure.rank(directory.peerAt(slot));
  return slots.sort((left, right) => rankAt(left) - rankAt(right));
}

function send(node: Node, out: Outbox, to: Peer, body: DirectoryPart): void {
  out.send(DIRECTORY, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}
