import { MAX_STAYING, pendingShape } from './affiliation-bodies.ts';
import { DISK, type Peer } from '../../base/peers.ts';
import { NEVER_US, SECOND_US, type Now } from '../../base/time.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { AFFILIATION_KEY, recordOf, type AffiliationRecord } from '../../machine/disk-records.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { NOTE_UNSTORED, STORE, type Store, type Stored } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { note } from '../../machine/speech.ts';
import { podId } from '../../policy/pod-terms.ts';
import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  shared,
  text,
  upTo,
  type Of,
} from '../../machine/shape.ts';
import {
  address,
  certificateShape,
  MAX_OPERATORS,
  MAX_SEEDS,
  operatorSignatureShape,
  seedShape,
  termsShape,
  type Certificate,
} from '../../trust/documents.ts';

/** Whom an answer is owed, under which request. */
export const owedShape = record({
  to: peer,
  origin: peer,
  originBoot: integer,
  n: integer,
  attempt: integer,
});
export type Owed = Of<typeof owedShape>;

/** A newcomer's way into its cluster. */
export const joiningShape = record({
  /** Who has told it to, and waits to hear how it went. */
  order: owedShape,
  /** What was given with the order. */
  certificate: optional(shared(certificateShape)),
  /** Whom it can ask, in turn; the place of the next, and how often it has gone round. */
  contacts: shared(list(seedShape, MAX_SEEDS)),
  next: integer,
  rounds: integer,
  /** Whom it has asked, or NOBODY; under which number it has asked or dialled, and when it stops waiting. */
  asked: peer,
  n: integer,
  dueUs: integer,
  /** What its sponsor said it waits for; and how often that one has since been asked in vain. */
  pending: optional(shared(pendingShape)),
  silent: integer,
});
export type Joining = Of<typeof joiningShape>;

/** An application that a sponsor looks into. One a newcomer. */
export const candidacyShape = record({
  owed: owedShape,
  /** Where it says that it listens; the number of the dial whose answer is waited for, 0: it has been reached there. */
  address,
  dialN: integer,
  certificate: optional(shared(certificateShape)),
  /** What the operators are to sign; null: it has brought a certificate. */
  terms: optional(shared(termsShape)),
  ticket: text(128),
  signatures: list(shared(operatorSignatureShape), MAX_OPERATORS),
  untilUs: integer,
});
export type Candidacy = Of<typeof candidacyShape>;

/** A node that leaves finishes what it has begun, says so, and is gone. */
export const DRAINING = 0;
export const SPREADING = 1;
export const GONE = 2;
export const leavingShape = record({
  order: optional(owedShape),
  stage: upTo(GONE),
  untilUs: integer,
  /** Until when it waits for its pods to be with others; and whether it waits for nothing else any more. */
  podsUntilUs: integer,
  isLate: flag,
  /** Pods that stay on its disk. */
  staying: list(podId, MAX_STAYING),
  stayingCount: integer,
});
/** A node that goes at the end as it has begun. */
export const GONE_FOR_LONG: Leaving = {
  ...{ order: null, stage: GONE, untilUs: NEVER_US, podsUntilUs: 0, isLate: true },
  ...{ staying: [], stayingCount: 0 },
};
export type Leaving = Of<typeof leavingShape>;

const MOST_CANDIDACIES = 4_096;

/** How a node has come to belong to its cluster, beyond what its configuration says. */
export const affiliationShape = record({
  /** That it was admitted after it was configured. */
  certificate: optional(shared(certificateShape)),
  joining: optional(joiningShape),
  /** The number of its STORE that is under way; 0 none. One that has failed is tried again then; NEVER_US: none has. */
  storing: integer,
  storeAtUs: integer,
  candidacies: list(candidacyShape, MOST_CANDIDACIES),
  leaving: optional(leavingShape),
});
export type Affiliation = Of<typeof affiliationShape>;

/** The node's affiliation, which comes to life when it is first needed. */
export function affiliationOf(node: Node): Affiliation {
  return (node.affiliation ??= {
    certificate: null,
    joining: null,
    storing: 0,
    storeAtUs: NEVER_US,
    candidacies: [],
    leaving: null,
  });
}

/** That the node belongs to its cluster; null: it has yet to be admitted. Its operators may have renewed it in the configuration. */
export function certificateOf({ affiliation, config }: Node): Certificate | null {
  return laterOf(affiliation?.certificate ?? null, config.certificate);
}

/** Of two certificates the one that holds longer. */
export function laterOf(left: Certificate | null, right: Certificate | null): Certificate | null {
  if (left === null || right === null) return left ?? right;
  return left.untilWallUs >= right.untilWallUs ? left : right;
}

/** Whether a certificate has run out. */
export function hasRunOut({ untilWallUs }: Certificate, now: Now): boolean {
  return now.wallUs >= untilWallUs;
}

/** Takes another admission, and writes that down. */
export function keepCertificate(node: Node, out: Outbox, certificate: Certificate): void {
  const affiliation = affiliationOf(node);
  affiliation.certificate = certificate;
  storeAffiliation(node, out, affiliation);
}

/** Whether the node takes nothing new, because it is on its way out or has gone. */
export function isDeparting(node: Node): boolean {
  return node.affiliation !== null && node.affiliation.leaving !== null;
}

/** Whether the node has left its cluster, and has not been told to join again. */
export function hasLeft(node: Node): boolean {
  return node.affiliation?.leaving?.stage === GONE;
}

export function owedFor({ from, origin, originBoot, n, attempt }: Envelope): Owed {
  return { to: from, origin, originBoot, n, attempt };
}

/** Answers what was asked some time ago. */
export function pay(
  node: Node,
  out: Outbox,
  { to, origin, originBoot, n, attempt }: Owed,
  kind: number,
  body: unknown,
): void {
  out.send(kind, node.self, to, origin, originBoot, n, attempt, body);
}

/** Whether an order comes from whoever runs the node. */
export function isOrderedBy(node: Node, from: Peer): boolean {
  return node.config.orderedBy.includes(from);
}

/** Until a disk that has not written is asked again. */
const DISK_RETRY_US = SECOND_US;

/** Writes down what the node must know to be again what it is, without asking anybody. */
export function storeAffiliation(node: Node, out: Outbox, kept: Affiliation): void {
  const { certificate } = kept;
  kept.storing = node.nextN++;
  kept.storeAtUs = NEVER_US;
  const affiliation: AffiliationRecord = { certificate, hasLeft: hasLeft(node) };
  const body: Store = { writes: [{ key: AFFILIATION_KEY, record: recordOf({ affiliation }) }] };
  out.send(STORE, node.self, DISK, node.self, node.bootCount, kept.storing, 0, body);
}

/** Its disk has answered; false if that was no question of affiliation. What was not kept is kept in memory, and stored later. */
export function onAffiliationStored(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { affiliation } = node;
  if (affiliation === null || affiliation.storing !== envelope.n || envelope.originBoot !== node.bootCount)
    return false;
  affiliation.storing = 0;
  const { condition } = envelope.body as Stored;
  if (condition === DISK_FINE) return true;
  note(node, out, null, NOTE_UNSTORED, node.self);
  affiliation.storeAtUs = now.monoUs + DISK_RETRY_US;
  return true;
}

/** A restart would undo what its disk has not taken: an admission, or that the node has left. */
export function storeAgain(node: Node, now: Now, out: Outbox, affiliation: Affiliation): void {
  if (now.monoUs >= affiliation.storeAtUs) storeAffiliation(node, out, affiliation);
}

/** Takes over what the disk has kept. */
export function restoreAffiliation(node: Node, { certificate, hasLeft: isGone }: AffiliationRecord): void {
  const affiliation = affiliationOf(node);
  affiliation.certificate = certificate;
  affiliation.leaving = isGone ? { ...GONE_FOR_LONG } : null;
}

/** When joining, sponsoring or leaving next has something to do. */
export function nextAffiliationUs({ affiliation }: Node): number {
  if (affiliation === null) return NEVER_US;
  const { joining, candidacies, leaving, storeAtUs } = affiliation;
  let nextUs = storeAtUs;
  if (joining !== null) nextUs = Math.min(nextUs, joining.dueUs);
  if (leaving !== null) nextUs = Math.min(nextUs, leaving.untilUs);
  for (const { untilUs } of candidacies) nextUs = Math.min(nextUs, untilUs);
  return nextUs;
}
