import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { POD_COPY, POD_KEPT, POD_OFFER, type KeysDestroyed } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { allowsStorage } from '../../policy/location-policy.ts';
import { podIdOf } from '../../policy/pod-documents.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { isSealed, mayExport, waitingUntil } from './pod-exports.ts';
import { keysOf, pushKeys } from './pod-keys.ts';
import { hasLease } from './pod-lease.ts';
import { isOver, learnLaw, letGo, NO_BOOK, queueTask, save, tellTask } from './pod-law.ts';
import { noteAstray, noteDeclined, notePlacement } from './pod-notes.ts';
import {
  desiredHolders,
  eligiblePlaces,
  fellowPlaces,
  isAlive,
  mayHaveKey,
  mayHold,
  ownPlace,
  type Place,
} from './pod-placement.ts';
import {
  KEPT,
  MAX_RECENT,
  NOT_KEPT,
  RECORDS_WANTED,
  WANTED,
  type PodCopied,
  type PodCopy,
  type PodKept,
  type PodOffer,
  type WriteId,
} from './pod-records.ts';
import {
  bytesOf,
  entriesInOrder,
  printOf,
  ruleOf,
  TELL_KEPT,
  usedBytes,
  type PodEntry,
  type PodHost,
} from './pod-state.ts';
import { joinAccounts } from './pod-receipts.ts';
import { joinVersions } from './pod-version.ts';

/** Of a pod that nobody has used or written to. */
export const EMPTY_COPY: PodCopy = { versions: [], recent: [], receipts: [], taken: [], spent: [] };

/** Pods that are looked after at once. */
const MAX_A_ROUND = 256;

/** How long a host that was told of a copy has to say something before it is told again. */
const AGAIN_US = 1_000_000;

/** What is left of two copies of a pod: a join, but for which writes were the last. */
export function joinCopies(node: Pick<Node, 'pure'>, left: PodCopy | null, right: PodCopy): PodCopy {
  const { pure } = node;
  const isSame = (one: WriteId, other: WriteId): boolean =>
    one.writer === other.writer && one.writerBoot === other.writerBoot && one.n === other.n;
  const recent = [...(left?.recent ?? [])];
  for (const one of right.recent) if (!recent.some((other) => isSame(one, other))) recent.push(one);
  return {
    versions: joinVersions(pure, left?.versions ?? [], right.versions),
    recent: recent.slice(-MAX_RECENT),
    ...joinAccounts(pure, left, right),
  };
}

/** Brings the pod to those who are to hold it and have not said that they do. */
export function pushEntry(node: Node, pods: PodHost, entry: PodEntry, now: Now, out: Outbox): void {
  const rule = ruleOf(entry.law);
  if (rule === null || (entry.copy === null && entry.keys.length === 0)) return;
  const byWallUs = waitingUntil(pods, entry);
  const isAway = ({ peer }: Place): boolean => peer !== node.self && isAlive(node, peer);
  const targets =
    byWallUs === 0
      ? desiredHolders(node, pods.fellows, now, entry.pod, rule).filter(isAway)
      : eligiblePlaces(node, pods.fellows, now, entry.pod, rule)
          .filter(isAway)
          .slice(0, node.config.parameters.podCopies - 1);
  if (entry.copy !== null) pushCopy(node, pods, entry, now, out, targets, byWallUs);
  pushKeys(node, pods, entry, now, out, targets, byWallUs);
}

function pushCopy(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  now: Now,
  out: Outbox,
  targets: readonly Place[],
  byWallUs: number,
): void {
  for (const place of targets) {
    const { peer } = place;
    const other = entry.others.get(peer);
    if (other !== undefined && (other.revision >= entry.revision || now.monoUs - other.toldUs < AGAIN_US))
      continue;
    if (!mayExport(node, pods, entry, now, place, byWallUs)) continue;
    const none = { revision: 0, keys: [], keyToldUs: 0 };
    entry.others.set(peer, { ...(other ?? none), toldUs: now.monoUs });
    if (byWallUs > 0) sendCopy(node, entry, out, peer, byWallUs);
    else {
      const { pod, revision, print, contents } = entry;
      const body: PodOffer = { pod, revision, print, contents };
      out.send(POD_OFFER, node.self, peer, node.self, node.bootCount, node.nextN++, 0, body);
    }
  }
}

/** @param isWhole whether the versions go along, or only the records of who has used them */
function sendCopy(
  node: Node,
  entry: PodEntry,
  out: Outbox,
  peer: Peer,
  byWallUs: number,
  isWhole = true,
): void {
  const policy = entry.law.policy!;
  const copy = isWhole ? entry.copy! : { ...entry.copy!, versions: [] };
  const body: PodCopied = { policy, copy, revision: entry.revision, byWallUs };
  out.send(POD_COPY, node.self, peer, node.self, node.bootCount, node.nextN++, 0, body as unknown);
}

/** Another host brings a copy. It is kept if it may be here by the newest law known; what is kept is on disk when it is said. */
export function onPodCopy(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { policy, copy, revision, byWallUs } = envelope.body as PodCopied;
  const pod = podIdOf(node.pure, policy.terms.owner, policy.terms.number);
  const entry = learnLaw(node, pods, now, out, { pod, policy, deletion: null, book: NO_BOOK });
  if (entry === null) {
    noteDeclined(node, out, pod, envelope.from, 'its policy does not hold here, or there is no room for it');
    answer(node, out, envelope, pod, revision, NOT_KEPT, null);
    return;
  }
  // Records without versions are of use only to who has the versions.
  const isOfUse = copy.versions.length > 0 || entry.copy !== null;
  const isFit = isOfUse && (!policy.terms.policy.encryptionRequired || isSealed(copy));
  const isAsked = byWallUs > 0 && now.wallUs < byWallUs + WALL_SKEW_BOUND_US;
  if (!isFit || !mayKeep(node, pods, entry, now, isAsked)) {
    const why = isFit ? reasonNotKept(node, entry, now) : 'it was to be sealed, and is not';
    noteDeclined(node, out, pod, envelope.from, why);
    answer(node, out, envelope, pod, revision, NOT_KEPT, entry);
    return;
  }
  const joined = joinCopies(node, entry.wanted, copy);
  if (entry.copy !== null && entry.storing === 0 && printOf(node, joined) === entry.print) {
    answer(node, out, envelope, pod, revision, KEPT, entry);
    return;
  }
  const { availableBytes, maxPodBytes } = node.config.manifest.podStorage!;
  const addedBytes = bytesOf(joined) - bytesOf(entry.wanted);
  const isRoom = bytesOf(joined) <= maxPodBytes && usedBytes(pods) + addedBytes <= availableBytes;
  const task = tellTask(TELL_KEPT, envelope.from, envelope.originBoot, envelope.n, revision);
  if (!isRoom || !queueTask(entry, task)) {
    const why = isRoom ? 'too much waits for its disk' : `${bytesOf(joined)} bytes find no room`;
    noteDeclined(node, out, pod, envelope.from, why);
    answer(node, out, envelope, pod, revision, NOT_KEPT, entry);
    return;
  }
  entry.wanted = joined as PodEntry['wanted'];
  save(node, entry, out);
}

/** Whether this host may take a copy that others bring: by the newest law, which it must be sure to know. */
function mayKeep(node: Node, pods: PodHost, entry: PodEntry, now: Now, isAsked: boolean): boolean {
  const rule = ruleOf(entry.law);
  if (rule === null || isOver(entry, now)) return false;
  return mayHold(rule, ownPlace(node, now)) && (isAsked || hasLease(node, pods, now));
}

function reasonNotKept(node: Node, entry: PodEntry, now: Now): string {
  const rule = ruleOf(entry.law);
  if (rule === null || isOver(entry, now)) return 'it is no more';
  const { region } = node.config.manifest;
  const own = ownPlace(node, now);
  if (rule.isSealed && !own.seals) return 'it declares no encryption';
  if (allowsStorage(rule, region) && !mayHold(rule, own)) return 'it is not trusted enough to hold it';
  return allowsStorage(rule, region)
    ? 'no majority of pod hosts assures this one that it knows the newest policy'
    : `its policy does not allow ${region}`;
}

/** Another host tells what it holds: it is wanted if this one has not the same. */
export function onPodOffer(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { pod, revision, print, contents } = envelope.body as PodOffer;
  const entry = pods.entries.get(pod);
  if (entry !== undefined && entry.print === print && entry.copy !== null && entry.wanted === entry.copy)
    answer(node, out, envelope, pod, revision, KEPT, entry);
  else if (entry === undefined || mayKeep(node, pods, entry, now, false)) {
    const hasContents = entry !== undefined && entry.copy !== null && entry.contents === contents;
    answer(node, out, envelope, pod, revision, hasContents ? RECORDS_WANTED : WANTED, entry ?? null);
  } else answer(node, out, envelope, pod, revision, NOT_KEPT, entry);
}

function answer(
  node: Node,
  out: Outbox,
  envelope: Envelope,
  pod: string,
  revision: number,
  keeping: number,
  entry: PodEntry | null,
): void {
  const law = keeping === NOT_KEPT ? (entry?.law ?? null) : null;
  reply(node, out, envelope, POD_KEPT, { pod, revision, keeping, keys: [...(entry?.keys ?? [])], law });
}

/** What another host says to a copy or to an offer of this boot. Returns the pod if that one holds it. */
export function onPodKept(
  node: Node,
  pods: PodHost,
  now: Now,
  out: Outbox,
  envelope: Envelope,
): PodEntry | null {
  const { pod, revision, keeping, keys, law } = envelope.body as PodKept;
  const entry = pods.entries.get(pod);
  if (entry === undefined || envelope.origin !== node.self || envelope.originBoot !== node.bootCount) {
    countRefusal(node, REFUSAL_LATE);
    return null;
  }
  if (law !== null && law.pod === pod) learnLaw(node, pods, now, out, law);
  const other = entry.others.get(envelope.from);
  if (other === undefined) return null;
  const isSure = keeping === KEPT;
  const surely = isSure ? Math.max(other.revision, revision) : other.revision;
  // Who has said so may be told of what comes next.
  const toldUs = isSure ? Math.max(0, now.monoUs - AGAIN_US) : other.toldUs;
  entry.others.set(envelope.from, { ...other, revision: surely, toldUs, keys: [...keys] });
  const place = fellowPlaces(pods.fellows, now).find(({ peer }) => peer === envelope.from);
  const byWallUs = waitingUntil(pods, entry);
  if (isSure) {
    if (place !== undefined) pushKeys(node, pods, entry, now, out, [place], byWallUs);
    return entry;
  }
  const isWanted = keeping === WANTED || keeping === RECORDS_WANTED;
  if (isWanted && entry.copy !== null && mayExport(node, pods, entry, now, place, byWallUs))
    sendCopy(node, entry, out, envelope.from, byWallUs, keeping === WANTED);
  return null;
}

/** Looks after every pod: those who are to hold it get it, and who is not to hold it any more lets go, in this order. */
export function onRepairAlarm(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  if (now.monoUs < pods.nextRepairUs) return;
  const { podRepairUs, podPushUs } = node.config.parameters;
  const rest = entriesInOrder(pods).filter(({ pod }) => pod > pods.repairedTo);
  const some = rest.slice(0, MAX_A_ROUND);
  const isLast = some.length === rest.length;
  pods.repairedTo = isLast ? '' : some[some.length - 1].pod;
  pods.nextRepairUs = now.monoUs + (isLast ? podRepairUs : podPushUs);
  for (const entry of some) {
    const isHeld = entry.wanted !== null || entry.keys.length > 0;
    if (isHeld && isOver(entry, now)) letGo(node, pods, entry, out);
    else if (entry.wanted === entry.copy && isHeld && isToLetGo(node, pods, entry, now))
      letGo(node, pods, entry, out);
    else pushEntry(node, pods, entry, now, out);
    const rule = ruleOf(entry.law);
    noteAstray(node, entry, now, out);
    if (entry.copy !== null && rule !== null)
      notePlacement(node, pods, entry, desiredHolders(node, pods.fellows, now, entry.pod, rule), now, out);
    const isUnsaved = entry.wanted !== entry.copy || entry.storedLawSeq !== entry.lawSeq;
    if (isUnsaved && entry.storing === 0) save(node, entry, out);
  }
}

/** The keys of a pod are destroyed: what is left of it here is noise, and goes, if it is still to go. */
export function onKeysDestroyed(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { pod, isDone } = envelope.body as KeysDestroyed;
  const entry = pods.entries.get(pod);
  if (entry === undefined || entry.destroying !== envelope.n) return;
  entry.destroying = 0;
  if (!isDone) return;
  entry.keys = [];
  if (!isOver(entry, now) && !pods.isLongGone && !isToLetGo(node, pods, entry, now)) return;
  entry.wanted = null;
  save(node, entry, out);
}

/** A copy in excess goes when all who are to hold it do, with its keys; one that may not be here any more as soon as another has it. */
function isToLetGo(node: Node, pods: PodHost, entry: PodEntry, now: Now): boolean {
  const rule = ruleOf(entry.law);
  if (rule === null) return false;
  const holders = desiredHolders(node, pods.fellows, now, entry.pod, rule);
  if (holders.some(({ peer }) => peer === node.self)) return false;
  if (pods.works.entries().some(({ pod }) => pod === entry.pod)) return false;
  const needed = keysOf(entry.copy);
  const hasKeys = ({ peer }: Place): boolean =>
    needed.every((key) => entry.others.get(peer)?.keys.includes(key) === true);
  const haveIt = holders.filter((place) => {
    const { revision = -1 } = entry.others.get(place.peer) ?? {};
    return entry.copy === null || (revision === entry.revision && (hasKeys(place) || !mayHaveKey(place)));
  });
  if (haveIt.length < holders.length || !holders.some(hasKeys)) return false;
  const mayStay = mayHold(rule, ownPlace(node, now));
  return !mayStay || (holders.length >= node.config.parameters.podCopies && hasLease(node, pods, now));
}
