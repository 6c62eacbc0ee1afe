import type { Peer } from '../core/base/peers.ts';
import { recordOf, type DiskRecord } from '../core/machine/disk-records.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import * as kinds from '../core/machine/kinds.ts';
import {
  STABLE,
  type Channel,
  type EntryTerms,
  type ModelEntry,
  type Withdrawal,
} from '../core/models/documents.ts';
import { channelHash, hashOfPage, idOfEntry, pagesOf, withdrawalHash } from '../core/models/hashes.ts';
import { refOfChunk } from '../core/models/holding.ts';
import type { ModelNews } from '../core/models/model-bodies.ts';
import {
  channelKey,
  currentKey,
  entryKey,
  heldKey,
  modelRecordOf,
  type ModelRecord,
} from '../core/models/model-record.ts';
import { envelopeOf, namesOf, Rig, SECOND_US, type NodeSpec } from './rig.ts';

/** The publisher of tests, and a cluster of nodes that take its word. */

export interface Release {
  readonly id: string;
  readonly entry: ModelEntry;
  readonly hashes: readonly string[];
}

export const PUBLISHER = 'publisher';
const MODEL = 'm';
const CHUNK_BYTES = 1_000;

/** A version of the model `m`, of so many chunks. */
export function release(rig: Rig, version: number, chunks = 10, changes: Partial<EntryTerms> = {}): Release {
  const { cast } = rig;
  const hashes = Array.from({ length: chunks }, (_, i) => `${MODEL}${version}.${i}`);
  const terms: EntryTerms = {
    name: MODEL,
    version,
    publisher: cast.peer(PUBLISHER),
    sizeBytes: chunks * CHUNK_BYTES - 1,
    chunkBytes: CHUNK_BYTES,
    pages: pagesOf(hashes).map((page) => hashOfPage(cast, page)),
    requiredMemoryBytes: 8e9,
    licence: 'MIT',
    purpose: 'tests',
    approvals: [],
    regions: ['eu'],
    keptIn: [],
    ...changes,
  };
  const id = idOfEntry(cast, terms);
  return { id, entry: { ...terms, signature: cast.sign(terms.publisher, id) }, hashes };
}

export function pointTo(rig: Rig, { id, entry }: Release, sequence: number, previous = ''): Channel {
  const publisher = rig.peer(PUBLISHER);
  const terms = { name: entry.name, channel: STABLE, publisher, sequence, id, previous };
  return { ...terms, signature: rig.cast.sign(publisher, channelHash(rig.cast, terms)) };
}

export function withdraw(rig: Rig, { id }: Release, untilWallUs: number): Withdrawal {
  const publisher = rig.peer(PUBLISHER);
  const terms = { id, publisher, untilWallUs };
  return { ...terms, signature: rig.cast.sign(publisher, withdrawalHash(rig.cast, terms)) };
}

export function newsOf(changes: Partial<ModelNews>): ModelNews {
  return { entries: [], channels: [], withdrawals: [], verdicts: [], asks: false, ...changes };
}

/** What a disk holds of a version, and that it runs, if it does. */
export function putOnDisk(rig: Rig, node: string, { id, entry, hashes }: Release, runs: boolean): void {
  const { disk } = rig.station(node);
  const put = (key: string, sort: Partial<ModelRecord>): Map<string, DiskRecord> =>
    disk.set(key, recordOf({ model: modelRecordOf(sort) }));
  put(entryKey(id), { entry });
  pagesOf(hashes).forEach((page, i) => {
    const chunks = page.hashes.map((hash, place) => refOfChunk(entry, i, place, hash));
    put(heldKey(id, i), { held: { id, page: i, hashes: page, chunks } });
  });
  if (!runs) return;
  put(channelKey(entry.name), { channel: pointTo(rig, { id, entry, hashes }, 1) });
  put(currentKey(entry.name), {
    current: { name: entry.name, id, previous: '', isTrial: false, isWanted: true },
  });
}

/** A front and compute nodes c1, c2 … of one cluster in France that follow the model `m`. */
export function createCluster(
  computes: number,
  changes: Partial<NodeSpec> | ((name: string) => Partial<NodeSpec>) = {},
): Rig {
  const publishers = [PUBLISHER];
  const specs: NodeSpec[] = [
    { name: 'front', cluster: 'france', region: 'eu/fr', types: ['gateway', 'index', 'bridge'], publishers },
    ...Array.from({ length: computes }, (_, i): NodeSpec => {
      const name = `c${i + 1}`;
      const told = typeof changes === 'function' ? changes(name) : changes;
      const place = { name, cluster: 'france', region: 'eu/fr', types: ['compute'] as const };
      return { ...place, publishers, wants: [MODEL], ...told };
    }),
  ];
  return new Rig(specs, [...namesOf(specs), PUBLISHER]);
}

/** Tells a node documents, as a publisher does. */
export function tellNode(rig: Rig, node: string, changes: Partial<ModelNews>): void {
  rig.wire.push(envelopeOf(kinds.MODEL_NEWS, rig.peer(PUBLISHER), rig.peer(node), newsOf(changes)));
  rig.pump();
}

/** An order of whoever runs the nodes, and what was answered by the end of so many seconds. */
export function order(rig: Rig, node: string, which: number, seconds = 5, n = 1): Envelope | undefined {
  const operator = rig.peer('operator 1 of france');
  const body = { order: which, model: MODEL };
  rig.wire.push(envelopeOf(kinds.MODEL, operator, rig.peer(node), body, { n, origin: operator }));
  rig.pump();
  rig.advance(seconds * SECOND_US);
  return rig.mail.find(({ to, n: of, kind }) => to === operator && of === n && kind !== kinds.MODEL);
}

/** The number of the version that a node runs; 0: none. */
export function versionAt(rig: Rig, node: string): number {
  const { models } = rig.node(node);
  const id = models?.currents.get(MODEL)?.id ?? '';
  return models?.registry.entries.get(id)?.version ?? 0;
}

/** What was asked of holders, by place in the version. */
export function chunksAsked(rig: Rig, by: string): number[] {
  const self: Peer = rig.peer(by);
  return rig.sent
    .filter(({ kind, from }) => kind === kinds.CHUNK_WANTED && from === self)
    .map(({ body }) => (body as { place: number }).place);
}
