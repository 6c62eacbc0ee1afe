import { name } from '../cluster/manifest.ts';
import { integer, peer, record, text, type Of } from '../machine/shape.ts';
import { locationPolicyShape } from './location-policy.ts';

/** A pod is named by a hash of who owns it and which of theirs it is: nobody else can say anything of it, and it tells nothing. */
export const podId = text(128);

export const termsShape = record({
  owner: peer,
  /** Which of the owner's pods. */
  number: integer,
  /** From 1; the highest holds. */
  version: integer,
  homeRegion: name,
  policy: locationPolicyShape,
  /** When the pod began, which its retention counts from. */
  sinceWallUs: integer,
});
export type PolicyTerms = Readonly<Of<typeof termsShape>>;

/** Where the data of a pod may be, signed by its owner. */
export const podPolicyShape = record({ terms: termsShape, signature: text(256) });
export type PodPolicy = Readonly<Of<typeof podPolicyShape>>;

/** That a pod is to be no more, signed by its owner: it cannot be taken back. */
export const podDeletionShape = record({ owner: peer, number: integer, signature: text(256) });
export type PodDeletion = Readonly<Of<typeof podDeletionShape>>;
