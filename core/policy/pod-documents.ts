import type { Peer, Pure } from '../base/peers.ts';
import { hashDocument } from '../machine/codec.ts';
import { integer, peer, record, text } from '../machine/shape.ts';
import { findPolicyFault } from './location-policy.ts';
import { podId, termsShape, type PodDeletion, type PodPolicy, type PolicyTerms } from './pod-terms.ts';

const namedShape = record({ what: text(32), owner: peer, number: integer });

const signedTermsShape = record({ what: text(32), terms: termsShape });
function hashOf(pure: Pure, what: string, owner: Peer, number: number): string {
  return hashDocument(pure, namedShape, { what, owner, number });
}

export function podIdOf(pure: Pure, owner: Peer, number: number): string {
  return hashOf(pure, 'pod', owner, number);
}

/** What an owner signs to have a pod deleted. */
export function deletionHash(pure: Pure, owner: Peer, number: number): string {
  return hashOf(pure, 'deletion of pod', owner, number);
}

/** What an owner signs of a policy. */
export function policyHash(pure: Pure, terms: PolicyTerms): string {
  return hashDocument(pure, signedTermsShape, { what: 'policy of pod', terms });
}

/** Why a policy of a pod does not hold, or null. */
export function findPodPolicyFault(pure: Pure, { terms, signature }: PodPolicy): string | null {
  if (terms.version < 1) return 'versions of a policy begin with 1';
  const fault = findPolicyFault(terms.homeRegion, terms.policy);
  if (fault !== null) return fault;
  return pure.verify(terms.owner, policyHash(pure, terms), signature)
    ? null
    : 'the owner has not signed the policy';
}

export function isDeletionSigned(pure: Pure, { owner, number, signature }: PodDeletion): boolean {
  return pure.verify(owner, deletionHash(pure, owner, number), signature);
}

const certificateShape = record({ what: text(32), pod: podId, atWallUs: integer });

/** What whoever has heard every pod host signs: no copy that can be read is left. */
export function certificateHash(pure: Pure, pod: string, atWallUs: number): string {
  const document = { what: 'pod is deleted', pod, atWallUs };
  return hashDocument(pure, certificateShape, document);
}

const openingShape = record({ what: text(32), pod: podId, gateway: peer });

/** What an owner consents to who has contents of a pod sealed, and opened again, by a gateway (R6.1-4). */
export function openingHash(pure: Pure, pod: string, gateway: Peer): string {
  return hashDocument(pure, openingShape, { what: 'opening of pod', pod, gateway });
}

const boundShape = record({ what: text(32), pod: podId, writer: peer, writerBoot: integer, n: integer });

/** What a sealed content is bound to: the write that brought it. In the place of another version it does not open. */
export function sealingHash(pure: Pure, pod: string, writer: Peer, writerBoot: number, n: number): string {
  const document = { what: 'sealing of pod', pod, writer, writerBoot, n };
  return hashDocument(pure, boundShape, document);
}
