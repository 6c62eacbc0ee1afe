import type { Ref } from '../../core/machine/shape.ts';
import {
  STABLE,
  type Channel,
  type EntryTerms,
  type ModelEntry,
  type Page,
  type Withdrawal,
} from '../../core/models/documents.ts';
import { channelHash, hashOfPage, idOfEntry, pagesOf, withdrawalHash } from '../../core/models/hashes.ts';
import type { Wire } from './wire.ts';

/** The model that a tester publishes for the time of the test. Two small chunks: enough that there is an order to get wrong. */
export const TEST_MODEL = 'conform/probe-v1';
const CHUNK_BYTES = 4_096;
const SIZE_BYTES = 6_000;
const MEMORY_BYTES = 1_000_000;

export interface TestVersion {
  readonly id: string;
  readonly version: number;
  readonly entry: ModelEntry;
  readonly pages: readonly Page[];
  readonly chunks: readonly Ref[];
}

export function publish(wire: Wire, version: number, region: string): TestVersion {
  const { pure, publisher } = wire;
  const chunks = wire.makeModel(version, SIZE_BYTES, CHUNK_BYTES);
  const pages = pagesOf(chunks.map(({ hash }) => hash));
  const terms: EntryTerms = {
    name: TEST_MODEL,
    version,
    publisher: publisher!.peer,
    sizeBytes: SIZE_BYTES,
    chunkBytes: CHUNK_BYTES,
    pages: pages.map((page) => hashOfPage(pure, page)),
    requiredMemoryBytes: MEMORY_BYTES,
    licence: 'Apache-2.0',
    // What an earlier test has withdrawn stays so: no two tests have the same versions.
    purpose: `to see whether a node pulls, updates and rolls back, at ${wire.wallUs()}; of no other use`,
    approvals: [],
    regions: [region],
    keptIn: [],
  };
  const id = idOfEntry(pure, terms);
  return { id, version, entry: { ...terms, signature: publisher!.sign(id) }, pages, chunks };
}

/** Numbers of pointers rise with time: a second test goes beyond the first. */
export function pointTo(wire: Wire, { id }: TestVersion, previous: string): Channel {
  const { pure, publisher } = wire;
  const sequence = wire.wallUs();
  const terms = { name: TEST_MODEL, channel: STABLE, publisher: publisher!.peer, sequence, id, previous };
  return { ...terms, signature: publisher!.sign(channelHash(pure, terms)) };
}

export function withdraw(wire: Wire, { id }: TestVersion): Withdrawal {
  const { pure, publisher } = wire;
  const terms = { id, publisher: publisher!.peer, untilWallUs: wire.wallUs() };
  return { ...terms, signature: publisher!.sign(withdrawalHash(pure, terms)) };
}
