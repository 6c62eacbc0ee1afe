import { DISK, KEYS, type Peer, type Pure } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { recordOf, type DiskWrite } from '../../machine/disk-records.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { DESTROY_KEYS, STORE } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { isBookSigned, joinBooks, pruneBook } from '../../policy/consent-book.ts';
import { EMPTY_BOOK } from '../../policy/consent-documents.ts';
import { expiryOf } from '../../policy/location-policy.ts';
import { findPodPolicyFault, isDeletionSigned, podIdOf } from '../../policy/pod-documents.ts';
import type { PodPolicy } from '../../policy/pod-terms.ts';
import { noteStored } from './pod-notes.ts';
import { lawKey, podKey, type PodLaw } from './pod-records.ts';
import {
  contentsPrintOf,
  createEntry,
  printOf,
  type PodEntry,
  type PodHost,
  type Task,
} from './pod-state.ts';

/**
 * Takes in what an owner has said of a pod, whoever brings it: the highest version of the policy holds, and a deletion beats
 * all. It is honoured at once and on disk a moment later. Null if it does not hold, or there is no room for it.
 */
export function learnLaw(node: Node, pods: PodHost, now: Now, out: Outbox, said: PodLaw): PodEntry | null {
  if (said.policy === null && said.deletion === null) return null;
  const known = pods.entries.get(said.pod);
  const told = pruneLaw(said, now);
  if (known !== undefined && !isNews(node, told, known.law)) return known;
  if (!isSigned(node, told, known?.law ?? null)) return null;
  if (known === undefined) {
    if (pods.entries.size >= node.config.parameters.maxPods) return null;
    const entry = createEntry(pods, told as PodEntry['law']);
    save(node, entry, out);
    return entry;
  }
  known.law = joinLaws(node.pure, pruneLaw(known.law, now), told) as PodEntry['law'];
  known.lawSeq = ++pods.lawSeq;
  if (isOver(known, now)) letGo(node, pods, known, out);
  save(node, known, out);
  return known;
}

/** A join: deletion first, then the higher version; of two under one version, which no honest owner signs, either, but the same everywhere. */
export function joinLaws(pure: Pick<Pure, 'rank'>, left: PodLaw, right: PodLaw): PodLaw {
  const { pod } = left;
  if (left.deletion !== null || right.deletion !== null)
    return { pod, policy: null, deletion: left.deletion ?? right.deletion, book: NO_BOOK };
  if (left.policy === null || right.policy === null) return left.policy === null ? right : left;
  const policy = isLater(right.policy, left.policy) ? right.policy : left.policy;
  const book = joinBooks(pure, policy.terms.owner, left.book, right.book) as PodLaw['book'];
  if (policy === left.policy && book === left.book) return left;
  return { pod, policy, deletion: null, book };
}

export const NO_BOOK = EMPTY_BOOK as PodLaw['book'];

function isNews(node: Node, told: PodLaw, known: PodLaw): boolean {
  return joinLaws(node.pure, known, told) !== known && known.deletion === null;
}

/** What has run out is forgotten, by whoever hears it, too: or hosts would go on telling one another. */
function pruneLaw(law: PodLaw, now: Now): PodLaw {
  const book = pruneBook(law.book, now.wallUs) as PodLaw['book'];
  return book === law.book ? law : { ...law, book };
}

function isLater(left: PodPolicy, right: PodPolicy): boolean {
  if (left.terms.version !== right.terms.version) return left.terms.version > right.terms.version;
  return left.signature < right.signature;
}

function isSigned(node: Node, { pod, policy, deletion, book }: PodLaw, known: PodLaw | null): boolean {
  const { pure } = node;
  if (deletion !== null)
    return podIdOf(pure, deletion.owner, deletion.number) === pod && isDeletionSigned(pure, deletion);
  if (policy === null) return false;
  const { owner, number } = policy.terms;
  return (
    podIdOf(pure, owner, number) === pod &&
    findPodPolicyFault(pure, policy) === null &&
    isBookSigned(pure, owner, pod, book, known?.book)
  );
}

/** Whether a pod is no more: deleted by its owner, or by the end of its retention (R6.1-5). */
export function isOver({ law }: Pick<PodEntry, 'law'>, now: Now): boolean {
  if (law.policy === null) return law.deletion !== null;
  const { policy, sinceWallUs } = law.policy.terms;
  const expiryWallUs = expiryOf(policy, sinceWallUs);
  return expiryWallUs !== null && now.wallUs >= expiryWallUs;
}

/** Which version of the policy is known; 0 when there is none any more. */
export function versionOf({ policy }: PodLaw): number {
  return policy?.terms.version ?? 0;
}

/**
 * A pod goes from this host, in an order that no crash turns around: what says so is on disk, then its keys are destroyed, and
 * with them whatever is left of it anywhere, then the copy is erased (R6.2-2). Who calls it stores what has changed.
 */
export function letGo(node: Node, pods: PodHost, entry: PodEntry, out: Outbox): void {
  if (pods.areKeysListed && entry.keys.length === 0 && entry.minting === 0) {
    entry.wanted = null;
    return;
  }
  const isSaid = entry.storedLawSeq === entry.lawSeq;
  if (!pods.areKeysListed || entry.minting !== 0 || entry.destroying !== 0 || !isSaid) return;
  entry.destroying = node.nextN++;
  const body = { pod: entry.pod };
  out.send(DESTROY_KEYS, node.self, KEYS, node.self, node.bootCount, entry.destroying, 0, body);
}

/** Whether nothing is left here of a pod that can be read, nor of a key. */
export function isClean(pods: PodHost, { copy, keys, minting, destroying }: PodEntry): boolean {
  return copy === null && pods.areKeysListed && keys.length === 0 && minting === 0 && destroying === 0;
}

/** Has the disk take what has changed of a pod; while it is writing, once more after it. Law and copy change together. */
export function save(node: Node, entry: PodEntry, out: Outbox): void {
  entry.isChanged = entry.storing !== 0;
  if (entry.isChanged) return;
  const { pod, law, lawSeq, wanted, copy } = entry;
  const writes: DiskWrite[] = [];
  if (entry.storedLawSeq !== lawSeq) writes.push({ key: lawKey(pod), record: recordOf({ podLaw: law }) });
  // What is deleted goes even where nothing can be read of it any more: on a rotten disk there may still be something.
  const isErased = wanted === null && law.deletion !== null && writes.length > 0;
  if (wanted !== copy || isErased)
    writes.push({
      key: podKey(pod),
      record: wanted === null ? null : recordOf({ pod: { pod, copy: wanted } }),
    });
  entry.flyingLawSeq = lawSeq;
  entry.writing = wanted;
  entry.flying.push(...entry.queued.splice(0));
  entry.storing = node.nextN++;
  out.send(STORE, node.self, DISK, node.self, node.bootCount, entry.storing, 0, { writes });
}

/** What a STORE of a pod has brought: what waits for it and can be done now, or has been in vain. */
export function onEntryStored(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  now: Now,
  out: Outbox,
  isFine: boolean,
): Task[] {
  entry.storing = 0;
  const had = entry.copy !== null;
  const tasks = entry.flying.splice(0);
  if (!isFine) {
    // What cannot be written was not taken. Laws are honoured all the same, and are written when there is room.
    entry.wanted = isOver(entry, now) && entry.keys.length === 0 ? null : entry.copy;
    entry.isChanged = false;
    return [...tasks, ...entry.queued.splice(0)];
  }
  entry.storedLawSeq = Math.max(entry.storedLawSeq, entry.flyingLawSeq);
  if (entry.writing !== entry.copy) {
    entry.copy = entry.writing;
    entry.revision++;
    entry.print = printOf(node, entry.copy);
    entry.contents = contentsPrintOf(node, entry.copy);
  }
  const isLeft = isOver(entry, now) && !isClean(pods, entry);
  if (isLeft) letGo(node, pods, entry, out);
  noteStored(node, entry, had, isOver(entry, now), tasks, out);
  if (entry.isChanged || (isLeft && entry.wanted !== entry.copy)) save(node, entry, out);
  return tasks;
}

/** What waits for the next STORE of a pod; without anything to store it still goes by the disk, in its turn. */
export function queueTask(entry: PodEntry, task: Task): boolean {
  if (entry.queued.length >= MAX_QUEUED) return false;
  entry.queued.push(task);
  return true;
}

const MAX_QUEUED = 128;

/** A task that tells another host. */
export function tellTask(what: number, to: Peer, boot: number, n: number, revision: number): Task {
  return { what, key: 0, to, boot, n, revision };
}
