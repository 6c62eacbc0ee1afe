/** What an owner has said of a pod, and what a host has told of it: it goes with the archive, as it was signed. */
import type { Peer } from '../core/base/peers.ts';
import { optional, record, type Of } from '../core/machine/shape.ts';
import { findPodPolicyFault, isDeletionSigned } from '../core/policy/pod-documents.ts';
import { podDeletionShape, podPolicyShape } from '../core/policy/pod-terms.ts';
import { LiveIds } from '../live/identity.ts';
import { fromJson, JsonFault, toJson } from '../live/json-shape.ts';
import { ArchiveFault } from './fault.ts';

export const documentsShape = record({
  /** Null: the pod is deleted. */
  policy: optional(podPolicyShape),
  /** That the pod is to be no more: whoever takes the archive in must not bring it back. */
  deletion: optional(podDeletionShape),
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
  { policy, deletion }: OwnerDocuments,
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
  return null;
}
