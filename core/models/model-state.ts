import { owedShape } from '../cluster/affiliation/affiliation.ts';
import { name } from '../cluster/manifest.ts';
import { NEVER_US } from '../base/time.ts';
import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  shared,
  table,
  upTo,
  type Of,
} from '../machine/shape.ts';
import {
  channelShape,
  entryShape,
  MAX_PAGE,
  MAX_PAGES,
  pageShape,
  verdictShape,
  verdictTermsShape,
  versionId,
  withdrawalShape,
  type ModelEntry,
} from './documents.ts';

/** What a cluster knows of models: signed documents, of each sort at most MAX_TOLD; more are refused and counted. */
export const registryShape = record({
  entries: table(versionId, shared(entryShape)),
  /** The pointer of each model's stable channel. */
  channels: table(name, shared(channelShape)),
  withdrawals: table(versionId, shared(withdrawalShape)),
  verdicts: table(versionId, shared(verdictShape)),
});
export type Registry = Of<typeof registryShape>;

const heldPageShape = record({
  hashes: shared(pageShape),
  /** Which of them are here. */
  have: list(flag, MAX_PAGE),
  count: integer,
});
/** What lies here of a version. */
export const heldShape = record({
  pages: list(optional(heldPageShape), MAX_PAGES),
  /** Whether every chunk is on disk: before, nobody is shown anything of it. */
  isWhole: flag,
});
export type Held = Of<typeof heldShape>;

export const currentShape = record({
  /** What runs here; '' nothing yet. */
  id: versionId,
  /** What ran before: it stays until the new one has proven itself. */
  previous: versionId,
  /** Whether this node tries the version for its cluster, and since when. */
  isTrial: flag,
  sinceUs: integer,
  isWanted: flag,
  /** Who else may try what is new is asked first: until when answers are waited for, and whether anybody goes before this node. */
  pollUntilUs: integer,
  pollFor: versionId,
  isOvertaken: flag,
});
export type Current = Of<typeof currentShape>;

/** How the jobs of a version have gone here. */
export const tallyShape = record({ jobs: integer, failures: integer, us: integer, tokens: integer });
export type ModelTally = Of<typeof tallyShape>;

export const LOADING = 0;
export const LOADED = 1;
export const LEAVING = 2;
export const loadStateShape = record({
  id: versionId,
  memoryBytes: integer,
  state: upTo(LEAVING),
  lastUsedUs: integer,
});
export type LoadState = Of<typeof loadStateShape>;
const MAX_LOADS = 64;

export const MAX_HOLDERS = 32;
/** A chunk, or a list of chunks, that is on its way. */
const wantedShape = record({
  holder: peer,
  n: integer,
  page: integer,
  /** −1 is written as MAX_PAGE: the list itself. */
  place: upTo(MAX_PAGE),
  dueUs: integer,
  /** The STORE that is under way; 0: it has not come yet. */
  storing: integer,
});
export type Wanted = Of<typeof wantedShape>;
export const pullShape = record({
  id: versionId,
  holders: list(record({ peer, busy: integer, given: integer }), MAX_HOLDERS),
  wanted: list(wantedShape, 16),
  /** When to ask again who has it, and how often that has been in vain. */
  nextAskUs: integer,
  restUntilUs: integer,
  tries: integer,
});
export type Pull = Of<typeof pullShape>;

/** A copy that is to go, if every region that is promised one keeps another. */
export const removalShape = record({
  owed: owedShape,
  name,
  id: versionId,
  /** Regions that are promised a copy, and where nobody has said yet that it keeps one. */
  open: list(name, 32),
  untilUs: integer,
});

export const MAX_ASKERS = 32;
const passingShape = record({
  /** It is erased when nobody has asked for it until then. */
  untilUs: integer,
  /** Whether the node's own cluster wants it: only then is it fetched over a border, so that it crosses one and not two. */
  isForOwn: flag,
  /** Who has asked and is told when it is here. */
  askers: list(peer, MAX_ASKERS),
});

const stockingShape = record({ owed: owedShape, id: versionId, page: integer, n: integer });
export const MAX_STOCKING = 16;

const waitingShape = record({ owed: owedShape, order: integer, name });
export const MAX_WAITING = 16;

/** Models on a node (§7): what is known of them, what lies here, what runs, what is under way. */
export const modelHostShape = record({
  registry: registryShape,
  held: table(versionId, heldShape),
  currents: table(name, currentShape),
  tallies: table(versionId, tallyShape),
  loads: list(loadStateShape, MAX_LOADS),
  pull: optional(pullShape),
  /** Who has handed out what is not true: it is asked no more. */
  liars: list(peer, MAX_HOLDERS),
  /** What a bridge has, or fetches, to hand it on. */
  passing: table(versionId, passingShape),
  /** What publishers have put here, and the disk has not kept yet. */
  stocking: list(stockingShape, MAX_STOCKING),
  removal: optional(removalShape),
  /** Orders that are answered when they have been carried out. */
  waiting: list(waitingShape, MAX_WAITING),
  /** Copies that others rely on, and until when. */
  kept: table(versionId, integer),
  /** A verdict that is being signed: the number of the SIGN, 0 none. */
  signing: optional(record({ n: integer, terms: verdictTermsShape })),
  nextRoundUs: integer,
  /** When rollouts are next looked at. */
  nextLookUs: integer,
  /** Chunks handed out, now and in the second before. */
  handed: integer,
});
export type ModelHost = Of<typeof modelHostShape>;

export function createModelHost(): ModelHost {
  return {
    registry: {
      entries: new Map(),
      channels: new Map(),
      withdrawals: new Map(),
      verdicts: new Map(),
    },
    held: new Map(),
    currents: new Map(),
    tallies: new Map(),
    loads: [],
    pull: null,
    liars: [],
    passing: new Map(),
    stocking: [],
    removal: null,
    waiting: [],
    kept: new Map(),
    signing: null,
    nextRoundUs: NEVER_US,
    nextLookUs: NEVER_US,
    handed: 0,
  };
}

/** The keys of a table in an order of their own: that of insertion means nothing. */
export function keysInOrder(of: ReadonlyMap<string, unknown>): string[] {
  return [...of.keys()].sort((left, right) => (left < right ? -1 : 1));
}

export function entryOf({ registry }: ModelHost, id: string): ModelEntry | null {
  return registry.entries.get(id) ?? null;
}

/** What the stable channel of a model points at, if that is known; or null. */
export function stableOf({ registry }: ModelHost, model: string): string | null {
  const pointer = registry.channels.get(model);
  return pointer === undefined || !registry.entries.has(pointer.id) ? null : pointer.id;
}
