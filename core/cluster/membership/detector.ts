import { NETWORK, type Peer } from '../../base/peers.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import * as kinds from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import type { Certificate } from '../../trust/documents.ts';
import { note } from '../../machine/speech.ts';
import { certificateOf, hasLeft, hasRunOut } from '../affiliation/affiliation.ts';
import { startExchange } from '../registry/exchange.ts';
import type { NodeType } from '../manifest.ts';
import { bitOfType, isLiveState, LEFT } from './member.ts';
import {
  announceLeave,
  isLeaveSpread,
  nextMembershipUs,
  onMembershipAlarm,
  startMembership,
} from './membership.ts';
import { isOwnAdmitted } from './expiry.ts';
import { onGossip } from './news.ts';
import { announceTo, firstToHear } from '../presence.ts';
import { onAck, onNack, onPing, onPingReq, tellDoubted } from './probe.ts';
import { onFindMembers, onMembers } from './push-pull.ts';
import { dropMember } from '../registry/registry.ts';
import { witnessPodHost } from '../../roles/pods/pod-witness.ts';

/**
 * How a cluster finds out who is there (R5.2-2): one contract, two detectors. With `swim` members probe one another and each
 * knows all; with `heartbeat`, for clusters of very many, nodes know the index nodes that they are told of, which miss their
 * heartbeats.
 */
export function startDetector(node: Node, now: Now, out: Outbox): void {
  // Who has yet to be admitted, or has left, is no member.
  if (certificateOf(node) === null || hasLeft(node)) return;
  if (mayStart(node, now)) begin(node, now, out);
  else note(node, out, null, kinds.NOTE_EXPIRED, node.self);
}

/** Whether what admitted the node holds now. Where the cluster only hears heartbeats nobody asks. */
function mayStart(node: Node, now: Now): boolean {
  return node.config.detector === 'heartbeat' || isOwnAdmitted(node, now);
}

function begin(node: Node, now: Now, out: Outbox): void {
  if (node.config.detector === 'heartbeat') {
    for (const index of firstToHear(node, node.config.indexNodes)) announceTo(node, out, index);
  } else {
    routeKnown(node, out);
    startMembership(node, now, out);
  }
}

/** False if the envelope is none for this node. */
export function onDetection(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { membership } = node;
  if (membership === null) return false;
  switch (envelope.kind) {
    case kinds.PING:
      onPing(node, membership, now, out, envelope);
      return true;
    case kinds.ACK:
      onAck(node, membership, now, out, envelope);
      return true;
    case kinds.PING_REQ:
      onPingReq(node, membership, now, out, envelope);
      return true;
    case kinds.NACK:
      onNack(node, membership, envelope);
      return true;
    case kinds.GOSSIP:
      onGossip(node, membership, now, out, envelope);
      return true;
    case kinds.FIND_MEMBERS:
      onFindMembers(node, membership, now, out, envelope);
      return true;
    case kinds.MEMBERS:
      onMembers(node, membership, now, out, envelope);
      return true;
    default:
      return false;
  }
}

export function onDetectorAlarm(node: Node, now: Now, out: Outbox): void {
  if (node.membership !== null) onMembershipAlarm(node, node.membership, now, out);
  else if (isToResume(node, now)) begin(node, now, out);
}

/** A wall clock that was wrong is put right, or an admission begins to hold: the node need not be told to join. */
function isToResume(node: Node, now: Now): boolean {
  if (node.config.detector === 'heartbeat' || hasLeft(node)) return false;
  const certificate = certificateOf(node);
  if (certificate === null || hasRunOut(certificate, now)) return false;
  return isOwnAdmitted(node, now);
}

export function nextDetectorUs(node: Node): number {
  return node.membership === null ? NEVER_US : nextMembershipUs(node, node.membership);
}

/** Whether the node is a member, as far as it can tell. */
export function isStarted(node: Node): boolean {
  if (certificateOf(node) === null || hasLeft(node)) return false;
  return node.config.detector === 'heartbeat' || node.membership !== null;
}

/** Says to all that this node leaves. */
export function sayDeparture(node: Node, now: Now): void {
  if (node.membership !== null) announceLeave(node, node.membership, now);
}

/** Whether all that can be told have been told that this node leaves. */
export function isDepartureSpread({ membership }: Node): boolean {
  return membership === null || isLeaveSpread(membership);
}

export function stopDetector(node: Node): void {
  node.membership = null;
}

/** The certificate of a live member, or null. */
export function knownCertificate({ membership }: Node, peer: Peer): Certificate | null {
  const row = membership?.table.find(peer) ?? -1;
  return row < 0 || !membership!.table.isLiveAt(row) ? null : membership!.table.certificateAt(row);
}

/** Where a member listens; '' if that is not known. */
export function addressOf({ membership }: Node, peer: Peer): string {
  const row = membership?.table.find(peer) ?? -1;
  return row < 0 ? '' : membership!.table.addressAt(row);
}

/** Tells the driver where those are whom the node asks first; all others it finds in the table. */
function routeKnown(node: Node, out: Outbox): void {
  for (const { peer, address } of [...node.config.seeds, ...node.known]) {
    if (peer === null || address === '') continue;
    out.send(kinds.ROUTE, node.self, NETWORK, node.self, node.bootCount, node.nextN++, 0, { peer, address });
  }
}

const NO_PEERS: readonly Peer[] = [];

/** The index nodes of the node's cluster that are there as far as it knows. */
export function indexNodesOf(node: Node): readonly Peer[] {
  if (node.config.detector === 'heartbeat') return node.config.indexNodes;
  return node.membership === null ? NO_PEERS : node.membership.indexNodes;
}

/** Whether a peer is an index node of the cluster; one that is suspect or has just been given up is. */
export function isIndexNode(node: Node, peer: Peer): boolean {
  if (node.config.detector === 'heartbeat') return node.config.indexNodes.includes(peer);
  return hasMemberType(node, peer, 'index');
}

/** A node makes itself heard in another way than by membership: if it is doubted, it hears so, and can deny it. */
export function hearOtherwise(node: Node, out: Outbox, peer: Peer): void {
  if (node.membership !== null) tellDoubted(node, node.membership, out, peer);
}

/** Whether a peer is known as a member of that type, dead or alive. */
export function hasMemberType(node: Node, peer: Peer, type: NodeType): boolean {
  const row = node.membership?.table.find(peer) ?? -1;
  return row >= 0 && (node.membership!.table.typesAt(row) & bitOfType(type)) !== 0;
}

/** What is thought of a peer, see MEMBER_STATES; null: it is no member, or this detector does not tell. */
export function memberStateOf(node: Node, peer: Peer): number | null {
  const row = node.membership?.table.find(peer) ?? -1;
  return row < 0 ? null : node.membership!.table.stateAt(row);
}

/** Whether a peer is known to be no member: never one, or no more. Where this detector does not tell, nobody is. */
export function isNoMember(node: Node, peer: Peer): boolean {
  if (node.membership === null) return false;
  const state = memberStateOf(node, peer);
  return state === null || state === LEFT;
}

/** The live members of a type, by rank; none where this detector does not tell. */
export function liveMembersOf(node: Node, type: NodeType): Peer[] {
  const { membership } = node;
  const peers: Peer[] = [];
  if (membership === null) return peers;
  const { table } = membership;
  const bit = bitOfType(type);
  for (let row = 0; row < table.count; row++) {
    if (table.isLiveAt(row) && (table.typesAt(row) & bit) !== 0) peers.push(table.peerAt(row));
  }
  return peers.sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
}

/**
 * A member has become alive, suspect, dead, or has left. Whoever in the node depends on who is there is told here: nodes
 * announce themselves to index nodes that appear, and directories drop who is gone.
 */
export function onMemberChanged(
  node: Node,
  peer: Peer,
  types: number,
  /** Null: it was not known. */
  before: number | null,
  state: number,
  now: Now,
  out: Outbox,
): void {
  const isNew = before === null || !isLiveState(before);
  if (isNew && isLiveState(state) && (types & bitOfType('index')) !== 0) meetIndexNode(node, now, out, peer);
  if (isLiveState(state) && (types & bitOfType('pod-host')) !== 0) witnessPodHost(node, peer, out);
  if (node.index !== null && !isLiveState(state)) dropMember(node, node.index, peer, out);
}

/** The first index nodes that it meets hear of it, and pass it on (R5.2-3); of whoever misses it they will ask it. */
function meetIndexNode(node: Node, now: Now, out: Outbox, peer: Peer): void {
  const others = indexNodesOf(node).filter((one) => one !== node.self).length;
  if (peer === node.self || others <= node.config.parameters.announceTo) announceTo(node, out, peer);
  // Directories are compared as soon as there are two.
  if (node.index !== null && peer !== node.self && node.index.nextExchangeUs === NEVER_US)
    startExchange(node, node.index, now);
}
