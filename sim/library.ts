import type { Peer, Pure } from '../core/base/peers.ts';
import { hexWord } from '../core/base/digest.ts';
import { mixWord } from '../core/base/rng.ts';
import {
  countChunks,
  STABLE,
  type Channel,
  type EntryTerms,
  type ModelEntry,
  type Page,
  type Withdrawal,
} from '../core/models/documents.ts';
import { channelHash, hashOfPage, idOfEntry, pagesOf, withdrawalHash } from '../core/models/hashes.ts';
import { refOfChunk } from '../core/models/holding.ts';
import {
  channelKey,
  currentKey,
  entryKey,
  heldKey,
  modelRecordOf,
  type ModelRecord,
} from '../core/models/model-record.ts';
import { recordOf, type DiskRecord } from '../core/machine/disk-records.ts';
import type { MovingModel, ResolvedModel, ResolvedScenario } from './scenario/resolved.ts';
import { keyOfName } from './seeds.ts';

/** Who publishes the models of a scenario. */
export const PUBLISHER = 'publisher of models';

/** One version of a model, as it truly is. */
export interface PublishedVersion {
  readonly id: string;
  readonly model: string;
  readonly version: number;
  readonly entry: ModelEntry;
  readonly pages: readonly Page[];
  /** How much slower than the model's rates it is, and how many of its jobs fail, ppm. */
  readonly slowPpm: number;
  readonly failsPpm: number;
}

interface Stocked {
  readonly key: string;
  readonly record: DiskRecord;
}

type Sign = (hash: string) => string;

/** The models of a scenario that move between nodes, and what their publisher signs of them. The world's own truth. */
export class Library {
  readonly publisher: Peer;
  private readonly pure: Pure;
  private readonly sign: Sign;
  private readonly byId = new Map<string, PublishedVersion>();
  private readonly chunks: ReadonlySet<string>;
  private readonly byModel = new Map<string, readonly PublishedVersion[]>();

  constructor(scenario: ResolvedScenario, publisher: Peer, pure: Pure, sign: Sign) {
    this.publisher = publisher;
    this.pure = pure;
    this.sign = sign;
    for (const model of scenario.models) {
      if (model.moves === undefined) continue;
      const versions = model.moves.versions.map((_, i) => this.publish(model, model.moves!, i + 1));
      this.byModel.set(model.name, versions);
      for (const version of versions) this.byId.set(version.id, version);
    }
    const pages = [...this.byId.values()].flatMap(({ pages }) => pages);
    this.chunks = new Set(pages.flatMap(({ hashes }) => hashes));
  }

  versionOf(model: string, version: number): PublishedVersion {
    return this.byModel.get(model)![version - 1];
  }

  /** What has that id, or undefined: nobody has published it. */
  find(id: string): PublishedVersion | undefined {
    return this.byId.get(id);
  }

  /** Whether it is a chunk of some version. */
  hasChunk(hash: string): boolean {
    return this.chunks.has(hash);
  }

  /** The pointer to a version, under a number of its own. */
  pointTo(version: PublishedVersion, sequence: number, previous: string): Channel {
    const { model: name, id } = version;
    const terms = { name, channel: STABLE, publisher: this.publisher, sequence, id, previous };
    return { ...terms, signature: this.sign(channelHash(this.pure, terms)) };
  }

  withdraw({ id }: PublishedVersion, untilWallUs: number): Withdrawal {
    const terms = { id, publisher: this.publisher, untilWallUs };
    return { ...terms, signature: this.sign(withdrawalHash(this.pure, terms)) };
  }

  /** What the disk of a node holds that has had the first version of a model from the start. */
  stockOf(model: string): Stocked[] {
    const version = this.versionOf(model, 1);
    const { id } = version;
    return [
      write(channelKey(model), { channel: this.pointTo(version, 1, '') }),
      write(currentKey(model), {
        current: { name: model, id, previous: '', isTrial: false, isWanted: true },
      }),
      ...this.copyOf(version),
    ];
  }

  /** What a disk holds where a publisher has put every version of a model. */
  archiveOf(model: string): Stocked[] {
    return this.byModel.get(model)!.flatMap((version) => this.copyOf(version));
  }

  private copyOf({ id, entry, pages }: PublishedVersion): Stocked[] {
    return [
      write(entryKey(id), { entry }),
      ...pages.map((hashes, page) =>
        write(heldKey(id, page), {
          held: {
            id,
            page,
            hashes,
            chunks: hashes.hashes.map((hash, place) => refOfChunk(entry, page, place, hash)),
          },
        }),
      ),
    ];
  }

  private publish(model: ResolvedModel, moves: MovingModel, version: number): PublishedVersion {
    const { name, requiredMemoryBytes } = model;
    const { slowPpm, failsPpm, sizeBytes } = moves.versions[version - 1];
    const { chunkBytes, licence, purpose, regions, keptIn } = moves;
    const count = countChunks({ sizeBytes, chunkBytes });
    const pages = pagesOf(Array.from({ length: count }, (_, i) => hashOfChunk(name, version, i)));
    const terms: EntryTerms = {
      name,
      version,
      publisher: this.publisher,
      sizeBytes,
      chunkBytes,
      pages: pages.map((page) => hashOfPage(this.pure, page)),
      requiredMemoryBytes,
      licence,
      purpose,
      approvals: [],
      regions: [...regions],
      keptIn: [...keptIn],
    };
    const id = idOfEntry(this.pure, terms);
    return {
      id,
      model: name,
      version,
      entry: { ...terms, signature: this.sign(id) },
      pages,
      slowPpm,
      failsPpm,
    };
  }
}

function write(key: string, sort: Partial<ModelRecord>): Stocked {
  return { key, record: recordOf({ model: modelRecordOf(sort) }) };
}

/** What a chunk is called: nobody but the world makes one. */
function hashOfChunk(model: string, version: number, place: number): string {
  const word = mixWord(keyOfName(model), version);
  return `chunk-${hexWord(word)}${hexWord(mixWord(word, place))}`;
}
