import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { POD_WRITTEN } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { reply } from '../../machine/speech.ts';
import { isDurablePlace } from '../../policy/location-policy.ts';
import { findPodPolicyFault, podIdOf } from '../../policy/pod-documents.ts';
import type { PodPolicy } from '../../policy/pod-terms.ts';
import { NO_CAPABLE_NODE, NO_ELIGIBLE_NODE, NOT_ADMITTED, OVERLOADED } from '../../routing/outcomes.ts';
import { EMPTY_COPY, joinCopies } from './pod-copies.ts';
import { hasSealed, isSealed } from './pod-exports.ts';
import { fault, GONE, refuse, type Fault } from './pod-faults.ts';
import { decideGiving, receiptFor, receiptOf } from './pod-giving.ts';
import { findOpeningFault, giveFound } from './pod-keys.ts';
import { isOver, learnLaw, NO_BOOK } from './pod-law.ts';
import { mayHold, placesOf, type Place } from './pod-placement.ts';
import {
  MAX_CIRCLE,
  type PodCopy,
  type PodDelete,
  type PodLaw,
  type PodRead,
  type PodRule,
  type PodWrite,
} from './pod-records.ts';
import { addUse } from './pod-receipts.ts';
import {
  bytesOf,
  DELETING,
  READING,
  ruleOf,
  RULING,
  usedBytes,
  WRITING,
  type PodEntry,
  type PodHost,
  type Work,
} from './pod-state.ts';
import { MAX_OPEN_SIBLINGS, isSeen, MAX_VECTOR, nextDot, vectorOf, type Version } from './pod-version.ts';
import { createWork, goOnWhenStored } from './pod-works.ts';
import { findWriterFault, openPod } from './pod-writers.ts';

/** An owner writes: a new version, after all that the owner has seen of the pod (R6.1-6). */
export function onPodWrite(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const write = envelope.body as PodWrite;
  const { owner, number } = write.policy.terms;
  const pod = podIdOf(node.pure, owner, number);
  const wrong = findWriteFault(node, now, write, envelope, pods.entries.get(pod));
  if (wrong !== null) {
    refuse(node, out, envelope, wrong);
    return;
  }
  const entry = openPod(node, pods, now, out, pod, write.policy);
  if ('code' in entry) {
    refuse(node, out, envelope, entry);
    return;
  }
  const known = findWritten(entry, envelope);
  const version = known ?? versionOf(node, entry, write, envelope, now);
  if (version === null) {
    // Written long since, and others after it.
    const vector = vectorOf(node.pure, entry.wanted?.versions ?? []);
    reply(node, out, envelope, POD_WRITTEN, { vector, isFragile: false, primary: node.self });
    return;
  }
  const refusal = known === null ? findRoomFault(node, pods, entry, version) : null;
  if (refusal !== null) {
    refuse(node, out, envelope, refusal);
    return;
  }
  const work = createWork(pods, now, envelope, WRITING, pod, write);
  work.version = version as Work['version'];
  if (known === null) entry.wanted = withVersion(node, entry.wanted, version) as PodEntry['wanted'];
  goOnWhenStored(node, pods, entry, work, now, out);
}

function findWriteFault(
  node: Node,
  now: Now,
  { policy, content, context, notAfterWallUs }: PodWrite,
  { origin }: Envelope,
  entry: PodEntry | undefined,
): Fault | null {
  const wrong = findWriterFault(node, now, policy, notAfterWallUs, origin, entry);
  if (wrong !== null) return wrong;
  if (policy.terms.policy.encryptionRequired && content.keyId === 0)
    return fault(NO_ELIGIBLE_NODE, 'the policy asks for sealed contents, and this one is not');
  if (content.keyId !== 0 && !(entry?.keys ?? []).includes(content.keyId))
    return fault(NO_CAPABLE_NODE, 'this host has not the key that it is sealed with');
  const open = (entry?.wanted?.versions ?? []).filter((version) => version.content.keyId === 0);
  if (policy.terms.policy.encryptionRequired && open.some(({ dot }) => !isSeen(context, dot)))
    return fault(NO_ELIGIBLE_NODE, 'the pod has open contents: read them, and write what is to follow them');
  return null;
}

function findRoomFault(node: Node, pods: PodHost, entry: PodEntry, version: Version): Fault | null {
  const { availableBytes, maxPodBytes } = node.config.manifest.podStorage!;
  const next = withVersion(node, entry.wanted, version);
  if (bytesOf(next) > maxPodBytes) return fault(NO_ELIGIBLE_NODE, `a pod may have ${maxPodBytes} bytes here`);
  if (usedBytes(pods) - bytesOf(entry.wanted) + bytesOf(next) > availableBytes)
    return fault(OVERLOADED, 'there is no room for so many bytes');
  if (next.versions.length > MAX_OPEN_SIBLINGS)
    return fault(
      OVERLOADED,
      'there are too many concurrent versions: read them, and write what is to follow them',
    );
  if (version.context.length >= MAX_VECTOR)
    return fault(OVERLOADED, 'too many hosts have taken writes of the pod');
  return null;
}

/** What the same request has written already; null: nothing that still stands. */
function findWritten({ wanted }: PodEntry, { origin, originBoot, n }: Envelope): Version | null {
  const isIt = (one: Version): boolean =>
    one.writer === origin && one.writerBoot === originBoot && one.n === n;
  return (wanted?.versions ?? []).find(isIt) ?? null;
}

/** The version that a write makes; null if it has been made, and others came after it. */
function versionOf(
  node: Node,
  { wanted }: PodEntry,
  { content, context }: PodWrite,
  { origin: writer, originBoot: writerBoot, n }: Envelope,
  now: Now,
): Version | null {
  const isPast = (wanted?.recent ?? []).some(
    (one) => one.writer === writer && one.writerBoot === writerBoot && one.n === n,
  );
  if (isPast) return null;
  const dot = nextDot(context, wanted?.versions ?? [], node.self, node.epoch);
  return { content, dot, context, writer, writerBoot, n, wallUs: now.wallUs };
}

function withVersion(node: Node, copy: PodCopy | null, version: Version): PodCopy {
  const { writer, writerBoot, n } = version;
  const added = { ...EMPTY_COPY, versions: [version], recent: [{ writer, writerBoot, n }] };
  return joinCopies(node, copy, added as unknown as PodCopy);
}

/** Its owner reads a pod, or somebody else to whom the owner has consented (R6.2-1, R6.2-4). */
export function onPodRead(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const read = envelope.body as PodRead;
  const pod = podIdOf(node.pure, read.owner, read.number);
  const entry = pods.entries.get(pod);
  // Who asks again for the same is given the same, under the receipt that there is.
  const wanted = entry?.wanted ?? null;
  const isKnown = wanted !== null && receiptFor(wanted, node.self, envelope) !== undefined;
  const verdict = decideGiving(node, pods, now, read, envelope, entry, isKnown);
  if (entry === undefined || (verdict !== null && 'code' in verdict)) {
    refuse(node, out, envelope, (verdict as Fault | null) ?? GONE);
    return;
  }
  if (verdict === null) {
    const shut = hasSealed(entry.copy!) ? findOpeningFault(node, now, read, read.owner, pod, envelope) : null;
    if (shut === null) giveFound(node, pods, now, out, entry, envelope.from, envelope, read);
    else refuse(node, out, envelope, shut);
    return;
  }
  if (!isKnown) {
    // What somebody else is given is on the owner's list before it is given out.
    const receipt = receiptOf(node, now, entry, read, envelope, verdict);
    const counted = addUse(node.pure, entry.wanted!, receipt, verdict.limits);
    entry.wanted = { ...entry.wanted, ...counted } as PodEntry['wanted'];
  }
  const work = createWork(pods, now, envelope, READING, pod, read);
  work.read = read as Work['read'];
  goOnWhenStored(node, pods, entry, work, now, out);
}

/** An owner deletes a pod: for good, and everywhere (R6.2-2). Who asks again is told how far it has come. */
export function onPodDelete(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { deletion, circle, ...time } = envelope.body as PodDelete;
  const pod = podIdOf(node.pure, deletion.owner, deletion.number);
  const policy = pods.entries.get(pod)?.law.policy ?? null;
  if (deletion.owner !== envelope.origin)
    refuse(node, out, envelope, fault(NOT_ADMITTED, 'a pod is deleted by its owner'));
  else if (policy?.terms.policy.retention.legalHold === true)
    refuse(
      node,
      out,
      envelope,
      fault(NO_ELIGIBLE_NODE, 'a legal hold keeps the pod: nothing is deleted while it holds'),
    );
  else {
    const law = { pod, policy: null, deletion, book: NO_BOOK };
    const entry = learnLaw(node, pods, now, out, law);
    if (entry !== null) heedWitness(entry, circle);
    establish(node, pods, now, out, envelope, law, DELETING, time);
  }
}

/** The gateway knows of pod hosts that this one may never have met: they, too, are to confirm. */
function heedWitness({ witnessed }: PodEntry, circle: readonly Peer[]): void {
  for (const peer of circle)
    if (!witnessed.includes(peer) && witnessed.length < MAX_CIRCLE) witnessed.push(peer);
}

/** An owner sets another policy (R6.1-6): it is in force when no host can act on the old one any more. */
export function onPodRule(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { policy, ...time } = envelope.body as PodRule;
  const pod = podIdOf(node.pure, policy.terms.owner, policy.terms.number);
  const entry = pods.entries.get(pod);
  const wrong = findRuleFault(node, pods, now, policy, envelope.origin, entry);
  if (wrong !== null) refuse(node, out, envelope, wrong);
  else
    establish(node, pods, now, out, envelope, { pod, policy, deletion: null, book: NO_BOOK }, RULING, time);
}

function findRuleFault(
  node: Node,
  pods: PodHost,
  now: Now,
  policy: PodPolicy,
  origin: Peer,
  entry: PodEntry | undefined,
): Fault | null {
  const { terms } = policy;
  if (terms.owner !== origin) return fault(NOT_ADMITTED, 'the policy of a pod is set by its owner');
  if (entry !== undefined && isOver(entry, now)) return GONE;
  const refusal = findPodPolicyFault(node.pure, policy);
  if (refusal !== null) return fault(NO_ELIGIBLE_NODE, refusal);
  const known = entry?.law.policy ?? null;
  const isOld = known !== null && known.terms.version >= terms.version;
  if (isOld && known.signature !== policy.signature)
    return fault(
      NO_ELIGIBLE_NODE,
      `version ${known.terms.version} of the policy is known: a new one has a higher number`,
    );
  const isStricter = terms.policy.encryptionRequired && known?.terms.policy.encryptionRequired === false;
  if (isStricter && (entry?.wanted ?? null) === null)
    return fault(
      NO_CAPABLE_NODE,
      'there is no copy of the pod here, so nobody can tell whether it is sealed',
    );
  if (terms.policy.encryptionRequired && !isSealed(entry?.wanted ?? null))
    return fault(NO_ELIGIBLE_NODE, 'the pod has open contents: write sealed ones in their place first');
  const rule = ruleOf({ pod: '', policy, deletion: null, book: NO_BOOK } as PodEntry['law'])!;
  const isPlace = (place: Place): boolean => isDurablePlace(rule, place.region) && mayHold(rule, place);
  if (!placesOf(node, pods.fellows, now).some(isPlace))
    return fault(NO_ELIGIBLE_NODE, 'no pod host of this cluster lies where the policy allows it');
  return null;
}

function establish(
  node: Node,
  pods: PodHost,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  law: PodLaw,
  what: number,
  time: { readonly timeLeftUs: number; readonly notAfterWallUs: number },
): void {
  const entry = learnLaw(node, pods, now, out, law);
  if (entry === null) {
    refuse(
      node,
      out,
      envelope,
      fault(OVERLOADED, 'it is not signed by the owner, or there is no room for it'),
    );
    return;
  }
  const work = createWork(pods, now, envelope, what, law.pod, time);
  work.lawVersion = law.policy?.terms.version ?? 0;
  goOnWhenStored(node, pods, entry, work, now, out);
}
