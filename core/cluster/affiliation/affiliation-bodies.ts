import { podId } from '../../policy/pod-terms.ts';
import { integer, list, optional, peer, record, text, upTo, type Of } from '../../machine/shape.ts';
import {
  address,
  certificateShape,
  MAX_OPERATORS,
  MAX_SEEDS,
  seedShape,
  termsShape,
} from '../../trust/documents.ts';
import { manifestShape, manifestVersionShape } from '../manifest.ts';

export const applicationShape = record({
  manifest: manifestShape,
  version: manifestVersionShape,
  signature: text(256),
  address,
});
/** Of a newcomer: who it is. Of whoever runs a node: go and join, there if seeds are named, and with this certificate if there is one. */
export const joinShape = record({
  application: optional(applicationShape),
  certificate: optional(certificateShape),
  seeds: list(seedShape, MAX_SEEDS),
});
/** The ticket is the hash of the terms: what an operator signs to admit the applicant. */
export const approveShape = record({ ticket: text(128), signature: text(256) });

export const joinedShape = record({ certificate: certificateShape });
export const pendingShape = record({
  ticket: text(128),
  /** Who keeps it, and takes the signatures. */
  sponsor: peer,
  /** The terms, so that an operator can see what it is to sign. */
  terms: termsShape,
  /** Operators who have signed, and how many must. */
  signed: upTo(MAX_OPERATORS),
  needed: upTo(MAX_OPERATORS),
});

export type Application = Readonly<Of<typeof applicationShape>>;
export type Join = Readonly<Of<typeof joinShape>>;
export type Approve = Readonly<Of<typeof approveShape>>;
export type Joined = Readonly<Of<typeof joinedShape>>;
export type Pending = Readonly<Of<typeof pendingShape>>;

/** Pods that one answer may name. */
export const MAX_STAYING = 64;
/** The node has left; which pods stay on its disk, since nobody else may have them or nobody has taken them in time, and how many. */
export const leftShape = record({ staying: list(podId, MAX_STAYING), stayingCount: integer });
export type Left = Readonly<Of<typeof leftShape>>;
