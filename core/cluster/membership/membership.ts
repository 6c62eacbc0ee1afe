import { NOBODY, type Peer } from '../../base/peers.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { NOTE_DEAD, NOTE_LEFT, NOTE_REFUTED, NOTE_SUSPECTED, type Struck } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_FULL, REFUSAL_MALFORMED, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { note, noteWhy } from '../../machine/speech.ts';
import { isAdmitted } from '../../trust/admission.ts';
import { certificateOf } from '../affiliation/affiliation.ts';
import { onMemberChanged } from './detector.ts';
import { hearRenewal } from './expiry.ts';
import { joinCluster, onPushPullAlarm } from './push-pull.ts';
import { beginOutage, endOutage } from './health.ts';
import { hearOfSelf, MAX_LEAP } from './incarnation.ts';
import {
  ALIVE,
  bitOfType,
  DEAD,
  isLiveState,
  isNewer,
  LEFT,
  SUSPECT,
  typesOf,
  type Member,
} from './member.ts';
import { MemberTable } from './member-table.ts';
import { nextNewsUs, onNewsAlarm } from './news.ts';
import { createMembership, type Membership } from './membership-state.ts';
import { nextProbingUs, onProbeAlarm, startProbing, tellDoubted } from './probe.ts';
import { confirmationsNeeded, suspicionLastsUs, suspicionTimeoutUs, type Suspicion } from './suspicion.ts';

/** Begins with the node alone in its table, and asks those whom it knew or was told of for the others. */
export function startMembership(node: Node, now: Now, out: Outbox): void {
  const table = new MemberTable();
  const { manifest, address } = node.config;
  const certificate = certificateOf(node);
  const types = typesOf(manifest);
  table.add(node.self, node.pure.rank(node.self), node.incarnation, ALIVE, types, address, certificate);
  const membership = createMembership(table, now.monoUs);
  node.membership = membership;
  startProbing(node, membership, now);
  changed(node, membership, node.self, types, null, ALIVE, now, out);
  joinCluster(node, membership, now, out);
}

export function onMembershipAlarm(node: Node, membership: Membership, now: Now, out: Outbox): void {
  onProbeAlarm(node, membership, now, out);
  for (let i = 0; i < membership.suspicions.length;) {
    const suspicion = membership.suspicions[i];
    if (actsAtUs(node, suspicion) > now.monoUs) i++;
    else if (suspicion.isWarned) declareDead(node, membership, now, out, i);
    else warn(node, membership, now, out, suspicion);
  }
  const { forgetUs } = node.config.parameters;
  while (membership.departed.length > 0 && membership.departed[0].atUs + forgetUs <= now.monoUs) {
    forgetOldest(node, membership);
  }
  onNewsAlarm(node, membership, now, out);
  onPushPullAlarm(node, membership, now, out);
}

/** When membership next has something to do. */
export function nextMembershipUs(node: Node, membership: Membership): number {
  const { suspicions, departed } = membership;
  let nextUs = Math.min(nextProbingUs(membership), nextNewsUs(membership), membership.nextSyncUs);
  for (let i = 0; i < suspicions.length; i++) nextUs = Math.min(nextUs, actsAtUs(node, suspicions[i]));
  if (departed.length > 0) nextUs = Math.min(nextUs, departed[0].atUs + node.config.parameters.forgetUs);
  return nextUs;
}

/** When a suspicion next comes to something: a suspect is told once more, and then is dead. */
function actsAtUs(node: Node, { dueUs, isWarned }: Suspicion): number {
  return isWarned ? dueUs : dueUs - node.config.parameters.probeTimeoutUs;
}

/**
 * A node that was cut off when it began to suspect another may have told nobody, and has heard nobody deny it: before it
 * gives one up, it gives it the time of a probe to say that it is there.
 */
function warn(node: Node, membership: Membership, now: Now, out: Outbox, suspicion: Suspicion): void {
  suspicion.isWarned = true;
  suspicion.dueUs = Math.max(suspicion.dueUs, now.monoUs + node.config.parameters.probeTimeoutUs);
  tellDoubted(node, membership, out, suspicion.peer);
}

/** What a node says of itself. */
export function ownMember({ table }: Membership): Member {
  return memberAt(table, 0, null, true);
}

/** What is said of a member; with its certificate, where whoever hears it may not know it. */
export function memberAt(table: MemberTable, row: number, from: Peer | null, isCertified: boolean): Member {
  return {
    peer: table.peerAt(row),
    incarnation: table.incarnationAt(row),
    state: table.stateAt(row),
    types: table.typesAt(row),
    address: table.addressAt(row),
    from,
    certificate: isCertified ? table.certificateAt(row) : null,
  };
}

/** Who is to be named as saying what is thought of a member: whoever accused it first, this node itself of the dead. */
export function sayerOf(node: Node, membership: Membership, row: number): Peer | null {
  const state = membership.table.stateAt(row);
  if (state === DEAD) return node.self;
  if (state !== SUSPECT) return null;
  return suspicionOf(membership, membership.table.peerAt(row))?.accusers[0] ?? node.self;
}

/** Takes in what another member, `speaker`, says of one. */
export function hearOf(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  told: Member,
  speaker: Peer,
): void {
  const { table } = membership;
  if (told.peer === node.self) {
    hearOfSelf(node, membership, now, out, told);
    hearRenewal(node, membership, now, out, told);
    return;
  }
  let row = table.find(told.peer);
  if (row < 0) {
    // Of one who was never here nothing need be remembered.
    if (!isLiveState(told.state)) return;
    row = addMember(node, membership, now, out, told);
    if (row < 0) return;
  }
  // Of itself it is believed however high: it may have had to deny lies that this node never heard.
  const isTooHigh = told.incarnation > table.incarnationAt(row) + MAX_LEAP;
  if (isTooHigh && told.peer !== speaker) countRefusal(node, REFUSAL_MALFORMED);
  else hearState(node, membership, now, out, row, told);
  hearRenewal(node, membership, now, out, told);
}

function hearState(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  row: number,
  told: Member,
): void {
  const { table } = membership;
  const incarnation = table.incarnationAt(row);
  if (told.state === SUSPECT || told.state === DEAD)
    accuse(node, membership, now, out, row, told.incarnation, told.from ?? NOBODY);
  else if (!isNewer(told.incarnation, told.state, incarnation, table.stateAt(row))) return;
  else if (told.state === ALIVE) revive(node, membership, now, out, row, told);
  else depart(node, membership, now, out, row, told.incarnation, LEFT);
}

/** Adds a member that is not known yet, as alive. Returns its row, or −1: it is not admitted, or there is no room. */
export function addMember(node: Node, membership: Membership, now: Now, out: Outbox, told: Member): number {
  const { table, departed } = membership;
  const { peer, incarnation, types, address, certificate } = told;
  const isFull = table.count >= node.config.parameters.maxMembers;
  // A stranger becomes a member by a certificate of its admission (R5.1-2).
  if (!isAdmitted(node.pure, node.config.genesis, certificate, peer, now)) {
    countRefusal(node, REFUSAL_UNADMITTED);
    return -1;
  }
  if (isFull && departed.length > 0) forgetOldest(node, membership);
  else if (isFull) {
    countRefusal(node, REFUSAL_FULL);
    return -1;
  }
  const row = table.add(peer, node.pure.rank(peer), incarnation, ALIVE, types, address, certificate);
  spread(node, membership, now, peer, peer, true);
  // Whoever knew of nobody to ask has somebody now.
  if (membership.nextSyncUs === NEVER_US) membership.nextSyncUs = now.monoUs + node.config.parameters.syncUs;
  changed(node, membership, peer, types, null, ALIVE, now, out);
  return row;
}

/**
 * Says that a member is suspect, at `incarnation`, on the word of `from`: this node itself, or another whose rumour it
 * heard; a rumour of death is no more than that. A second accuser confirms the first.
 */
export function accuse(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  row: number,
  incarnation: number,
  from: Peer,
): void {
  const { table } = membership;
  const known = table.incarnationAt(row);
  const state = table.stateAt(row);
  if (incarnation < known || (incarnation === known && !isLiveState(state))) return;
  const peer = table.peerAt(row);
  const accuser = isAccuser(membership, peer, from) ? from : NOBODY;
  if (state === SUSPECT && incarnation === known) {
    confirm(node, membership, now, peer, accuser);
    return;
  }
  const wasLive = isLiveState(state);
  endSuspicion(membership, peer);
  if (!wasLive) comeBack(membership, now, peer);
  table.setState(row, node.pure.rank(peer), incarnation, SUSPECT);
  beginSuspicion(node, membership, now, peer, accuser);
  const isOwn = from === node.self;
  noteWhy(
    node,
    out,
    NOTE_SUSPECTED,
    '',
    peer,
    isOwn ? 'it answers no probe, nor those of others' : '',
    namesOf(accuser),
  );
  const isNew = membership.queue.drop(peer);
  spread(node, membership, now, peer, accuser === NOBODY ? node.self : accuser, isNew);
  changed(node, membership, peer, table.typesAt(row), state, SUSPECT, now, out);
}

/** Only a live member's word counts, and not of itself. */
function isAccuser({ table }: Membership, peer: Peer, from: Peer): boolean {
  if (from === peer || from === NOBODY) return false;
  const row = table.find(from);
  return row >= 0 && table.isLiveAt(row);
}

function beginSuspicion(node: Node, membership: Membership, now: Now, peer: Peer, accuser: Peer): void {
  const { suspicionMult, suspicionMaxMult, probeUs } = node.config.parameters;
  const members = membership.table.liveCount;
  const leastUs = suspicionTimeoutUs(suspicionMult, members, probeUs);
  const mostUs = leastUs * Math.max(1, suspicionMaxMult);
  const needed = confirmationsNeeded(suspicionMult, members);
  membership.suspicions.push({
    peer,
    startUs: now.monoUs,
    dueUs: now.monoUs + suspicionLastsUs(0, needed, leastUs, mostUs),
    leastUs,
    mostUs,
    isWarned: false,
    needed,
    accusers: accuser === NOBODY ? [] : [accuser],
  });
}

/** Another says the same: the time that is left shrinks, and the word goes round, as long as more are needed. */
function confirm(node: Node, membership: Membership, now: Now, peer: Peer, accuser: Peer): void {
  const suspicion = suspicionOf(membership, peer);
  if (suspicion === undefined || accuser === NOBODY) return;
  const { accusers, needed, startUs, leastUs, mostUs } = suspicion;
  if (accusers.length > needed || accusers.includes(accuser)) return;
  accusers.push(accuser);
  // Who was cut off may hear all accusers at once, long after the first: the accused must still have time to deny it.
  const graceUs = now.monoUs + node.config.parameters.probeTimeoutUs;
  const lastsUs = suspicionLastsUs(accusers.length - 1, needed, leastUs, mostUs);
  suspicion.dueUs = Math.min(suspicion.dueUs, Math.max(startUs + lastsUs, graceUs));
  spread(node, membership, now, peer, accuser);
}

/** Those who accuse a member, for the observer. */
function namesOf(...accusers: readonly Peer[]): Struck[] {
  return accusers.filter((peer) => peer !== NOBODY).map((peer) => ({ peer, cluster: '', reason: 0 }));
}

function declareDead(node: Node, membership: Membership, now: Now, out: Outbox, i: number): void {
  const { peer, accusers, startUs } = membership.suspicions[i];
  const row = membership.table.find(peer);
  const why = `suspected for ${Math.round((now.monoUs - startUs) / 1_000)} ms, and not heard`;
  noteWhy(node, out, NOTE_DEAD, '', peer, why, namesOf(...accusers));
  depart(node, membership, now, out, row, membership.table.incarnationAt(row), DEAD);
}

/** A member is gone, for good or until it says otherwise. */
function depart(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  row: number,
  incarnation: number,
  state: number,
): void {
  const { table } = membership;
  const peer = table.peerAt(row);
  const before = table.stateAt(row);
  endSuspicion(membership, peer);
  table.setState(row, node.pure.rank(peer), incarnation, state);
  if (isLiveState(before)) {
    membership.departed.push({ peer, atUs: now.monoUs });
    const seenUs = table.seenUsAt(row);
    if (state === DEAD)
      beginOutage(membership.outages, peer, seenUs === 0 ? now.monoUs : seenUs, table.bootAt(row));
  }
  if (state === LEFT) note(node, out, null, NOTE_LEFT, peer);
  // Alone again: it asks whomever it knew.
  if (table.liveCount < 2) membership.nextSyncUs = now.monoUs + node.config.parameters.joinUs;
  membership.queue.drop(peer);
  spread(node, membership, now, peer, state === DEAD ? node.self : peer);
  changed(node, membership, peer, table.typesAt(row), before, state, now, out);
}

/** A member says that it is alive, above all that was said of it. */
function revive(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  row: number,
  { peer, incarnation, types, address }: Member,
): void {
  const { table } = membership;
  const before = table.stateAt(row);
  endSuspicion(membership, peer);
  if (!table.isLiveAt(row)) comeBack(membership, now, peer);
  table.set(row, node.pure.rank(peer), incarnation, ALIVE, types, address);
  const isNew = membership.queue.drop(peer);
  // Whoever came while it was away has never heard of it.
  spread(node, membership, now, peer, peer, isNew || !isLiveState(before));
  if (before !== ALIVE) changed(node, membership, peer, types, before, ALIVE, now, out);
}

function comeBack(membership: Membership, now: Now, peer: Peer): void {
  const place = membership.departed.findIndex((one) => one.peer === peer);
  if (place >= 0) membership.departed.splice(place, 1);
  endOutage(membership.outages, peer, now.monoUs);
}

/** This node has said that it is alive, above what was said of it. */
export function denied(node: Node, membership: Membership, now: Now, out: Outbox): void {
  const isNew = membership.queue.drop(node.self);
  spread(node, membership, now, node.self, node.self, isNew);
  note(node, out, null, NOTE_REFUTED, node.self);
}

/** Says to all that this node leaves. It is never suspected: having left is above all that can be said of it. */
export function announceLeave(node: Node, membership: Membership, now: Now): void {
  if (membership.isLeaving) return;
  membership.isLeaving = true;
  const { table } = membership;
  table.setState(0, node.pure.rank(node.self), table.incarnationAt(0) + 1, LEFT);
  membership.queue.drop(node.self);
  spread(node, membership, now, node.self, node.self);
}

/** Whether the word that it leaves has gone round. */
export function isLeaveSpread({ isLeaving, queue }: Membership): boolean {
  return isLeaving && queue.size === 0;
}

export function suspicionOf(membership: Membership, peer: Peer): Suspicion | undefined {
  return membership.suspicions.find((one) => one.peer === peer);
}

export function endSuspicion(membership: Membership, peer: Peer): void {
  const place = membership.suspicions.findIndex((one) => one.peer === peer);
  if (place >= 0) membership.suspicions.splice(place, 1);
}

/** Passes on what is thought of a peer now, as `from` says. */
export function spread(
  node: Node,
  membership: Membership,
  now: Now,
  peer: Peer,
  from: Peer,
  isNew = false,
): void {
  membership.queue.add(peer, from, isNew);
  if (membership.nextGossipUs === NEVER_US)
    membership.nextGossipUs = now.monoUs + node.config.parameters.gossipUs;
}

function forgetOldest(node: Node, membership: Membership): void {
  forget(node, membership, membership.departed.shift()!.peer);
}

/** Takes a member out of the table, and what is to be said of it out of the queue. */
export function forget(node: Node, membership: Membership, peer: Peer): void {
  const { table, probe } = membership;
  const turn = table.remove(table.find(peer), node.pure.rank(peer));
  if (turn < probe.turn) probe.turn--;
  membership.queue.drop(peer);
}

export function changed(
  node: Node,
  membership: Membership,
  peer: Peer,
  types: number,
  before: number | null,
  state: number,
  now: Now,
  out: Outbox,
): void {
  if ((types & bitOfType('index')) !== 0) listIndexNodes(node, membership, peer, isLiveState(state));
  onMemberChanged(node, peer, types, before, state, now, out);
}

function listIndexNodes(node: Node, membership: Membership, peer: Peer, isLive: boolean): void {
  const { indexNodes } = membership;
  const place = indexNodes.indexOf(peer);
  if (!isLive && place >= 0) indexNodes.splice(place, 1);
  if (!isLive || place >= 0) return;
  indexNodes.push(peer);
  indexNodes.sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
}
