import { name } from '../cluster/manifest.ts';
import { integer, list, optional, peer, record, text, upTo, type Of } from '../machine/shape.ts';

/** Operators that one cluster can have, and so signatures that one certificate can carry. */
export const MAX_OPERATORS = 16;
/** Where a node listens, in the words of its driver: the core passes it on and never reads it. */
export const address = text(256);

/** What founds a cluster: its name, where it lies, and whose keys, how many together, admit nodes (R5.1-2). */
export const genesisShape = record({
  cluster: name,
  region: name,
  operators: list(peer, MAX_OPERATORS),
  /** So many of the operators must sign a certificate. */
  threshold: upTo(MAX_OPERATORS),
});
export type Genesis = Readonly<Of<typeof genesisShape>>;

export const operatorSignatureShape = record({ operator: peer, signature: text(256) });
export type OperatorSignature = Readonly<Of<typeof operatorSignatureShape>>;

const terms = {
  /** The hash of the genesis record of the cluster. */
  genesis: text(128),
  subject: peer,
  fromWallUs: integer,
  untilWallUs: integer,
};
/** What operators sign of a certificate: all but the signatures. */
export const termsShape = record(terms);
export type AdmissionTerms = Readonly<Of<typeof termsShape>>;

export const certificateShape = record({
  ...terms,
  /** In any order; each operator counts once. */
  signatures: list(operatorSignatureShape, MAX_OPERATORS),
});
/** A statement by operators of a cluster that a node belongs to it for so long. */
export type Certificate = Readonly<Of<typeof certificateShape>>;

/** Where a node asks to be let in. Who is there may be unknown until somebody answers. */
export const seedShape = record({ peer: optional(peer), address });
/** Seeds of one node at most. */
export const MAX_SEEDS = 64;
export type Seed = Readonly<Of<typeof seedShape>>;
