import { name } from '../cluster/manifest.ts';
import { ERROR_CODES, STAGES } from '../routing/outcomes.ts';
import { struckList } from '../routing/request-bodies.ts';
import { address } from '../trust/documents.ts';
import { DISK_CONDITIONS } from './disk-conditions.ts';
import { diskEntryShape, diskKey, MAX_DISK_PAGE, storeShape } from './disk-records.ts';
import { flag, integer, list, optional, peer, record, ref, text, upTo, type Of } from './shape.ts';

/** What a node says to its devices, and they to it. */

export const condition = upTo(DISK_CONDITIONS.length - 1);
/** Of what is there, in the order of keys, the page of entries whose keys come after this one; '' is before all. */
export const loadBody = record({ after: diskKey });
export const loadedBody = record({
  entries: list(diskEntryShape, MAX_DISK_PAGE),
  /** Keys of the page under which something lies that fails its checksum. */
  corrupt: list(diskKey, MAX_DISK_PAGE),
  /** Where the next page begins; '' if this is the last. */
  next: diskKey,
  condition,
});
export const storedBody = record({ condition });
/** Contents that a model can be given besides its prompt. */
export const MAX_CONTEXTS = 256;
export const inferBody = record({
  model: name,
  /** The id of the version of a model that moves; '' of others. */
  version: text(128),
  prompt: ref,
  /** What it is given besides. */
  contexts: list(ref, MAX_CONTEXTS),
  contextTokens: integer,
  maxTokens: integer,
});
export const inferredBody = record({
  answer: optional(ref),
  generatedTokens: integer,
  provider: text(64),
  computedUs: integer,
  error: text(256),
});
export const signBody = record({ hash: text(128) });
export const signedBody = record({ signature: text(256) });
/** Who listens there? `peer` null: whoever does. The driver asks for a proof of the key. */
export const dialBody = record({ peer: optional(peer), address });
export const dialledBody = record({
  /** Who has proved to listen there; null if nobody has. */
  peer: optional(peer),
  isReached: flag,
  /** Why not, for people. */
  detail: text(512),
});
export const routeBody = record({ peer, address });
/** Characters of a reason that a node gives its observer. */
export const MAX_WHY = 256;

export const notedBody = record({
  /** What happened, see NOTES. */
  note: upTo(63),
  model: text(128),
  /** Whom the decision chose or heard from, or NOBODY as the node itself. */
  chosen: peer,
  stage: upTo(STAGES.length - 1),
  code: upTo(ERROR_CODES.length - 1),
  struck: struckList,
  /** Why, in words, where the numbers do not say it. */
  why: text(MAX_WHY),
});

export type Load = Readonly<Of<typeof loadBody>>;
export type Store = Readonly<Of<typeof storeShape>>;
export type Loaded = Readonly<Of<typeof loadedBody>>;
export type Stored = Readonly<Of<typeof storedBody>>;
export type Infer = Readonly<Of<typeof inferBody>>;
export type Inferred = Readonly<Of<typeof inferredBody>>;
export type Sign = Readonly<Of<typeof signBody>>;
export type Signed = Readonly<Of<typeof signedBody>>;
export type Dial = Readonly<Of<typeof dialBody>>;
export type Dialled = Readonly<Of<typeof dialledBody>>;
export type Route = Readonly<Of<typeof routeBody>>;
export type Noted = Readonly<Of<typeof notedBody>>;
