import type { Ref } from '../core/machine/shape.ts';
import type { ContentFiles } from './content-files.ts';
import { hashBytes } from './identity.ts';
import { SEALING_BYTES } from './sealing.ts';

/** All contents of a node together are at most so large, and each is forgotten so long after it was last needed. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
/** One content is at most so large. */
export const MAX_CONTENT_BYTES = 4 * 1024 * 1024;
/** All versions of a pod together: what one envelope can bring to another node. */
export const MAX_POD_BYTES = 16 * 1024 * 1024;
/** Longer than a request can live and its outcome is remembered for duplicates (R5.3-3). */
const HOLD_MS = 200_000;

interface Held {
  readonly bytes: Uint8Array;
  usedMs: number;
}

/**
 * The prompts and answers that a node holds, by hash, in memory: they die with the process. What a record on the node's
 * disk names lies there, too, and is read again when it is needed.
 */
export class Contents {
  /** In the order of last use. */
  private readonly held = new Map<string, Held>();
  private readonly maxTotalBytes: number;
  totalBytes = 0;
  /** Where contents lie that records name; null: nowhere. */
  files: ContentFiles | null = null;

  constructor(maxTotalBytes = MAX_TOTAL_BYTES) {
    this.maxTotalBytes = maxTotalBytes;
  }

  get size(): number {
    return this.held.size;
  }

  /** Keeps content made here. Null if it is too large or there is no room. */
  put(bytes: Uint8Array): Ref | null {
    const content = { hash: hashBytes(bytes), sizeBytes: bytes.length, keyId: 0 };
    return this.keep(content, bytes) ? content : null;
  }

  /** The bytes of a reference, or undefined if they are not, or no longer, held. */
  get(content: Ref): Uint8Array | undefined {
    const found = this.held.get(content.hash);
    if (found === undefined) return this.files?.read(content);
    if (found.bytes.length !== content.sizeBytes) return undefined;
    this.touch(content.hash, found);
    return found.bytes;
  }

  /** Whether the bytes are here, without reading them. */
  has(content: Ref): boolean {
    const found = this.held.get(content.hash);
    return found === undefined
      ? this.files?.lies(content) === true
      : found.bytes.length === content.sizeBytes;
  }

  /** Keeps them on disk, for a record that will name them. False if there is no room. */
  keepApart(content: Ref, bytes: Uint8Array): boolean {
    return bytes.length <= MAX_CONTENT_BYTES && this.files?.adopt(content, bytes) === true;
  }

  /** Keeps bytes that are the content of the reference. False if they are too large or there is no room. */
  keep(content: Ref, bytes: Uint8Array): boolean {
    this.expire();
    const known = this.held.get(content.hash);
    if (known !== undefined) {
      this.touch(content.hash, known);
      return true;
    }
    if (bytes.length > MAX_CONTENT_BYTES + SEALING_BYTES || !this.makeRoom(bytes.length)) return false;
    this.held.set(content.hash, { bytes, usedMs: performance.now() });
    this.totalBytes += bytes.length;
    return true;
  }

  /** Holds it no longer in memory: what was erased is nowhere, and what was only passed on does not stay. */
  forget(hash: string): void {
    const found = this.held.get(hash);
    if (found === undefined) return;
    this.held.delete(hash);
    this.totalBytes -= found.bytes.length;
  }

  /** Lets go of what lies on disk too, if that is needed; false if there is still no room. */
  private makeRoom(bytes: number): boolean {
    for (const hash of this.held.keys()) {
      if (this.totalBytes + bytes <= this.maxTotalBytes) break;
      if (this.files?.has(hash) === true) this.forget(hash);
    }
    return this.totalBytes + bytes <= this.maxTotalBytes;
  }

  private touch(hash: string, found: Held): void {
    found.usedMs = performance.now();
    this.held.delete(hash);
    this.held.set(hash, found);
  }

  private expire(): void {
    const beforeMs = performance.now() - HOLD_MS;
    for (const [hash, { bytes, usedMs }] of this.held) {
      if (usedMs >= beforeMs) return;
      this.held.delete(hash);
      this.totalBytes -= bytes.length;
    }
  }
}

/** Whether these bytes are what the reference names. */
export function isContentOf(content: Ref, bytes: Uint8Array): boolean {
  return bytes.length === content.sizeBytes && hashBytes(bytes) === content.hash;
}
