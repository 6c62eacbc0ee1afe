/** What a publisher does with a model: cuts a file into chunks, signs what it is, brings it to a node, points at it, withdraws it. */
import { open } from 'node:fs/promises';
import type { Ref } from '../core/machine/shape.ts';
import { HOLDER, MODEL_NEWS, MODEL_STOCK } from '../core/machine/kinds.ts';
import {
  MAX_CHUNK_BYTES,
  MAX_PAGE,
  MAX_PAGES,
  STABLE,
  type EntryTerms,
  type ModelEntry,
} from '../core/models/documents.ts';
import {
  channelHash,
  findEntryFault,
  hashOfPage,
  idOfEntry,
  pagesOf,
  withdrawalHash,
} from '../core/models/hashes.ts';
import { refOfChunk } from '../core/models/holding.ts';
import type { Holder, ModelNews, Stock } from '../core/models/model-bodies.ts';
import { CallFailed, fetchFrom, readFrom, type Caller } from './caller.ts';
import { pathOf } from './content-fetch.ts';
import { signUpload } from './content-upload.ts';
import { APART_BYTES, isApart } from './content-carrier.ts';
import { hashBytes, signHash } from './identity.ts';
import type { ListedModel } from './models-http.ts';

/** Until a node must have taken in what it was told, and between two looks. */
const LISTED_MS = 5_000;
const LOOK_MS = 50;

/** What a publisher says of a version besides what its file says. */
export type Description = Omit<EntryTerms, 'publisher' | 'sizeBytes' | 'chunkBytes' | 'pages'> & {
  /** Bytes of a chunk, above 1 MiB and at most 4 MiB, which it is by default. */
  readonly chunkBytes?: number;
};

/** A version that has been read and signed. */
export interface Release {
  readonly id: string;
  readonly entry: ModelEntry;
  readonly path: string;
  readonly chunks: readonly Ref[];
}

export class Publisher {
  private readonly caller: Caller;

  /** Speaks through a connection that was opened with the publisher's key. */
  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** Reads the file of a version and signs what it is. Rejects if there is no file, or what is said of it is not sound. */
  async release(path: string, { chunkBytes = MAX_CHUNK_BYTES, ...described }: Description): Promise<Release> {
    const { ids, identity } = this.caller;
    if (chunkBytes <= APART_BYTES || chunkBytes > MAX_CHUNK_BYTES)
      throw new RangeError(`a chunk has more than ${APART_BYTES} and at most ${MAX_CHUNK_BYTES} bytes`);
    const hashes: string[] = [];
    let sizeBytes = 0;
    for await (const chunk of readChunks(path, chunkBytes)) {
      hashes.push(hashBytes(chunk));
      sizeBytes += chunk.length;
      if (hashes.length > MAX_PAGE * MAX_PAGES) throw new RangeError(`${path} is too large for a model`);
    }
    const terms: EntryTerms = {
      ...described,
      publisher: ids.peerOf(identity.id),
      sizeBytes,
      chunkBytes,
      pages: pagesOf(hashes).map((page) => hashOfPage(ids, page)),
    };
    const fault = findEntryFault(terms);
    if (fault !== null) throw new RangeError(`${path}: ${fault}`);
    const id = idOfEntry(ids, terms);
    const entry: ModelEntry = { ...terms, signature: signHash(identity, id) };
    const chunks = hashes.map((hash, i) => refOfChunk(entry, Math.floor(i / MAX_PAGE), i % MAX_PAGE, hash));
    return { id, entry, path, chunks };
  }

  /** Brings a version to the node, whole. `onChunk` is told after each. */
  async bring(
    release: Release,
    onChunk: (done: number, all: number) => void = () => undefined,
  ): Promise<void> {
    const { entry, path, chunks } = release;
    let place = 0;
    let small: Uint8Array[] = [];
    for await (const bytes of readChunks(path, entry.chunkBytes)) {
      const content = chunks[place++]!;
      if (isApart(MODEL_STOCK, content)) await this.put(content, bytes);
      else small.push(Uint8Array.from(bytes));
      onChunk(place, chunks.length);
      if (place % MAX_PAGE !== 0 && place !== chunks.length) continue;
      const page = Math.floor((place - 1) / MAX_PAGE);
      await this.stock(release, page, small);
      small = [];
    }
  }

  /** Nodes are to run this version; `before` is what the channel says by now. */
  point(name: string, id: string, before: { readonly sequence: number; readonly id: string } | null): void {
    const { ids, identity } = this.caller;
    const publisher = ids.peerOf(identity.id);
    const sequence = (before?.sequence ?? 0) + 1;
    const terms = { name, channel: STABLE, publisher, sequence, id, previous: before?.id ?? '' };
    const channel = { ...terms, signature: signHash(identity, channelHash(ids, terms)) };
    this.tell({ channels: [channel] });
  }

  /** Nobody is to run this version from then on. */
  withdraw(id: string, untilWallUs: number): void {
    const { ids, identity } = this.caller;
    const terms = { id, publisher: ids.peerOf(identity.id), untilWallUs };
    this.tell({ withdrawals: [{ ...terms, signature: signHash(identity, withdrawalHash(ids, terms)) }] });
  }

  /** Waits until the node lists the version; and points at it, if it is to. */
  async listed(name: string, id: string, isPointed: boolean): Promise<ListedModel> {
    const endMs = performance.now() + LISTED_MS;
    for (;;) {
      const found = (await this.list()).find((model) => model.name === name);
      const isThere = found?.versions.some((version) => version.id === id) === true;
      if (isThere && (!isPointed || found?.stable?.id === id)) return found!;
      if (performance.now() > endMs)
        throw new CallFailed(`${this.caller.card.name} has not taken ${name}@sha256:${id} in`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Waits until the node lists the version as withdrawn. */
  async withdrawn(name: string, id: string): Promise<void> {
    const endMs = performance.now() + LISTED_MS;
    for (;;) {
      const found = (await this.list()).find((model) => model.name === name);
      const version = found?.versions.find((one) => one.id === id);
      if (version !== undefined && version.withdrawnFrom !== null) return;
      if (performance.now() > endMs)
        throw new CallFailed(
          `${this.caller.card.name} does not withdraw ${name}@sha256:${id}: is this its publisher?`,
        );
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** What the node knows of models. */
  async list(): Promise<readonly ListedModel[]> {
    return listModelsAt(this.caller.url);
  }

  private tell(news: Partial<ModelNews>): void {
    const none: ModelNews = { entries: [], channels: [], withdrawals: [], verdicts: [], asks: false };
    this.caller.say(MODEL_NEWS, { ...none, ...news });
  }

  private async put(content: Ref, bytes: Uint8Array): Promise<void> {
    const { url, card, identity } = this.caller;
    const authorization = signUpload(identity, card.id, content.hash, Date.now());
    const response = await fetchFrom(url, pathOf(content), {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/octet-stream' },
      // A view of a buffer that is used again: it is sent before this returns.
      body: Uint8Array.from(bytes),
    });
    if (response.status === 204) return;
    const { detail } = (await response.json()) as { detail?: string };
    throw new CallFailed(`${card.name} does not take a chunk: ${detail ?? response.status}`);
  }

  /** Says that a list of chunks has been brought; those that are small come with it. */
  private async stock({ entry, chunks }: Release, page: number, small: Uint8Array[]): Promise<void> {
    const listed = chunks.slice(page * MAX_PAGE, (page + 1) * MAX_PAGE);
    const body: Stock = {
      entry,
      page,
      hashes: { hashes: listed.map(({ hash }) => hash) },
      chunks: listed as Ref[],
    };
    // Of contents that are equal one is enough, as for whoever unpacks them.
    const different = [...new Map(listed.map((content) => [content.hash, content])).values()];
    const carried = different.map((content) => (isApart(MODEL_STOCK, content) ? null : small.shift()!));
    await this.caller.ask<Holder>(MODEL_STOCK, body, HOLDER, carried);
  }
}

/** What a node knows of models. */
export async function listModelsAt(url: string): Promise<readonly ListedModel[]> {
  const { models, detail } = await readFrom(url, '/v1/models');
  if (!Array.isArray(models)) throw new CallFailed(`${url}: ${String(detail ?? 'it lists no models')}`);
  return models as readonly ListedModel[];
}

/** The chunks of a file in order; each is good until the next is asked for. */
async function* readChunks(path: string, chunkBytes: number): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(chunkBytes);
    for (;;) {
      let filled = 0;
      while (filled < chunkBytes) {
        const { bytesRead } = await file.read(buffer, filled, chunkBytes - filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      if (filled === 0) return;
      yield buffer.subarray(0, filled);
      if (filled < chunkBytes) return;
    }
  } finally {
    await file.close();
  }
}
