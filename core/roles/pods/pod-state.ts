import type { Peer } from '../../base/peers.ts';
import { NEVER_US } from '../../base/time.ts';
import { attestationShape, MAX_ATTESTATIONS, name } from '../../cluster/manifest.ts';
import { hashDocument } from '../../machine/codec.ts';
import type { Node } from '../../machine/node-state.ts';
import { agreementKey, MAX_POD_KEYS } from '../../machine/key-kinds.ts';
import { RequestTable } from '../../machine/request-table.ts';
import {
  flag,
  integer,
  list,
  optional,
  own,
  peer,
  record,
  shared,
  table,
  text,
  upTo,
  type Of,
} from '../../machine/shape.ts';
import { compilePolicy, type PlaceRule } from '../../policy/location-policy.ts';
import { podId } from '../../policy/pod-terms.ts';
import {
  MAX_CIRCLE,
  podCopyShape,
  podLawShape,
  podReadBody,
  wrappedKeyShape,
  type PodCopy,
} from './pod-records.ts';
import { versionShape } from './pod-version.ts';

/** What to do when a pod's STORE is done: tell another host, or go on with a request. */
export const TELL_KEPT = 0;
export const GO_ON = 1;
export const TELL_LAW = 2;
const taskShape = record({
  what: upTo(2),
  /** GO_ON: the key of the request. */
  key: integer,
  /** The others: whom to tell, under which id. */
  to: peer,
  boot: integer,
  n: integer,
  revision: integer,
});
export type Task = Of<typeof taskShape>;
const MAX_TASKS = 256;
/** More are erased at the next boot. */
export const MAX_ROTTEN = 1_024;

/** What this host knows of what another host holds of a pod: up to which revision of its own, and when it was last told. */
const otherShape = record({
  revision: integer,
  toldUs: integer,
  /** Keys of the pod that it has, and when one was last handed to it. */
  keys: list(integer, MAX_POD_KEYS),
  keyToldUs: integer,
});

/** All of one pod that this host knows: its law, and its copy if there is one. */
export const podEntryShape = record({
  pod: podId,
  law: shared(podLawShape),
  /** When the law changed, in this host's own count: see pod-lease. */
  lawSeq: integer,
  /** The last law that is on disk, and the one that is being written. */
  storedLawSeq: integer,
  flyingLawSeq: integer,
  /** On disk; what is to be there next; and what is being written. */
  copy: optional(shared(podCopyShape)),
  wanted: optional(shared(podCopyShape)),
  writing: optional(shared(podCopyShape)),
  /** The STORE under way, 0: none; and whether something has changed since it began. */
  storing: integer,
  isChanged: flag,
  /** Counts the copies that were on disk here in this boot. */
  revision: integer,
  /** Hashes of what is on disk: of all, and of the versions alone. */
  print: text(128),
  contents: text(128),
  /** What waits for the STORE under way, and for the next. */
  flying: list(taskShape, MAX_TASKS),
  queued: list(taskShape, MAX_TASKS),
  others: table(peer, otherShape),
  /** A print of where it is to be, as that was last told to the observer; 0: never. */
  placed: integer,
  /** Names of the pod's keys that KEYS holds here, and the questions to it under way, 0: none. */
  keys: list(integer, MAX_POD_KEYS),
  minting: integer,
  destroying: integer,
  /** Since when its copy has been where it may not be, 0: it may; and whether that has been told. */
  astrayUs: integer,
  isAstrayTold: flag,
  /** Until then nodes that were given it here may begin to use it, by this host's steady clock. */
  inUseUntilUs: integer,
  /** Of a deletion: who has confirmed, and pod hosts that gateways knew of whom it was asked through (see pod-witness). */
  confirmed: list(peer, MAX_CIRCLE),
  witnessed: list(peer, MAX_CIRCLE),
});
export type PodEntry = Of<typeof podEntryShape>;

/** What another pod host says of itself, and how the lease with it stands. */
const fellowShape = record({
  region: name,
  /** What it says that it is worth, and what attestors have really signed of it. */
  trust: upTo(4),
  attestations: list(shared(attestationShape), MAX_ATTESTATIONS),
  /** What keys are wrapped with for it; '': it declares no encryption. */
  agreement: agreementKey,
  isLeaving: flag,
  heardUs: integer,
  /** Its boot, and up to where its laws are known here. */
  boot: integer,
  seen: integer,
  /** When the question was sent that it last granted a lease on; −1: never. */
  grantedUs: integer,
  askedUs: integer,
  askedN: integer,
});
export type Fellow = Of<typeof fellowShape>;

/** Whoever deals with pods knows the pod hosts of the cluster: they themselves, and gateways. */
export const fellowsShape = table(peer, fellowShape);
export type Fellows = Map<Peer, Fellow>;

export const WRITING = 0;
export const RULING = 1;
export const DELETING = 2;
export const READING = 3;
/** Somebody says something of consent, which is to be in force. */
export const CONSENTING = 4;

/** A request of an owner that this host is at work on. */
const workShape = record({
  key: integer,
  origin: peer,
  originBoot: integer,
  n: integer,
  attempt: integer,
  asker: peer,
  what: upTo(CONSENTING),
  pod: podId,
  /** A write: what it made, and the revision that has it. */
  version: optional(shared(versionShape)),
  revision: integer,
  /** Somebody else reads: what was asked. */
  read: optional(shared(podReadBody)),
  /** Who has confirmed, this host apart. */
  heard: list(peer, MAX_CIRCLE),
  /** The version of the policy that is to hold; of what is said of consent, up to where laws here are to be known elsewhere. */
  lawVersion: integer,
  majorityUs: integer,
  /** Until then somebody who was given the data before may begin to use them. */
  inUseUntilUs: integer,
  dueUs: integer,
  byWallUs: integer,
  /** The question to KEYS under way. */
  signing: integer,
  atWallUs: integer,
});
export type Work = Of<typeof workShape>;

/** Why a key is asked for. WAITING: it is being made. */
export const WAITING = 0;
export const GIVING = 1;
export const FINDING = 2;
export const HANDING = 3;
export const TAKING = 4;
/** A question to KEYS about a key, and for whom. */
const keyAskShape = record({
  what: upTo(TAKING),
  pod: podId,
  keyId: integer,
  /** Who gets it, under which request. */
  to: peer,
  origin: peer,
  originBoot: integer,
  n: integer,
  attempt: integer,
  agreement: agreementKey,
  /** HANDING: see PodKeyCopied. */
  byWallUs: integer,
  /** FINDING: those that have been wrapped for it. */
  wrapped: list(wrappedKeyShape, MAX_POD_KEYS),
  /** FINDING: what was asked. */
  read: optional(shared(podReadBody)),
});
export type KeyAsk = Of<typeof keyAskShape>;

export const podHostShape = record({
  entries: table(podId, podEntryShape),
  fellows: fellowsShape,
  /** Every pod host of the cluster that this one has ever known, on disk (R6.2-2). */
  circle: list(peer, MAX_CIRCLE),
  isCircleStored: flag,
  /** Pods of which the disk had something that nobody can read. */
  rotten: list(podId, MAX_ROTTEN),
  /** The STORE of it that is under way, 0: none, and how many it names. */
  circleStoring: integer,
  circleFlying: integer,
  seenWallUs: integer,
  lawSeq: integer,
  readyUs: integer,
  nextRenewUs: integer,
  nextRepairUs: integer,
  nextPushUs: integer,
  /** Up to which pod, in their order, this round of repair has come; '': all. */
  repairedTo: podId,
  works: own(() => new RequestTable(workShape)),
  /** What keys of pods are wrapped with for this host; '': KEYS has not said so yet. */
  agreement: agreementKey,
  /** Whether KEYS has named all keys that it holds from before. */
  areKeysListed: flag,
  /** Whether it was away for so long that nothing of it counts. */
  isLongGone: flag,
  /** By the number of the question. */
  keyAsks: table(integer, keyAskShape),
});
export type PodHost = Of<typeof podHostShape>;

export function createPodHost(node: Pick<Node, 'self'>): PodHost {
  return {
    entries: new Map(),
    fellows: new Map(),
    circle: [node.self],
    isCircleStored: false,
    rotten: [],
    circleStoring: 0,
    circleFlying: 0,
    seenWallUs: 0,
    lawSeq: 0,
    readyUs: NEVER_US,
    nextRenewUs: NEVER_US,
    nextRepairUs: NEVER_US,
    nextPushUs: NEVER_US,
    repairedTo: '',
    works: new RequestTable(workShape),
    agreement: '',
    areKeysListed: false,
    isLongGone: false,
    keyAsks: new Map(),
  };
}

export function createEntry(pods: PodHost, law: PodEntry['law']): PodEntry {
  const entry: PodEntry = {
    pod: law.pod,
    law,
    lawSeq: ++pods.lawSeq,
    storedLawSeq: 0,
    flyingLawSeq: 0,
    copy: null,
    wanted: null,
    writing: null,
    storing: 0,
    isChanged: false,
    revision: 0,
    print: '',
    contents: '',
    flying: [],
    queued: [],
    others: new Map(),
    placed: 0,
    keys: [],
    minting: 0,
    destroying: 0,
    astrayUs: 0,
    isAstrayTold: false,
    inUseUntilUs: 0,
    confirmed: [],
    witnessed: [],
  };
  pods.entries.set(law.pod, entry);
  return entry;
}

/** Whose word is needed: that of every pod host that this one has ever known, and of a deletion the gateways through which it was asked. */
export function awaitedFor({ circle }: PodHost, { witnessed }: PodEntry): Peer[] {
  return [...circle, ...witnessed.filter((peer) => !circle.includes(peer))];
}

/** Pods in an order that is the same everywhere. */
export function entriesInOrder({ entries }: PodHost): PodEntry[] {
  return [...entries.values()].sort((left, right) => (left.pod < right.pod ? -1 : 1));
}

/** Where the data of the pod may be by the law as it is known here; null: nowhere any more. */
export function ruleOf({ policy, deletion }: PodEntry['law']): PlaceRule | null {
  if (policy === null || deletion !== null) return null;
  return compilePolicy(policy.terms.homeRegion, policy.terms.policy);
}

export function bytesOf(copy: PodCopy | null): number {
  let bytes = 0;
  for (const { content } of copy?.versions ?? []) bytes += content.sizeBytes;
  return bytes;
}

/** What is taken of the room that this host offers, with what is about to be written. */
export function usedBytes({ entries }: PodHost): number {
  let bytes = 0;
  for (const { copy, wanted } of entries.values()) bytes += Math.max(bytesOf(copy), bytesOf(wanted));
  return bytes;
}

const printedShape = podCopyShape;
const contentsShape = record({ versions: list(versionShape, 64) });

/** Two holders with the same print hold the same, and with the same print of contents the same versions. */
export function printOf(node: Node, copy: PodCopy | null): string {
  if (copy === null) return '';
  const told = { ...copy, recent: [] } as Of<typeof podCopyShape>;
  return hashDocument(node.pure, printedShape, told);
}

export function contentsPrintOf(node: Node, copy: PodCopy | null): string {
  if (copy === null) return '';
  const { versions } = copy as Of<typeof podCopyShape>;
  return hashDocument(node.pure, contentsShape, { versions });
}
