import { name } from '../cluster/manifest.ts';
import { flag, integer, list, optional, peer, record, ref, text, upTo, type Of } from '../machine/shape.ts';
import {
  channelShape,
  entryShape,
  MAX_PAGE,
  MAX_PAGES,
  pageShape,
  verdictShape,
  versionId,
  withdrawalShape,
} from './documents.ts';

/** Documents of one sort that a message brings. */
export const MAX_TOLD = 64;

/** Whoever knows something else than the sender says so. */
export const roundBody = record({ sum: text(128) });
export type ModelRound = Readonly<Of<typeof roundBody>>;

export const modelNewsBody = record({
  entries: list(entryShape, MAX_TOLD),
  channels: list(channelShape, MAX_TOLD),
  withdrawals: list(withdrawalShape, MAX_TOLD),
  verdicts: list(verdictShape, MAX_TOLD),
  /** Whether the sender wants to be told what the receiver knows besides. */
  asks: flag,
});
export type ModelNews = Readonly<Of<typeof modelNewsBody>>;

export const findHoldersBody = record({
  id: versionId,
  /** Whether the holder is to keep its copy for a while, since the asker wants to remove its own. */
  isToKeep: flag,
  /** Whether a bridge that has no copy is to fetch one, from its own cluster or over a border, to hand it on. */
  isToPass: flag,
});
export type FindHolders = Readonly<Of<typeof findHoldersBody>>;

export const holderBody = record({
  id: versionId,
  region: name,
  isWhole: flag,
  /** Whether it keeps its copy for a while, as it was asked to. */
  keeps: flag,
  /** Chunks that it has handed out in the last second. */
  busy: integer,
});
export type Holder = Readonly<Of<typeof holderBody>>;

export const pageWantedBody = record({ id: versionId, page: upTo(MAX_PAGES - 1) });
export const chunkWantedBody = record({
  id: versionId,
  page: upTo(MAX_PAGES - 1),
  place: upTo(MAX_PAGE - 1),
});
export type ChunkWanted = Readonly<Of<typeof chunkWantedBody>>;
export const pageBody = record({ id: versionId, page: upTo(MAX_PAGES - 1), hashes: pageShape });
export type PageBrought = Readonly<Of<typeof pageBody>>;
export const chunkBody = record({
  id: versionId,
  page: upTo(MAX_PAGES - 1),
  place: upTo(MAX_PAGE - 1),
  /** Delivered only when these very bytes lie with the receiver. */
  chunk: ref,
});
export type ChunkBrought = Readonly<Of<typeof chunkBody>>;

/** A part of a version that its publisher puts on a node's disk: all chunks of one of its lists. */
export const stockBody = record({
  entry: entryShape,
  page: upTo(MAX_PAGES - 1),
  hashes: pageShape,
  /** Delivered only when all of them lie with the receiver. */
  chunks: list(ref, MAX_PAGE),
});
export type Stock = Readonly<Of<typeof stockBody>>;

/**
 * An envelope was dropped, since the bytes that its sender handed out are not those of the contents that it names. The envelope that
 * says so has the number of that one.
 */
export const contentFalseBody = record({ peer });
export type ContentFalse = Readonly<Of<typeof contentFalseBody>>;

/** What whoever runs a node tells it to do with a model: the four verbs of §7.2. */
export const MODEL_ORDERS = ['pull', 'remove', 'check', 'update'] as const;
export const ORDER_PULL = 0;
export const ORDER_REMOVE = 1;
export const ORDER_CHECK = 2;
export const ORDER_UPDATE = 3;
export const modelOrderBody = record({ order: upTo(MODEL_ORDERS.length - 1), model: name });
export type ModelOrder = Readonly<Of<typeof modelOrderBody>>;

export const modelStateBody = record({
  model: name,
  /** What runs here, and what the channel points at; null: nothing. */
  installed: optional(record({ id: versionId, version: integer })),
  latest: optional(record({ id: versionId, version: integer })),
  isLoaded: flag,
});
export type ModelState = Readonly<Of<typeof modelStateBody>>;

/** Every chunk of a version, in order, for the accelerator that loads it. */
export const loadModelBody = record({
  id: versionId,
  model: name,
  memoryBytes: integer,
  chunks: list(ref, MAX_PAGE * MAX_PAGES),
});
export type LoadModel = Readonly<Of<typeof loadModelBody>>;
export const unloadModelBody = record({ id: versionId });
export const modelLoadedBody = record({
  id: versionId,
  /** Why it has not been loaded; '' it has. */
  error: text(256),
  /** Whether the reason is that chunks could not be read: that says nothing of the version. */
  isUnread: flag,
});
export type ModelLoaded = Readonly<Of<typeof modelLoadedBody>>;
