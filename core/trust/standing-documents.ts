import type { Pure } from '../base/peers.ts';
import { attestationShape, MAX_ATTESTATIONS } from '../cluster/manifest.ts';
import { hashDocument } from '../machine/codec.ts';
import { integer, list, peer, record, text, upTo, type Of } from '../machine/shape.ts';

/** The documents by which trust is earned (R8.1-3): each says who signed it, of whom, and for how long. */

const vouchTerms = {
  voucher: peer,
  subject: peer,
  /** Of what one voucher says of one node the highest version holds. */
  version: integer,
  /** For how much, 2 peer or 3 community; 0: for nothing any more. */
  level: upTo(3),
  fromWallUs: integer,
  untilWallUs: integer,
};
const vouchTermsShape = record(vouchTerms);
export const vouchShape = record({ ...vouchTerms, signature: text(256) });
export type Vouch = Readonly<Of<typeof vouchShape>>;

export function hashVouch(pure: Pure, vouch: Omit<Vouch, 'signature'>): string {
  return hashDocument(pure, vouchTermsShape, vouch);
}

const auditTerms = {
  auditor: peer,
  subject: peer,
  /** The hash of what the audited organisation has disclosed of its finances: never empty. */
  disclosure: text(128),
  /** The availability that it promises. */
  promisedPpm: integer,
  fromWallUs: integer,
  untilWallUs: integer,
};
const auditTermsShape = record(auditTerms);
export const auditShape = record({ ...auditTerms, signature: text(256) });
/** A third party has looked into a node and whoever runs it. */
export type Audit = Readonly<Of<typeof auditShape>>;

export function hashAudit(pure: Pure, audit: Omit<Audit, 'signature'>): string {
  return hashDocument(pure, auditTermsShape, audit);
}

/** What one voucher can say of different nodes in all, and audits that can be brought for one node. */
export const MAX_SUBJECTS = 32;
export const MAX_AUDITS = 4;
const MAX_PASSES = 8;

/** All that one node says in matters of trust: what it is itself worth, for whom it vouches, and how it was audited. */
export const testimonyShape = record({
  speaker: peer,
  attestations: list(attestationShape, MAX_ATTESTATIONS),
  vouches: list(vouchShape, MAX_SUBJECTS),
  audits: list(auditShape, MAX_AUDITS),
});
export type Testimony = Readonly<Of<typeof testimonyShape>>;

export const testimonyBody = record({ testimony: testimonyShape, hopsLeft: upTo(MAX_PASSES) });
export type TestimonyHeard = Readonly<Of<typeof testimonyBody>>;

/** What an index node holds of testimonies, summed up: equal sums, equal documents. */
export const testimonySumBody = record({ sum: text(128), asks: upTo(1) });
export type TestimonySum = Readonly<Of<typeof testimonySumBody>>;

/** What an index node tells a node that it is worth; 0: whatever is attested, it has lost it. */
export const levelBody = record({ level: upTo(4), holdsUs: integer });
export type LevelTold = Readonly<Of<typeof levelBody>>;
