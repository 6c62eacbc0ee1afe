import type { Peer } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { CHUNK, HOLDER, MODEL_PAGE } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import type { Ref } from '../machine/shape.ts';
import { reply } from '../machine/speech.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { ownTrust } from '../trust/attestation.ts';
import { mayDo } from '../trust/operations.ts';
import { chunkBytesAt, countOnPage, MAX_PAGE, type ModelEntry } from './documents.ts';
import { hashOfPage } from './hashes.ts';
import type { ChunkBrought, ChunkWanted, FindHolders, Holder, PageBrought } from './model-bodies.ts';
import { entryOf, keysInOrder, type Held, type ModelHost } from './model-state.ts';
import { heldKey, modelRecordOf, type HeldRecord, type ModelRecord } from './model-record.ts';
import { storeModels } from './model-store.ts';
import { mayGoTo, wantToPass } from './passing.ts';

/** What lies on a node's disk of versions, and how it hands it out (R7.2-1). */

export function isWhole(host: ModelHost, id: string): boolean {
  return host.held.get(id)?.isWhole === true;
}

/** Whether this node hands a version out: it has all of it, and is worth it (R8.1-2), and the copy may go there. */
function maySeed(node: Node, host: ModelHost, now: Now, to: Peer, id: string): boolean {
  if (!mayGoTo(node, host, now, to, id)) return false;
  return isWhole(host, id) && mayDo(ownTrust(node, now), 'seed-model');
}

/** Who looks for holders hears who has the whole of it; whoever is asked to keeps its copy for a while. */
export function onFindHolders(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { id, isToKeep, isToPass } = envelope.body as FindHolders;
  if (isToPass) wantToPass(node, host, now, envelope.from, id);
  const has = maySeed(node, host, now, envelope.from, id);
  // Whoever is about to remove its own copy can promise nothing; so of two that ask each other neither removes.
  const keeps = isToKeep && has && host.removal?.id !== id;
  if (keeps) host.kept.set(id, now.monoUs + node.config.parameters.keepCopyUs);
  const { region } = node.config.manifest;
  const body: Holder = { id, region, isWhole: has, keeps, busy: host.handed };
  reply(node, out, envelope, HOLDER, body);
}

export function onPageWanted(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { id, page } = envelope.body as { id: string; page: number };
  const has = maySeed(node, host, now, envelope.from, id);
  const held = has ? (host.held.get(id)!.pages[page] ?? null) : null;
  if (held === null) {
    denyHolding(node, host, out, envelope, id);
    return;
  }
  const body: PageBrought = { id, page, hashes: held.hashes };
  reply(node, out, envelope, MODEL_PAGE, body);
}

export function onChunkWanted(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { id, page, place } = envelope.body as ChunkWanted;
  const entry = entryOf(host, id);
  const has = maySeed(node, host, now, envelope.from, id);
  const hash = has ? host.held.get(id)!.pages[page]?.hashes.hashes[place] : undefined;
  const chunk = entry === null || hash === undefined ? null : refOfChunk(entry, page, place, hash);
  if (chunk === null) {
    denyHolding(node, host, out, envelope, id);
    return;
  }
  host.handed++;
  const body: ChunkBrought = { id, page, place, chunk };
  reply(node, out, envelope, CHUNK, body);
}

function denyHolding(node: Node, host: ModelHost, out: Outbox, envelope: Envelope, id: string): void {
  const { region } = node.config.manifest;
  const body: Holder = { id, region, isWhole: false, keeps: false, busy: host.handed };
  reply(node, out, envelope, HOLDER, body);
}

export function refOfChunk(entry: ModelEntry, page: number, place: number, hash: string): Ref {
  return { hash, sizeBytes: chunkBytesAt(entry, page * MAX_PAGE + place), keyId: 0 };
}

/** Every chunk of a version that is here as a whole. */
export function chunksOf(host: ModelHost, id: string): Ref[] {
  const entry = entryOf(host, id);
  const held = host.held.get(id);
  if (entry === null || held === undefined) return [];
  return held.pages.flatMap((page, i) =>
    (page?.hashes.hashes ?? []).map((hash, place) => refOfChunk(entry, i, place, hash)),
  );
}

/** Where there is nothing yet of a version, there is room for all of it. */
export function openHeld(host: ModelHost, id: string, entry: ModelEntry): Held {
  let held = host.held.get(id);
  if (held === undefined) {
    held = { pages: entry.pages.map(() => null), isWhole: false };
    host.held.set(id, held);
  }
  return held;
}

/** Takes a list of chunks for true if it hashes to what the publisher has signed. */
export function takePage(
  node: Node,
  held: Held,
  entry: ModelEntry,
  page: number,
  hashes: readonly string[],
): boolean {
  const list = { hashes: hashes as string[] };
  if (page >= entry.pages.length || hashes.length !== countOnPage(entry, page)) return false;
  if (hashOfPage(node.pure, list) !== entry.pages[page]) return false;
  held.pages[page] = { hashes: list, have: hashes.map(() => false), count: 0 };
  return true;
}

/** Whether the last chunk has come. */
export function completes(held: Held): boolean {
  return held.pages.every((page) => page !== null && page.count === page.hashes.hashes.length);
}

/** Writes down a list of chunks with those of them that are here; returns the number of the STORE. */
export function storePage(
  node: Node,
  out: Outbox,
  entry: ModelEntry,
  id: string,
  held: Held,
  page: number,
): number {
  const { hashes, have } = held.pages[page]!;
  const chunks = hashes.hashes.flatMap((hash, place) =>
    have[place] ? [refOfChunk(entry, page, place, hash)] : [],
  );
  const record: HeldRecord = { id, page, hashes, chunks };
  return storeModels(node, out, [{ key: heldKey(id, page), record: modelRecordOf({ held: record }) }]);
}

/** What the disk has kept of a version; what does not fit its entry is left out when that is known. */
export function restoreHeld(host: ModelHost, { id, page, hashes, chunks }: HeldRecord): void {
  let held = host.held.get(id);
  if (held === undefined) host.held.set(id, (held = { pages: [], isWhole: false }));
  while (held.pages.length <= page) held.pages.push(null);
  const kept = new Set(chunks.map(({ hash }) => hash));
  const have = hashes.hashes.map((hash) => kept.has(hash));
  held.pages[page] = { hashes, have, count: have.filter((one) => one).length };
}

/** Looks at what was restored: what hashes to nothing that a publisher has signed is not taken for a model. */
export function checkRestored(node: Node, host: ModelHost): void {
  for (const id of keysInOrder(host.held)) {
    const held = host.held.get(id)!;
    const entry = entryOf(host, id);
    if (entry === null) {
      host.held.delete(id);
      continue;
    }
    while (held.pages.length < entry.pages.length) held.pages.push(null);
    held.pages.length = entry.pages.length;
    held.pages.forEach((page, i) => {
      if (page !== null && hashOfPage(node.pure, page.hashes) !== entry.pages[i]) held.pages[i] = null;
    });
    held.isWhole = completes(held);
  }
}

/** Erases a copy, or what there is of one. */
export function eraseHeld(node: Node, host: ModelHost, out: Outbox, id: string): void {
  const held = host.held.get(id);
  if (held === undefined) return;
  const records = held.pages.map((_, page): { key: string; record: ModelRecord | null } => ({
    key: heldKey(id, page),
    record: null,
  }));
  host.held.delete(id);
  storeModels(node, out, records);
}

/** What lies here of models, whole or not, and is on its way. */
export function heldBytes(host: ModelHost): number {
  let bytes = 0;
  for (const id of host.held.keys()) bytes += entryOf(host, id)?.sizeBytes ?? 0;
  return bytes;
}

/** Whether this node may have a copy. */
export function isAllowedHere(node: Node, entry: ModelEntry): boolean {
  return isRegionAllowed(entry.regions, node.config.manifest.region);
}
