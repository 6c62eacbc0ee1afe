/** What an owner has said of a pod, and what a host has told of it: it goes with the archive, as it was signed. */
import type { Peer } from '../../core/base/peers.ts';
import { list, optional, record, type Of } from '../../core/machine/shape.ts';
import { isBookSigned } from '../../core/policy/consent-book.ts';
import {
  consentBookShape,
  EXECUTE,
  MAX_CONSENT_US,
  READING_USE,
  STANDING,
  UNDERSTOOD,
  type ConsentBook,
  type Matter,
  type Pattern,
} from '../../core/policy/consent-documents.ts';
import { patternHash, proposedHash } from '../../core/policy/consent-hashes.ts';
import { findPodPolicyFault, isDeletionSigned, podIdOf } from '../../core/policy/pod-documents.ts';
import { podDeletionShape, podPolicyShape } from '../../core/policy/pod-terms.ts';
import { receiptShape } from '../../core/roles/pods/pod-records.ts';
import { LiveIds } from '../identity.ts';
import { fromJson, JsonFault, toJson } from '../json-shape.ts';
import { ArchiveFault } from './fault.ts';
import type { Consented } from './solid-access.ts';

const MAX_RECEIPTS = 1_024;

const documentsShape = record({
  /** Null: the pod is deleted. */
  policy: optional(podPolicyShape),
  /** That the pod is to be no more: whoever takes the archive in must not bring it back. */
  deletion: optional(podDeletionShape),
  /** What was said of consent to uses by others, and taken back. It names the pod by its owner and number, so it holds wherever the pod is. */
  consent: consentBookShape,
  /** Who has used it, by the word of its last hosts: none elsewhere can vouch for that, so it stays with the archive. */
  receipts: list(receiptShape, MAX_RECEIPTS),
});
export type OwnerDocuments = Readonly<Of<typeof documentsShape>>;

export function documentsToJson(documents: OwnerDocuments, ids: LiveIds): unknown {
  return toJson(documentsShape, documents, (of) => ids.idOf(of));
}

/** Throws ArchiveFault, unless all of it is the owner's and of this pod. */
export function documentsFromJson(
  json: unknown,
  ids: LiveIds,
  owner: Peer,
  number: number,
  where: string,
): OwnerDocuments {
  let documents: OwnerDocuments;
  try {
    documents = fromJson(documentsShape, json, ids, where) as OwnerDocuments;
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error;
    throw new ArchiveFault(where, error.message);
  }
  const fault = findDocumentFault(documents, ids, owner, number);
  if (fault !== null) throw new ArchiveFault(`${where}.${fault.field}`, fault.message);
  return documents;
}

interface DocumentFault {
  readonly field: string;
  readonly message: string;
}

function findDocumentFault(
  { policy, deletion, consent }: OwnerDocuments,
  ids: LiveIds,
  owner: Peer,
  number: number,
): DocumentFault | null {
  if (policy !== null) {
    const isOfPod = policy.terms.owner === owner && policy.terms.number === number;
    const fault = isOfPod ? findPodPolicyFault(ids, policy) : 'is of another pod';
    if (fault !== null) return { field: 'policy', message: fault };
  }
  if (deletion !== null) {
    if (deletion.owner !== owner || deletion.number !== number)
      return { field: 'deletion', message: 'is of another pod' };
    if (!isDeletionSigned(ids, deletion))
      return { field: 'deletion', message: 'the owner has not signed it' };
  }
  if ((policy === null) === (deletion === null))
    return { field: 'policy', message: 'a pod has either a policy or a deletion' };
  const pod = podIdOf(ids, owner, number);
  if (!isBookSigned(ids, owner, pod, consent))
    return { field: 'consent', message: 'not all of it is signed by whom it is of, for this pod' };
  return null;
}

/** Whom the owner lets read, and what of that others cannot be told of. */
export function consentedIn(
  { consent }: OwnerDocuments,
  ids: LiveIds,
  owner: Peer,
  number: number,
): Consented[] {
  const pod = podIdOf(ids, owner, number);
  return [
    ...consent.patterns
      .filter(({ terms }) => terms.pods.includes(pod))
      .flatMap((pattern) => ofPattern(pattern, consent, ids)),
    ...consent.matters.flatMap((matter) => ofMatter(matter, consent, ids)),
  ];
}

function ofPattern({ terms }: Pattern, book: ConsentBook, ids: LiveIds): Consented[] {
  const { authorisation, proposer, use, uses, wallUs } = terms;
  if (authorisation !== STANDING || proposer === null || use !== READING_USE) return [];
  if (isWithdrawn(book, patternHash(ids, terms), wallUs)) return [];
  const untilWallUs = Math.min(terms.untilWallUs, wallUs + MAX_CONSENT_US);
  return [{ id: ids.idOf(proposer), untilWallUs, limit: uses > 0 ? COUNTED : null }];
}

function ofMatter(
  { proposal: { terms }, understood, decided }: Matter,
  book: ConsentBook,
  ids: LiveIds,
): Consented[] {
  if (understood?.said !== UNDERSTOOD || decided?.said !== EXECUTE || terms.use !== READING_USE) return [];
  if (isWithdrawn(book, proposedHash(ids, terms), decided.wallUs)) return [];
  const untilWallUs = Math.min(terms.untilWallUs, decided.untilWallUs, decided.wallUs + MAX_CONSENT_US);
  const limit = terms.uses > 0 ? COUNTED : terms.regions.length > 0 ? PLACED : null;
  return [{ id: ids.idOf(terms.proposer), untilWallUs, limit }];
}

const COUNTED = 'the consent is for a number of uses, which nobody would count';
const PLACED = 'the consent is for some regions, which nobody would look at';

function isWithdrawn({ withdrawals, all }: ConsentBook, hash: string, signedUs: number): boolean {
  return withdrawals.some(({ target }) => target === hash) || (all !== null && signedUs <= all.wallUs);
}
