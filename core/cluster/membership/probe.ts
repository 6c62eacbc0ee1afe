import { NOBODY, type Peer } from '../../base/peers.ts';
import { drawBelow } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { ACK, NACK, PING, PING_REQ } from '../../machine/kinds.ts';
import { type Sayings, type PingReq } from './member-messages.ts';
import type { Node } from '../../machine/node-state.ts';
import {
  countRefusal,
  REFUSAL_FORGED,
  REFUSAL_FULL,
  REFUSAL_LATE,
  REFUSAL_STRANGER,
} from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { changeScore, probeIntervalUs, scoreOfFailure } from './health.ts';
import {
  PROBED_IN_TIME,
  PROBED_IN_VAIN,
  PROBED_INDIRECTLY,
  PROBED_LATE,
  type MemberTable,
} from './member-table.ts';
import { ALIVE, LEFT } from './member.ts';
import { accuse } from './membership.ts';
import { MAX_RELAYS, type Membership } from './membership-state.ts';
import { drawLive, hearNews, MAX_PIGGYBACK, takeNews } from './news.ts';

/** The share of the probe's timeout after which who probes for another gives up: so a nack is there before the asker does. */
const NACK_AFTER_PERCENT = 80;

export function startProbing(node: Node, membership: Membership, now: Now): void {
  const { probeUs } = node.config.parameters;
  membership.nextProbeUs = now.monoUs + 1 + drawBelow(node.random, Math.min(probeUs, 1 << 20));
}

export function nextProbingUs({ probe, nextProbeUs, relays }: Membership): number {
  let nextUs = Math.min(nextProbeUs, probe.timeoutUs);
  for (let i = 0; i < relays.length; i++) nextUs = Math.min(nextUs, relays[i].nackUs, relays[i].untilUs);
  return nextUs;
}

export function onProbeAlarm(node: Node, membership: Membership, now: Now, out: Outbox): void {
  if (membership.relays.length > 0) onRelaysAlarm(node, membership, now, out);
  if (now.monoUs >= membership.nextProbeUs) {
    endProbe(node, membership, now, out);
    beginProbe(node, membership, now, out);
  } else if (now.monoUs >= membership.probe.timeoutUs) askOthers(node, membership, out);
}

/** Probes the next member of the round. Each comes once a round; the dead are left out, the suspect are not. */
function beginProbe(node: Node, membership: Membership, now: Now, out: Outbox): void {
  const { probe, table, score } = membership;
  const { probeUs, probeTimeoutUs, buddy } = node.config.parameters;
  membership.nextProbeUs = now.monoUs + probeIntervalUs(probeUs, score);
  const row = nextOfRound(node, membership);
  if (row < 0) return;
  probe.peer = table.peerAt(row);
  probe.n = node.nextN++;
  probe.sentUs = now.monoUs;
  probe.timeoutUs = now.monoUs + probeTimeoutUs;
  probe.isAcked = false;
  probe.nacksExpected = 0;
  probe.nacks = 0;
  // A suspect hears at once that it is one, and can deny it.
  const isToBeTold = buddy > 0 && table.stateAt(row) !== ALIVE;
  const body = takeNews(node, membership, MAX_PIGGYBACK, isToBeTold ? row : -1);
  out.send(PING, node.self, probe.peer, node.self, node.bootCount, probe.n, 0, body);
}

function nextOfRound(node: Node, { probe, table, isLeaving }: Membership): number {
  const others = table.count - 1;
  if (isLeaving) return -1;
  for (let tries = 0; tries < others; tries++) {
    if (probe.turn >= others) probe.turn = 0;
    const row = table.takeTurn(probe.turn, probe.turn + drawBelow(node.random, others - probe.turn));
    probe.turn++;
    if (table.isLiveAt(row)) return row;
  }
  return -1;
}

/** The member has not answered in time: others are asked to probe it. */
function askOthers(node: Node, membership: Membership, out: Outbox): void {
  const { probe } = membership;
  const { indirectProbes, nacks } = node.config.parameters;
  probe.timeoutUs = NEVER_US;
  const others = drawLive(node, membership, indirectProbes, probe.peer);
  for (const other of others) {
    out.send(PING_REQ, node.self, other, node.self, node.bootCount, probe.n, 1, { target: probe.peer });
  }
  if (nacks > 0) probe.nacksExpected = others.length;
}

function endProbe(node: Node, membership: Membership, now: Now, out: Outbox): void {
  const { probe, table } = membership;
  const target = probe.peer;
  probe.peer = NOBODY;
  probe.timeoutUs = NEVER_US;
  const row = target === NOBODY ? -1 : table.find(target);
  if (row < 0 || probe.isAcked) return;
  const change = scoreOfFailure(probe.nacksExpected, probe.nacks);
  membership.score = changeScore(membership.score, change, node.config.parameters.healthMax);
  table.noteProbe(row, PROBED_IN_VAIN);
  accuse(node, membership, now, out, row, table.incarnationAt(row), node.self);
  // Not at its next turn but now, so that it can deny it: if it was this node that did not hear, its denial comes first.
  tellDoubted(node, membership, out, target);
}

/** Tells a member that is thought suspect or dead that it is: only it can deny it. */
export function tellDoubted(node: Node, membership: Membership, out: Outbox, peer: Peer): void {
  const { table } = membership;
  const row = table.find(peer);
  if (row < 0 || node.config.parameters.buddy === 0 || !isDoubted(table, row)) return;
  const body = takeNews(node, membership, MAX_PIGGYBACK, row);
  out.send(PING, node.self, peer, node.self, node.bootCount, node.nextN++, 0, body);
}

export function onPing(node: Node, membership: Membership, now: Now, out: Outbox, envelope: Envelope): void {
  const { table } = membership;
  const { from, origin } = envelope;
  const row = table.find(from);
  if (row >= 0) table.see(row, now.monoUs, origin === from ? envelope.originBoot : 0);
  hearNews(node, membership, now, out, from, envelope.body as Sayings);
  const isToBeTold = row >= 0 && isDoubted(table, row);
  reply(node, out, envelope, ACK, takeNews(node, membership, MAX_PIGGYBACK, isToBeTold ? row : -1));
}

/** Whoever speaks and is thought suspect or dead is to hear it: only it can deny it. */
export function isDoubted(table: MemberTable, row: number): boolean {
  const state = table.stateAt(row);
  return state !== ALIVE && state !== LEFT;
}

export function onAck(node: Node, membership: Membership, now: Now, out: Outbox, envelope: Envelope): void {
  const { probe, table } = membership;
  const { from, origin, originBoot, n } = envelope;
  const row = table.find(from);
  if (row < 0) {
    countRefusal(node, REFUSAL_STRANGER);
    return;
  }
  table.see(row, now.monoUs, 0);
  hearNews(node, membership, now, out, from, envelope.body as Sayings);
  if (origin !== node.self) passOn(node, membership, out, envelope);
  else if (probe.peer !== NOBODY && probe.n === n && originBoot === node.bootCount)
    noteAnswer(node, membership, now, from);
}

/** The probed member is there: it says so itself, or another who has heard it. */
function noteAnswer(node: Node, membership: Membership, now: Now, from: Peer): void {
  const { probe, table } = membership;
  const { probeTimeoutUs, healthMax } = node.config.parameters;
  const target = table.find(probe.peer);
  if (target < 0) return;
  const isDirect = from === probe.peer;
  const takenUs = now.monoUs - probe.sentUs;
  if (isDirect) table.noteRoundTrip(target, takenUs);
  if (isDirect) table.noteProbe(target, takenUs < probeTimeoutUs ? PROBED_IN_TIME : PROBED_LATE);
  else if (!probe.isAcked) table.noteProbe(target, PROBED_INDIRECTLY);
  if (probe.isAcked) return;
  probe.isAcked = true;
  probe.timeoutUs = NEVER_US;
  membership.score = changeScore(membership.score, -1, healthMax);
}

export function onPingReq(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): void {
  const { relays } = membership;
  const { target } = envelope.body as PingReq;
  const { from, originBoot, n } = envelope;
  if (relays.length >= MAX_RELAYS || envelope.origin !== from) {
    countRefusal(node, envelope.origin === from ? REFUSAL_FULL : REFUSAL_FORGED);
    return;
  }
  const { probeTimeoutUs, probeUs, nacks } = node.config.parameters;
  const nackUs = nacks > 0 ? now.monoUs + Math.floor((probeTimeoutUs * NACK_AFTER_PERCENT) / 100) : NEVER_US;
  relays.push({ origin: from, originBoot, n, target, nackUs, untilUs: now.monoUs + probeUs });
  // Who was asked late may know that the target is a member no more: then it only says that it has heard nothing.
  if (membership.table.find(target) < 0) return;
  out.send(PING, node.self, target, from, originBoot, n, 1, takeNews(node, membership, MAX_PIGGYBACK));
}

export function onNack(node: Node, { probe }: Membership, envelope: Envelope): void {
  const isOfProbe = probe.peer !== NOBODY && probe.n === envelope.n && envelope.originBoot === node.bootCount;
  if (isOfProbe && envelope.origin === node.self && probe.nacks < probe.nacksExpected) probe.nacks++;
  else countRefusal(node, REFUSAL_LATE);
}

/** An answer to a probe that was made for another goes to that other. */
function passOn(node: Node, { relays }: Membership, out: Outbox, envelope: Envelope): void {
  const { from, origin, originBoot, n } = envelope;
  const place = relays.findIndex(
    (one) => one.n === n && one.target === from && one.origin === origin && one.originBoot === originBoot,
  );
  if (place < 0) return;
  relays.splice(place, 1);
  out.send(ACK, node.self, origin, origin, originBoot, n, 1, { items: [] });
}

function onRelaysAlarm(node: Node, membership: Membership, now: Now, out: Outbox): void {
  let kept = 0;
  const { relays } = membership;
  for (const relay of relays) {
    if (relay.nackUs <= now.monoUs) {
      relay.nackUs = NEVER_US;
      out.send(NACK, node.self, relay.origin, relay.origin, relay.originBoot, relay.n, 1, {});
    }
    if (relay.untilUs > now.monoUs) relays[kept++] = relay;
  }
  relays.length = kept;
}
