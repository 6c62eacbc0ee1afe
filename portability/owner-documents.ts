/** What an owner has said of a pod, and what a host has told of it: it goes with the archive, as it was signed. */
import type { Peer } from '../core/base/peers.ts';
import { list, optional, peer, record, type Of } from '../core/machine/shape.ts';
import { findConsentFault } from '../core/policy/consent.ts';
import { consentShape } from '../core/policy/documents.ts';
import { findPodPolicyFault, isDeletionSigned, podIdOf, readingHash } from '../core/policy/pod-documents.ts';
import { podDeletionShape, podPolicyShape } from '../core/policy/pod-terms.ts';
import { accessShape, MAX_ACCESSES } from '../core/roles/pods/pod-records.ts';
import { LiveIds } from '../live/identity.ts';
import { fromJson, JsonFault, toJson } from '../live/json-shape.ts';
import { ArchiveFault } from './fault.ts';

export const MAX_GRANTS = 256;

/** That somebody may read the pod, with both locks of its owner. It names the pod by its owner and number, so it holds wherever the pod is. */
const grantShape = record({ reader: peer, consent: consentShape });

export const documentsShape = record({
  /** Null: the pod is deleted. */
  policy: optional(podPolicyShape),
  /** That the pod is to be no more: whoever takes the archive in must not bring it back. */
  deletion: optional(podDeletionShape),
  grants: list(grantShape, MAX_GRANTS),
  /** Who has read it, by the word of its last host: no host elsewhere can vouch for that, so it stays with the archive. */
  accesses: list(accessShape, MAX_ACCESSES),
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
  { policy, deletion, grants }: OwnerDocuments,
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
  for (const [i, { reader, consent }] of grants.entries()) {
    // At the beginning of time: one that has run out since is carried, and of no effect anywhere.
    const fault = findConsentFault(
      ids,
      { monoUs: 0, wallUs: 0 },
      consent,
      owner,
      readingHash(ids, pod, reader),
    );
    if (fault !== null) return { field: `grants[${i}]`, message: fault };
  }
  return null;
}
