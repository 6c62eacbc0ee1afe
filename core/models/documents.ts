import { name } from '../cluster/manifest.ts';
import { flag, integer, list, peer, record, text, upTo, type Of } from '../machine/shape.ts';

/** What publishers sign of models, and nodes of how they fare (R7.1-1). What the signatures are worth is decided in registry.ts. */

/** A version of a model is called by the hash of its terms: `lifeos/sense-maker-v1@sha256:…`. */
export const versionId = text(128);
const hash = text(128);

/** A chunk is at most so large; chunks of a list, and lists of a version: 65,536 chunks of 4 MiB are 256 GiB. */
export const MAX_CHUNK_BYTES = 4 * 1024 * 1024;
export const MAX_PAGE = 256;
export const MAX_PAGES = 256;
const MAX_TEXT_BYTES = 512;
const MAX_REGIONS = 32;

const entryFields = {
  name,
  /** Of the versions of one name a later one has a higher number. */
  version: integer,
  publisher: peer,
  sizeBytes: integer,
  /** Every chunk but the last is so large. */
  chunkBytes: upTo(MAX_CHUNK_BYTES),
  /** The hashes of the lists of chunk hashes, in order: so the entry of a large model stays small. */
  pages: list(hash, MAX_PAGES),
  requiredMemoryBytes: integer,
  licence: text(MAX_TEXT_BYTES),
  purpose: text(MAX_TEXT_BYTES),
  /** Who has looked at it and found it fit. */
  approvals: list(text(MAX_TEXT_BYTES), 16),
  /** Where copies may be, and the regions that are promised to keep one. */
  regions: list(name, MAX_REGIONS),
  keptIn: list(name, MAX_REGIONS),
};
export const entryTermsShape = record(entryFields);
export type EntryTerms = Readonly<Of<typeof entryTermsShape>>;
export const entryShape = record({ ...entryFields, signature: text(256) });
/** A version of a model, as its publisher has signed it. */
export type ModelEntry = Readonly<Of<typeof entryShape>>;

const channelFields = {
  name,
  /** `stable` is the one that nodes follow. */
  channel: text(32),
  publisher: peer,
  /** Of two pointers the one with the higher number counts: a channel only moves forward. */
  sequence: integer,
  id: versionId,
  /** What it pointed at before; '' if this is the first. */
  previous: versionId,
};
export const channelTermsShape = record(channelFields);
export type ChannelTerms = Readonly<Of<typeof channelTermsShape>>;
export const channelShape = record({ ...channelFields, signature: text(256) });
export type Channel = Readonly<Of<typeof channelShape>>;
export const STABLE = 'stable';

const revocationFields = {
  id: versionId,
  publisher: peer,
  /** From then on nobody serves it. */
  untilWallUs: integer,
};
export const revocationTermsShape = record(revocationFields);
export type RevocationTerms = Readonly<Of<typeof revocationTermsShape>>;
export const withdrawalShape = record({ ...revocationFields, signature: text(256) });
/** A publisher's word that a version is not to be served any more. */
export type Withdrawal = Readonly<Of<typeof withdrawalShape>>;

const verdictFields = { id: versionId, judge: peer, isGood: flag };
export const verdictTermsShape = record(verdictFields);
export type VerdictTerms = Readonly<Of<typeof verdictTermsShape>>;
export const verdictShape = record({ ...verdictFields, signature: text(256) });
/** How a version has fared on the node that tried it first. */
export type Verdict = Readonly<Of<typeof verdictShape>>;

/** A list of chunk hashes: its own hash stands in the entry. */
export const pageShape = record({ hashes: list(hash, MAX_PAGE) });
export type Page = Readonly<Of<typeof pageShape>>;

/** How many chunks a version has. */
export function countChunks({ sizeBytes, chunkBytes }: Pick<ModelEntry, 'sizeBytes' | 'chunkBytes'>): number {
  return Math.ceil(sizeBytes / chunkBytes);
}

/** How many chunks one of its lists names. */
export function countOnPage(entry: Pick<ModelEntry, 'sizeBytes' | 'chunkBytes'>, page: number): number {
  return Math.min(MAX_PAGE, countChunks(entry) - page * MAX_PAGE);
}

/** The size of a chunk by its place in the version. */
export function chunkBytesAt(entry: Pick<ModelEntry, 'sizeBytes' | 'chunkBytes'>, place: number): number {
  return Math.min(entry.chunkBytes, entry.sizeBytes - place * entry.chunkBytes);
}
