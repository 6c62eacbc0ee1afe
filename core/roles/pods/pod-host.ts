import { DISK } from '../../base/peers.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { MAX_DISK_WRITES, recordOf, type DiskRecord } from '../../machine/disk-records.ts';
import { memberStateOf } from '../../cluster/membership/detector.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import * as kinds from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { NOT_READY, OVERLOADED } from '../../routing/outcomes.ts';
import { onKeysDestroyed, onPodCopy, onPodKept, onPodOffer, onRepairAlarm, pushEntry } from './pod-copies.ts';
import { fault, refuse } from './pod-faults.ts';
import { onKeyed, onKeysListed, onPodKey, onPodKeyCopy, onWrapped, startKeys } from './pod-keys.ts';
import { isFellow, meetHosts, onLease, onLeased, onRenewAlarm } from './pod-lease.ts';
import { isClean, learnLaw, NO_BOOK, onEntryStored, queueTask, save, tellTask } from './pod-law.ts';
import { CIRCLE_KEY, KEPT, podKey, type PodLawKept, type PodLawTold } from './pod-records.ts';
import { onPodConsent } from './pod-consents.ts';
import { onPodDelete, onPodRead, onPodRule, onPodWrite } from './pod-requests.ts';
import {
  contentsPrintOf,
  createEntry,
  DELETING,
  GO_ON,
  MAX_ROTTEN,
  printOf,
  TELL_KEPT,
  TELL_LAW,
  type PodEntry,
  type PodHost,
  type Task,
} from './pod-state.ts';
import {
  confirmationOf,
  finishLaw,
  hearConfirmation,
  onKept,
  onCertificateSigned,
  onWorksAlarm,
  proceedWork,
  refuseWork,
} from './pod-works.ts';

/** A pod host (§4.1) holds what people entrust to their cluster, where they have said that it may be (§6.1). */

/** Takes over what the disk has kept. */
export function restorePods(node: Node, pods: PodHost, record: DiskRecord): void {
  if (record.circle !== null) {
    meetHosts(node, pods, record.circle.hosts);
    pods.seenWallUs = record.circle.seenWallUs;
    pods.isCircleStored = true;
  }
  if (record.podLaw !== null) {
    const law = record.podLaw as PodEntry['law'];
    const entry = pods.entries.get(law.pod) ?? createEntry(pods, law);
    entry.law = law;
    entry.storedLawSeq = entry.lawSeq;
  }
  if (record.pod !== null) {
    const { pod, copy } = record.pod;
    // It comes before its law, in the order of keys. If that is lost it waits here, untouched, until others tell it.
    const none = { pod, policy: null, deletion: null, book: NO_BOOK };
    const entry = pods.entries.get(pod) ?? createEntry(pods, none);
    entry.copy = entry.wanted = entry.writing = copy as PodEntry['copy'];
    entry.revision = 1;
    entry.print = printOf(node, entry.copy);
    entry.contents = contentsPrintOf(node, entry.copy);
  }
}

/** What nobody can read any more is not kept either: others have it, and it may be what was to be erased. */
export function noteRotten(pods: PodHost, keys: readonly string[]): void {
  for (const key of keys)
    if (key.startsWith(podKey('')) && pods.rotten.length < MAX_ROTTEN)
      pods.rotten.push(key.slice(podKey('').length));
}

/** It is ready. Whoever was away for longer than backups may be comes back empty (R6.2-2). */
export function startPods(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  const { podAwayUs, podWarmUs, podRepairUs, podLeaseUs } = node.config.parameters;
  const isLongGone = pods.seenWallUs > 0 && now.wallUs - pods.seenWallUs > podAwayUs;
  pods.isLongGone = isLongGone;
  for (const entry of pods.entries.values()) {
    // What it gave out before it stopped it does not remember.
    if (entry.copy !== null) entry.inUseUntilUs = now.monoUs + podLeaseUs;
    if (isLongGone) entry.wanted = null;
  }
  startKeys(node, out);
  for (let i = 0; i < pods.rotten.length; i += MAX_DISK_WRITES) {
    const writes = pods.rotten
      .slice(i, i + MAX_DISK_WRITES)
      .map((pod) => ({ key: podKey(pod), record: null }));
    out.send(kinds.STORE, node.self, DISK, node.self, node.bootCount, node.nextN++, 0, { writes });
  }
  pods.rotten = [];
  storeCircle(node, pods, now, out);
  pods.readyUs = now.monoUs + podWarmUs;
  pods.nextRenewUs = now.monoUs;
  pods.nextRepairUs = now.monoUs + podRepairUs;
  pods.nextPushUs = now.monoUs;
}

/** False if the envelope is none for a pod host, or from nobody who may say it. */
export function onPods(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): boolean {
  if (envelope.kind !== kinds.LEASE && isRequest(envelope.kind)) {
    if (now.monoUs >= pods.readyUs) onRequest(node, pods, now, out, envelope);
    else refuse(node, out, envelope, fault(NOT_READY, 'it has just started'));
    return true;
  }
  if (envelope.kind === kinds.LEASE) {
    if (memberStateOf(node, envelope.from) === null) return false;
    onLease(node, pods, now, out, envelope);
    return true;
  }
  if (!isFellow(node, envelope.from)) return false;
  switch (envelope.kind) {
    case kinds.LEASED:
      onLeased(node, pods, now, out, envelope);
      return true;
    case kinds.POD_COPY:
      onPodCopy(node, pods, now, out, envelope);
      return true;
    case kinds.POD_OFFER:
      onPodOffer(node, pods, now, out, envelope);
      return true;
    case kinds.POD_KEPT: {
      const entry = onPodKept(node, pods, now, out, envelope);
      if (entry !== null) onKept(node, pods, entry, now, out);
      return true;
    }
    case kinds.POD_KEY_COPY:
      onPodKeyCopy(node, pods, now, out, envelope);
      return true;
    case kinds.POD_LAW:
      onPodLaw(node, pods, now, out, envelope);
      return true;
    case kinds.POD_LAW_KEPT: {
      const { pod, circle } = envelope.body as PodLawKept;
      const entry = pods.entries.get(pod);
      if (entry === undefined) return true;
      meetHosts(node, pods, circle);
      hearConfirmation(node, pods, entry, envelope, now, out);
      return true;
    }
    default:
      return false;
  }
}

function isRequest(kind: number): boolean {
  return kinds.ERRANDS.includes(kind) || kind === kinds.POD_KEY;
}

function onRequest(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  if (envelope.kind === kinds.POD_KEY) {
    onPodKey(node, pods, now, out, envelope);
    return;
  }
  const work = pods.works.get(envelope.origin, envelope.originBoot, envelope.n);
  if (work !== undefined) {
    // The same request, perhaps through another gateway: it is told when it is done.
    work.asker = envelope.from;
    work.attempt = envelope.attempt;
    return;
  }
  if (pods.works.size >= node.config.parameters.maxPodRequests) {
    refuse(node, out, envelope, fault(OVERLOADED, 'as many requests as it can take are open'));
    return;
  }
  if (envelope.kind === kinds.POD_WRITE) onPodWrite(node, pods, now, out, envelope);
  else if (envelope.kind === kinds.POD_READ) onPodRead(node, pods, now, out, envelope);
  else if (envelope.kind === kinds.POD_DELETE) onPodDelete(node, pods, now, out, envelope);
  else if (envelope.kind === kinds.POD_RULE) onPodRule(node, pods, now, out, envelope);
  else onPodConsent(node, pods, now, out, envelope);
}

/** Another host passes on what an owner has said. It is confirmed when it is on disk here, and no sooner. */
function onPodLaw(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { law, seq } = envelope.body as PodLawTold;
  const entry = learnLaw(node, pods, now, out, law);
  if (entry === null) return;
  const isStored = entry.storing === 0 && entry.storedLawSeq === entry.lawSeq;
  const isDone =
    isStored && entry.wanted === entry.copy && (entry.law.deletion === null || isClean(pods, entry));
  const task = tellTask(TELL_LAW, envelope.from, envelope.originBoot, envelope.n, seq);
  if (isDone) act(node, pods, entry, task, true, now, out);
  else if (queueTask(entry, task) && entry.destroying === 0) save(node, entry, out);
}

/** Of the answers of the disk: false if it is to no STORE of pods. */
export function onPodStored(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { n, body } = envelope;
  const isFine = (body as kinds.Stored).condition === DISK_FINE;
  if (n === pods.circleStoring) {
    pods.circleStoring = 0;
    pods.isCircleStored = isFine && pods.circleFlying === pods.circle.length;
    return true;
  }
  for (const entry of pods.entries.values()) {
    if (entry.storing !== n) continue;
    for (const task of onEntryStored(node, pods, entry, now, out, isFine))
      act(node, pods, entry, task, isFine, now, out);
    if (isFine && entry.law.deletion !== null) finishDeletions(node, pods, entry, now, out);
    return true;
  }
  return false;
}

/** What is gone from here may be the last that somebody waits for. */
function finishDeletions(node: Node, pods: PodHost, entry: PodEntry, now: Now, out: Outbox): void {
  for (const work of pods.works.entries())
    if (work.pod === entry.pod && work.what === DELETING) finishLaw(node, pods, work, entry, now, out);
}

/** Of the answers of KEYS on the keys of pods. */
export function onPodKeys(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  switch (envelope.kind) {
    case kinds.AGREED:
      pods.agreement = (envelope.body as kinds.Agreed).agreement;
      return;
    case kinds.KEYS_LISTED:
      onKeysListed(node, pods, now, out, envelope.body as kinds.KeysListed);
      return;
    case kinds.KEYED: {
      const entry = onKeyed(node, pods, out, envelope);
      if (entry !== null) pushEntry(node, pods, entry, now, out);
      return;
    }
    case kinds.WRAPPED:
      onWrapped(node, pods, now, out, envelope);
      return;
    case kinds.KEYS_DESTROYED:
      onKeysDestroyed(node, pods, now, out, envelope);
  }
}

/** Of the answers of KEYS: false if it is to no certificate. */
export function onPodSigned(node: Node, pods: PodHost, out: Outbox, envelope: Envelope): boolean {
  return onCertificateSigned(node, pods, out, envelope.n, (envelope.body as kinds.Signed).signature);
}

function act(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  task: Task,
  isFine: boolean,
  now: Now,
  out: Outbox,
): void {
  if (task.what === GO_ON) {
    const work = pods.works.entries().find(({ key }) => key === task.key);
    if (work === undefined) return;
    if (isFine) proceedWork(node, pods, work, now, out);
    else refuseWork(node, pods, work, out, OVERLOADED, 'the disk takes nothing');
    return;
  }
  // What others are to be told they ask for again.
  if (!isFine) return;
  if (task.what === TELL_KEPT) {
    if (entry.copy === null) return;
    const { pod, keys } = entry;
    const body = { pod, revision: task.revision, keeping: KEPT, keys: [...keys], law: null };
    tell(node, out, task, kinds.POD_KEPT, body);
  } else if (entry.law.deletion !== null && !isClean(pods, entry)) {
    // Its keys go first: it is told when all has gone.
    queueTask(entry, task);
  } else tell(node, out, task, kinds.POD_LAW_KEPT, confirmationOf(pods, entry, task.revision, now));
}

function tell(node: Node, out: Outbox, { to, boot, n }: Task, kind: number, body: unknown): void {
  out.send(kind, node.self, to, to, boot, n, 0, body);
}

/** Sees to it that the disk knows every pod host before any of them is given a copy. */
function storeCircle(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  if (pods.circleStoring !== 0) return;
  pods.circleStoring = node.nextN++;
  pods.circleFlying = pods.circle.length;
  pods.seenWallUs = now.wallUs;
  const circle = { hosts: [...pods.circle], seenWallUs: now.wallUs };
  const writes = [{ key: CIRCLE_KEY, record: recordOf({ circle }) }];
  out.send(kinds.STORE, node.self, DISK, node.self, node.bootCount, pods.circleStoring, 0, { writes });
}

/** Between two times that the disk is told that this host is there. */
const SEEN_US = 3_600_000_000;

export function onPodHostAlarm(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  onRenewAlarm(node, pods, now, out);
  if (!pods.isCircleStored || now.wallUs - pods.seenWallUs > SEEN_US) storeCircle(node, pods, now, out);
  onWorksAlarm(node, pods, now, out);
  onRepairAlarm(node, pods, now, out);
}

export function nextPodHostUs({ nextRenewUs, nextRepairUs, nextPushUs, works }: PodHost): number {
  const pushUs = works.size === 0 ? NEVER_US : nextPushUs;
  return Math.min(nextRenewUs, nextRepairUs, pushUs, works.deadlines.nextUs);
}
