import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  NOTE_POD_DELETED,
  POD_CONSENTED,
  POD_DELETED,
  POD_LAW,
  POD_RULED,
  POD_WRITTEN,
  REFUSED,
  SIGN,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { noteWhy } from '../../machine/speech.ts';
import { KEYS } from '../../base/peers.ts';
import { isDurablePlace } from '../../policy/location-policy.ts';
import { certificateHash } from '../../policy/pod-documents.ts';
import { NOT_READY, UNKNOWN_OUTCOME, type ErrorCode } from '../../routing/outcomes.ts';
import { pushEntry } from './pod-copies.ts';
import { consentedFor, findUseFault } from './pod-giving.ts';
import { giveFound } from './pod-keys.ts';
import { isClean, queueTask, save, versionOf } from './pod-law.ts';
import { graceOf, isMajority } from './pod-lease.ts';
import { notePending } from './pod-notes.ts';
import { desiredHolders, eligiblePlaces, isAlive, mayHaveKey } from './pod-placement.ts';
import {
  MAX_CIRCLE,
  type PodDeleted,
  type PodLawKept,
  type PodLawTold,
  type PodRead,
} from './pod-records.ts';
import { seenAfter, type Version } from './pod-version.ts';
import {
  awaitedFor,
  CONSENTING,
  DELETING,
  entriesInOrder,
  GO_ON,
  READING,
  RULING,
  ruleOf,
  WRITING,
  type PodEntry,
  type PodHost,
  type Work,
} from './pod-state.ts';

/** Who asks, and how: the beginning of a work. */
export function createWork(
  pods: PodHost,
  now: Now,
  envelope: Envelope,
  what: number,
  pod: string,
  time: { readonly timeLeftUs: number; readonly notAfterWallUs: number },
): Work {
  const { origin, originBoot, n, attempt, from: asker } = envelope;
  const work: Work = {
    key: pods.works.takeKey(),
    origin,
    originBoot,
    n,
    attempt,
    asker,
    what,
    pod,
    version: null,
    revision: 0,
    read: null,
    heard: [],
    lawVersion: 0,
    majorityUs: 0,
    inUseUntilUs: 0,
    dueUs: now.monoUs + time.timeLeftUs,
    byWallUs: time.notAfterWallUs,
    signing: 0,
    atWallUs: 0,
  };
  pods.works.add(work, work.dueUs);
  return work;
}

export function end(node: Node, pods: PodHost, work: Work, out: Outbox, kind: number, body: unknown): void {
  pods.works.delete(work);
  out.send(kind, node.self, work.asker, work.origin, work.originBoot, work.n, work.attempt, body);
}

export function refuseWork(
  node: Node,
  pods: PodHost,
  work: Work,
  out: Outbox,
  code: ErrorCode,
  detail: string,
): void {
  end(node, pods, work, out, REFUSED, { code, retryAfterUs: 0, detail, struck: [] });
}

/** What was to be on disk first is there. */
export function proceedWork(node: Node, pods: PodHost, work: Work, now: Now, out: Outbox): void {
  const entry = pods.entries.get(work.pod)!;
  switch (work.what) {
    case WRITING:
      work.revision = entry.revision;
      pushEntry(node, pods, entry, now, out);
      finishWrite(node, pods, work, entry, now, out);
      return;
    case READING:
      work.revision = entry.revision;
      // Its other holders are told of the receipt.
      pushEntry(node, pods, entry, now, out);
      finishUse(node, pods, work, entry, now, out);
      return;
    default:
      spreadLaw(node, pods, work, entry, out);
      if (work.what === DELETING) notePending(node, pods, entry, missingOf(pods, entry, node.self), out);
      finishLaw(node, pods, work, entry, now, out);
  }
}

/** R6.1-6: a write is acknowledged when two durable holders have it, with the key to it, or the one that there is. */
function finishWrite(node: Node, pods: PodHost, work: Work, entry: PodEntry, now: Now, out: Outbox): void {
  const rule = ruleOf(entry.law);
  if (rule === null || work.version === null || work.revision === 0) return;
  const places = eligiblePlaces(node, pods.fellows, now, work.pod, rule);
  const { keyId } = work.version.content;
  const others = places.filter(
    (place) =>
      place.peer !== node.self && isDurablePlace(rule, place.region) && (keyId === 0 || mayHaveKey(place)),
  );
  const isSafe = others.some(({ peer }) => {
    const { revision = 0, keys = [] } = entry.others.get(peer) ?? {};
    return revision >= work.revision && (keyId === 0 || keys.includes(keyId));
  });
  const isAlone = rule.required === null && !others.some(({ peer }) => isAlive(node, peer));
  if (!isSafe && !isAlone) return;
  const body = {
    vector: seenAfter(node.pure, work.version as Version),
    isFragile: !isSafe,
    primary: node.self,
  };
  end(node, pods, work, out, POD_WRITTEN, body);
}

/** R6.2-4: what others are given is given when two holders have its receipt, or the one that there is. */
function finishUse(node: Node, pods: PodHost, work: Work, entry: PodEntry, now: Now, out: Outbox): void {
  if (work.revision === 0) return;
  const rule = ruleOf(entry.law);
  const holders = rule === null ? [] : desiredHolders(node, pods.fellows, now, work.pod, rule);
  const others = holders.filter(({ peer }) => peer !== node.self);
  const isSafe = others.some(({ peer }) => (entry.others.get(peer)?.revision ?? 0) >= work.revision);
  if (!isSafe && others.some(({ peer }) => isAlive(node, peer))) return;
  // Disks may have been slow: what was decided before is decided again.
  const read = work.read as PodRead;
  const wrong = findUseFault(node, pods, now, read, work, entry, true);
  if (wrong !== null) refuseWork(node, pods, work, out, wrong.code, wrong.detail);
  else {
    pods.works.delete(work);
    giveFound(node, pods, now, out, entry, work.asker, work, read);
  }
}

/** Another holder has said what it has of a pod: somebody may have waited for that. */
export function onKept(node: Node, pods: PodHost, entry: PodEntry, now: Now, out: Outbox): void {
  let isAwaited = false;
  for (const work of pods.works.entries()) {
    if (work.pod !== entry.pod) continue;
    if (work.what === WRITING) finishWrite(node, pods, work, entry, now, out);
    else if (work.what === READING) finishUse(node, pods, work, entry, now, out);
    else continue;
    isAwaited = true;
  }
  // What has come since that holder was told it is told at once.
  if (isAwaited) pushEntry(node, pods, entry, now, out);
}

/** Tells every pod host that has not confirmed it what the owner has said. */
function spreadLaw(node: Node, pods: PodHost, work: Work, entry: PodEntry, out: Outbox): void {
  const body: PodLawTold = { law: entry.law, seq: entry.lawSeq };
  const heard = work.what === DELETING ? entry.confirmed : work.heard;
  for (const peer of awaitedFor(pods, entry)) {
    if (peer !== node.self && !heard.includes(peer))
      out.send(POD_LAW, node.self, peer, node.self, node.bootCount, node.nextN++, 0, body);
  }
}

/** Whom the owner still waits for. */
export function missingOf(pods: PodHost, entry: PodEntry, self: Peer): Peer[] {
  const isDone = isClean(pods, entry) && entry.storedLawSeq === entry.lawSeq;
  return awaitedFor(pods, entry).filter((peer) =>
    peer === self ? !isDone : !entry.confirmed.includes(peer),
  );
}

/**
 * A policy is in force when most pod hosts have it on disk, and all have, or the leases of the others have run out. A deletion is
 * certified when all that there ever were have confirmed, and not before (R6.2-2).
 */
export function finishLaw(
  node: Node,
  pods: PodHost,
  work: Work,
  entry: PodEntry,
  now: Now,
  out: Outbox,
): void {
  if (entry.storedLawSeq < entry.lawSeq && entry.storing !== 0) return;
  if (work.what === DELETING) {
    // Where so many were there that others may have found no room on a list, nobody knows of all.
    if (awaitedFor(pods, entry).length >= MAX_CIRCLE) return;
    if (work.signing !== 0 || missingOf(pods, entry, node.self).length > 0) return;
    work.atWallUs = now.wallUs;
    work.signing = node.nextN++;
    const hash = certificateHash(node.pure, work.pod, work.atWallUs);
    out.send(SIGN, node.self, KEYS, node.self, node.bootCount, work.signing, 0, { hash });
    return;
  }
  const heard = [node.self, ...work.heard];
  if (work.majorityUs === 0 && isMajority(node, pods, heard)) work.majorityUs = now.monoUs;
  if (work.majorityUs === 0) return;
  const haveAll = pods.circle.every((peer) => heard.includes(peer));
  if (!haveAll && now.monoUs < work.majorityUs + graceOf(node)) return;
  // All know it; but what was given out before they did may still be used for a moment.
  if (now.monoUs < Math.max(work.inUseUntilUs, entry.inUseUntilUs)) return;
  if (work.what === CONSENTING)
    end(node, pods, work, out, POD_CONSENTED, consentedFor(node, entry, work.origin));
  else end(node, pods, work, out, POD_RULED, { pod: work.pod, version: work.lawVersion });
}

/** The certificate is signed. False if it is none of these. */
export function onCertificateSigned(
  node: Node,
  pods: PodHost,
  out: Outbox,
  n: number,
  signature: string,
): boolean {
  const work = pods.works.entries().find(({ signing }) => signing === n && n !== 0);
  if (work === undefined) return false;
  const { pod, atWallUs } = work;
  noteWhy(node, out, NOTE_POD_DELETED, pod, node.self, 'every pod host that there ever was has confirmed');
  const body: PodDeleted = { pod, isCertified: true, missing: [], by: node.self, atWallUs, signature };
  end(node, pods, work, out, POD_DELETED, body);
  return true;
}

/** Works go on with time: what was not heard is said again, and what is due ends. */
export function onWorksAlarm(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  const { works } = pods;
  for (let due = works.firstDue(now.monoUs); due !== undefined; due = works.firstDue(now.monoUs))
    giveUp(node, pods, due, out);
  if (now.monoUs < pods.nextPushUs) return;
  pods.nextPushUs = now.monoUs + node.config.parameters.podPushUs;
  if (works.size === 0) return;
  const busy = new Set(works.entries().map(({ pod }) => pod));
  for (const entry of entriesInOrder(pods)) if (busy.has(entry.pod)) pushEntry(node, pods, entry, now, out);
  for (const work of works.entries()) {
    const entry = pods.entries.get(work.pod)!;
    if (work.what === WRITING) finishWrite(node, pods, work, entry, now, out);
    else if (work.what === READING) finishUse(node, pods, work, entry, now, out);
    else if (entry.storing === 0) {
      spreadLaw(node, pods, work, entry, out);
      finishLaw(node, pods, work, entry, now, out);
    }
  }
}

function giveUp(node: Node, pods: PodHost, work: Work, out: Outbox): void {
  const entry = pods.entries.get(work.pod);
  if (work.what !== DELETING || entry === undefined) {
    const detail =
      work.what === RULING || work.what === CONSENTING
        ? 'too few pod hosts have confirmed'
        : 'no second holder has confirmed';
    // What is read has no outcome but the data.
    const code = work.what === READING ? NOT_READY : UNKNOWN_OUTCOME;
    refuseWork(node, pods, work, out, code, detail);
    return;
  }
  const missing = missingOf(pods, entry, node.self);
  notePending(node, pods, entry, missing, out);
  const body: PodDeleted = {
    pod: work.pod,
    isCertified: false,
    missing,
    by: node.self,
    atWallUs: 0,
    signature: '',
  };
  end(node, pods, work, out, POD_DELETED, body);
}

/** Another host has a law on disk, and no copy of what is deleted. */
export function hearConfirmation(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  { from: peer, originBoot, body }: Envelope,
  now: Now,
  out: Outbox,
): void {
  const { version, isDeleted, seq, inUseUs } = body as PodLawKept;
  if (isDeleted && entry.law.deletion !== null && !entry.confirmed.includes(peer)) {
    entry.confirmed.push(peer);
    const missing = missingOf(pods, entry, node.self);
    const isAwaited = pods.works.entries().some(({ pod, what }) => pod === entry.pod && what === DELETING);
    if (isAwaited && missing.length > 0) notePending(node, pods, entry, missing, out);
  }
  for (const work of pods.works.entries()) {
    if (work.pod !== entry.pod || work.what === WRITING || work.what === READING) continue;
    const isHeard =
      isDeleted ||
      (work.what === RULING && version >= work.lawVersion) ||
      (work.what === CONSENTING && originBoot === node.bootCount && seq >= work.lawVersion);
    if (isHeard && !work.heard.includes(peer)) {
      work.heard.push(peer);
      work.inUseUntilUs = Math.max(work.inUseUntilUs, now.monoUs + Math.ceil((inUseUs * 1_001) / 1_000));
    }
    finishLaw(node, pods, work, entry, now, out);
  }
}

/** What this host can confirm of a pod, and up to which of the asker's words. */
export function confirmationOf(pods: PodHost, entry: PodEntry, seq: number, now: Now) {
  return {
    pod: entry.pod,
    version: versionOf(entry.law),
    isDeleted: entry.law.deletion !== null && isClean(pods, entry),
    seq,
    inUseUs: Math.max(0, entry.inUseUntilUs - now.monoUs),
    circle: [...pods.circle],
  };
}

/** Has the disk take what has changed of a pod, and goes on with a request when that is done. */
export function goOnWhenStored(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  work: Work,
  now: Now,
  out: Outbox,
): void {
  const isStored = entry.storing === 0 && entry.storedLawSeq === entry.lawSeq && entry.wanted === entry.copy;
  if (isStored) proceedWork(node, pods, work, now, out);
  else if (queueTask(entry, { what: GO_ON, key: work.key, to: node.self, boot: 0, n: 0, revision: 0 }))
    save(node, entry, out);
  else pods.works.deadlines.set(work.key, now.monoUs);
}
