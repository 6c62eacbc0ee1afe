import { attestationShape, MAX_ATTESTATIONS, name } from '../../cluster/manifest.ts';
import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  ref,
  text,
  upTo,
  type Of,
} from '../../machine/shape.ts';
import { agreementKey, MAX_POD_KEYS } from '../../machine/key-kinds.ts';
import { consentBookShape, permissionShape, USES } from '../../policy/consent-documents.ts';
import { AUTHORISATIONS, consentShape } from '../../policy/documents.ts';
import { podDeletionShape, podId, podPolicyShape } from '../../policy/pod-terms.ts';
import { MAX_DEADLINE_US } from '../../routing/want.ts';
import { dotShape, MAX_SIBLINGS, vectorShape, versionShape } from './pod-version.ts';

/** Uses that a pod has receipts of which its owner has not taken over; above, others have to wait until that is done. */
export const MAX_OPEN_RECEIPTS = 128;
const MAX_RECEIPTS = 1_024;
/** Authorisations for a number of uses under which there were some. */
export const MAX_SPENT = 64;
/** Pod hosts that a cluster can have. */
export const MAX_CIRCLE = 256;
/** Of its last writes a pod remembers who asked for them. */
export const MAX_RECENT = 16;

/** That somebody else was given the data of a pod, and on what ground (R6.2-1): the owner's receipt. */
export const receiptShape = record({
  /** The n-th that a host has written. */
  dot: dotShape,
  /** Who uses it, and who has asked for it on its behalf, by which request. */
  reader: peer,
  asker: peer,
  askerBoot: integer,
  n: integer,
  use: upTo(USES.length - 1),
  purpose: text(128),
  /** Under which authorisation: the hash of the proposal, and of the pattern if there was one. */
  authorisation: upTo(AUTHORISATIONS.length - 1),
  proposal: text(128),
  pattern: text(128),
  /** Which writes were given out. */
  versions: list(dotShape, MAX_SIBLINGS),
  wallUs: integer,
  /** Of an emergency, both locks in full. */
  permission: optional(permissionShape),
});
export type Receipt = Readonly<Of<typeof receiptShape>>;

/** How often a host has given out the data under an authorisation that is for a number of uses. */
export const spentShape = record({ under: text(128), host: peer, epoch: integer, uses: integer });
export type SpentAtHost = Readonly<Of<typeof spentShape>>;

const writeIdShape = record({ writer: peer, writerBoot: integer, n: integer });
export type WriteId = Readonly<Of<typeof writeIdShape>>;

/** What a holder has of a pod. */
export const podCopyShape = record({
  versions: list(versionShape, MAX_SIBLINGS),
  recent: list(writeIdShape, MAX_RECENT),
  receipts: list(receiptShape, MAX_RECEIPTS),
  /** Up to where its owner has taken receipts over: they are no longer kept. */
  taken: vectorShape,
  spent: list(spentShape, MAX_SPENT),
});
export type PodCopy = Readonly<Of<typeof podCopyShape>>;

/** What its owner has said of a pod: every pod host of the cluster keeps it, with a copy or without. */
export const podLawShape = record({
  pod: podId,
  /** Null once it is deleted. */
  policy: optional(podPolicyShape),
  deletion: optional(podDeletionShape),
  /** What was said of consent to uses by others; nothing once it is deleted. */
  book: consentBookShape,
});
export type PodLaw = Readonly<Of<typeof podLawShape>>;

/** On disk: which pod hosts this node has ever known, and when it was last there. */
export const circleRecordShape = record({ hosts: list(peer, MAX_CIRCLE), seenWallUs: integer });
export const podRecordShape = record({ pod: podId, copy: podCopyShape });

export const CIRCLE_KEY = 'pods';
export const podKey = (pod: string): string => `pod/${pod}`;
export const lawKey = (pod: string): string => `pod-law/${pod}`;

/** Bodies of what is said of pods. */
const time = { timeLeftUs: upTo(MAX_DEADLINE_US), notAfterWallUs: integer };
export const leaseBody = record({
  /** Up to where the asker has the laws of this boot of whom it asks. */
  boot: integer,
  seen: integer,
  /** Whether it wants them: gateways do not. */
  wantsLaws: flag,
  region: name,
});
export const MAX_LAWS_TOLD = 8;
export const leasedBody = record({
  boot: integer,
  seen: integer,
  isComplete: flag,
  laws: list(podLawShape, MAX_LAWS_TOLD),
  region: name,
  /** What the host holds itself to be worth (R8.1-2), and what shows it to who has not heard this boot yet. */
  trust: upTo(4),
  attestations: list(attestationShape, MAX_ATTESTATIONS),
  /** What keys of pods are wrapped with for this host; '': it declares no encryption. */
  agreement: agreementKey,
  /** It is to have no more copies, and gives away what it has (R5.1-3). */
  isLeaving: flag,
});
export const podWriteBody = record({
  policy: podPolicyShape,
  content: ref,
  /** What the writer has seen: the write comes after it. */
  context: vectorShape,
  /** Where contents are to be sealed: that the owner lets the gateway do it. For the gateway; hosts are not shown it. */
  opening: optional(consentShape),
  ...time,
});
export const podReadBody = record({
  owner: peer,
  number: integer,
  /** Of the owner, where somebody else reads, and what for. */
  permission: optional(permissionShape),
  use: upTo(USES.length - 1),
  plan: text(128),
  /** Where the gateway lies through which it is read, or the node that is given it; said by that one. */
  region: name,
  /** Where contents are sealed: that the owner lets the gateway open them; and what keys are wrapped with for whoever opens them. */
  opening: optional(consentShape),
  agreement: agreementKey,
  ...time,
});
/** Somebody says something of consent to uses of a pod, or, saying nothing, asks how it stands (R6.2-4). */
export const podConsentBody = record({
  owner: peer,
  number: integer,
  told: consentBookShape,
  /** The owner has taken over the receipts up to here. */
  taken: vectorShape,
  ...time,
});
/** What the asker may see of it, and the receipts for the owner. */
export const podConsentedBody = record({
  pod: podId,
  book: consentBookShape,
  receipts: list(receiptShape, MAX_RECEIPTS),
  taken: vectorShape,
  /** For the owner: something in it is sealed, so that no agent is given it (R6.1-4). */
  hasSealed: flag,
});
export const podDeleteBody = record({
  deletion: podDeletionShape,
  /** Every pod host that the gateway has ever known; said by that one. */
  circle: list(peer, MAX_CIRCLE),
  ...time,
});
export const podPolicyBody = record({ policy: podPolicyShape, ...time });
export const podWrittenBody = record({
  /** What its writer has seen now: the context of what is written next. */
  vector: vectorShape,
  /** Only one holder has it: the policy permits no second, or there is none. */
  isFragile: flag,
  primary: peer,
});
/** A key of a pod, wrapped for one KEYS. */
export const wrappedKeyShape = record({ keyId: integer, wrapped: ref });
export type WrappedKey = Readonly<Of<typeof wrappedKeyShape>>;
export const podFoundBody = record({
  policy: podPolicyShape,
  copy: podCopyShape,
  /** For whoever opens them: the keys that the contents are sealed with. */
  keys: list(wrappedKeyShape, MAX_POD_KEYS),
  /** Who was given it for a use has to begin within so long after asking, or ask again; 0: its owner has all time. */
  leftUs: integer,
});
/** A gateway asks for a key of the pod, to seal what its owner writes: what it asks is what a write asks, and the owner's word for it. */
export const podKeyBody = record({
  policy: podPolicyShape,
  opening: optional(consentShape),
  agreement: agreementKey,
  region: name,
  ...time,
});
export const podKeyGivenBody = record({ pod: podId, key: wrappedKeyShape });
export const podKeyCopyBody = record({ policy: podPolicyShape, key: wrappedKeyShape, byWallUs: integer });
export const podDeletedBody = record({
  pod: podId,
  /** Whether every pod host has confirmed; otherwise who is missing. */
  isCertified: flag,
  missing: list(peer, MAX_CIRCLE),
  by: peer,
  atWallUs: integer,
  signature: text(256),
});
export const podRuledBody = record({ pod: podId, version: integer });
export const podCopyBody = record({
  policy: podPolicyShape,
  copy: podCopyShape,
  /** The sender's own count of what it holds: comes back. */
  revision: integer,
  /** A write that its owner waits for, until then: it needs no lease. 0: none does. */
  byWallUs: integer,
});
export const podOfferBody = record({
  pod: podId,
  revision: integer,
  print: text(128),
  /** Of the versions alone. */
  contents: text(128),
});
/** What comes of a copy or an offer. The numbers are on the wire: never reused. */
export const KEEPINGS = ['kept', 'refused', 'wanted', 'records-wanted'] as const;
export const KEPT = 0;
export const NOT_KEPT = 1;
export const WANTED = 2;
/** It has the same versions: what is new is who has used them. */
export const RECORDS_WANTED = 3;
export const podKeptBody = record({
  pod: podId,
  revision: integer,
  keeping: upTo(KEEPINGS.length - 1),
  /** Names of the keys of the pod that are on disk there. */
  keys: list(integer, MAX_POD_KEYS),
  /** What the sender should know. */
  law: optional(podLawShape),
});
export const podLawBody = record({
  law: podLawShape,
  /** The sender's own count of what it has said of laws: comes back. */
  seq: integer,
});
export const podLawKeptBody = record({
  pod: podId,
  version: integer,
  isDeleted: flag,
  /** What its sender has said up to there is on disk. */
  seq: integer,
  /** How long nodes that were given the data before may still begin to use them. */
  inUseUs: integer,
  /** Whom the confirmer knows as pod hosts: they must confirm, too. */
  circle: list(peer, MAX_CIRCLE),
});
export type Lease = Readonly<Of<typeof leaseBody>>;
export type Leased = Readonly<Of<typeof leasedBody>>;
export type PodWrite = Readonly<Of<typeof podWriteBody>>;
export type PodConsent = Readonly<Of<typeof podConsentBody>>;
export type PodConsented = Readonly<Of<typeof podConsentedBody>>;
export type PodRead = Readonly<Of<typeof podReadBody>>;
export type PodDelete = Readonly<Of<typeof podDeleteBody>>;
export type PodRule = Readonly<Of<typeof podPolicyBody>>;
export type PodWritten = Readonly<Of<typeof podWrittenBody>>;
export type PodFound = Readonly<Of<typeof podFoundBody>>;
export type PodDeleted = Readonly<Of<typeof podDeletedBody>>;
export type PodRuled = Readonly<Of<typeof podRuledBody>>;
export type PodCopied = Readonly<Of<typeof podCopyBody>>;
export type PodOffer = Readonly<Of<typeof podOfferBody>>;
export type PodKept = Readonly<Of<typeof podKeptBody>>;
export type PodLawTold = Readonly<Of<typeof podLawBody>>;
export type PodKeyWanted = Readonly<Of<typeof podKeyBody>>;
export type PodKeyGiven = Readonly<Of<typeof podKeyGivenBody>>;
export type PodKeyCopied = Readonly<Of<typeof podKeyCopyBody>>;
export type PodLawKept = Readonly<Of<typeof podLawKeptBody>>;
