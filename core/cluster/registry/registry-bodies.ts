import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  text,
  upTo,
  word,
  type Of,
} from '../../machine/shape.ts';
import {
  attestationShape,
  MAX_ATTESTATIONS,
  loadShape,
  manifestShape,
  manifestVersionShape,
} from '../manifest.ts';

/** What nodes say of themselves, and index nodes to each other of them. */

export const announcementShape = record({
  manifest: manifestShape,
  version: manifestVersionShape,
  signature: text(256),
  attestations: list(attestationShape, MAX_ATTESTATIONS),
});
export type Announcement = Readonly<Of<typeof announcementShape>>;

/** Two bodies that one node has signed under one version: whoever sees them can judge for itself (R4-3). */
export const evidenceShape = record({ first: announcementShape, second: announcementShape });
export type Evidence = Readonly<Of<typeof evidenceShape>>;

/** How often a rumour may be passed on, at most: its parameter is lower. */
export const MAX_PASSES = 8;
export const evidenceBody = record({ evidence: evidenceShape, hopsLeft: upTo(MAX_PASSES) });
export type EvidenceFound = Readonly<Of<typeof evidenceBody>>;

/** A node as an index node holds it, in so few words that two can tell who holds the newer. */
const heldShape = record({
  peer,
  version: manifestVersionShape,
  high: word,
  low: word,
  isQuarantined: flag,
});
export type Held = Readonly<Of<typeof heldShape>>;
export const MAX_HELD = 128;

export const directoryBody = record({
  /** Opening: what each part of the sender's directory sums up to, two words a part. Empty in an answer. */
  sums: list(word, 64),
  /** Answer: all whom the sender holds with a rank from … until before …; and whose rows it wants. */
  fromRank: integer,
  untilRank: integer,
  held: list(heldShape, MAX_HELD),
  wanted: list(peer, MAX_HELD),
});
export type DirectoryPart = Readonly<Of<typeof directoryBody>>;

const rowShape = record({
  announced: announcementShape,
  load: optional(loadShape),
  /** How long ago the sender heard the node itself. */
  ageUs: integer,
  hopsLeft: upTo(MAX_PASSES),
});
export type Row = Readonly<Of<typeof rowShape>>;
export const MAX_ROWS = 8;
export const rowsBody = record({ rows: list(rowShape, MAX_ROWS) });
export type Rows = Readonly<Of<typeof rowsBody>>;
