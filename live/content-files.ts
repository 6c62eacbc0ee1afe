/** Contents that records on disk name: a file each, called by its hash, gone when no record names it any more. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { diskRecordShape, type DiskRecord } from '../core/machine/disk-records.ts';
import { visitRefs, type Ref, type Shape } from '../core/machine/shape.ts';
import { isContentOf } from './contents.ts';
import { writeDurably } from './durable-file.ts';

const HASH = /^[0-9a-f]{64}$/;
/** Contents that have come and that no record names yet: so many, and so long until they are erased. */
const MAX_UNNAMED = 512;
const UNNAMED_MS = 10 * 60_000;

export class ContentFiles {
  private readonly folder: string;
  /** How often records name each. */
  private readonly counts = new Map<string, number>();
  /** Fetched or brought, and not named by a record yet: since when, the oldest first. */
  private readonly unnamed = new Map<string, number>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes what is not there yet; it is on disk when this returns. Throws as the file system does. */
  write(content: Ref, bytes: Uint8Array): void {
    if (!HASH.test(content.hash)) throw new Error(`a content is called by its SHA-256, not ${content.hash}`);
    const path = join(this.folder, content.hash);
    if (existsSync(path)) return;
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    writeDurably(path, bytes, 0o600);
  }

  /** Whether a record on disk names it. */
  has(hash: string): boolean {
    return this.counts.has(hash);
  }

  /** Whether there is a file of that size; what it holds is seen when it is read. */
  lies({ hash, sizeBytes }: Ref): boolean {
    if (!HASH.test(hash)) return false;
    return statSync(join(this.folder, hash), { throwIfNoEntry: false })?.size === sizeBytes;
  }

  /** Writes bytes that are the content of the reference before any record names it. False if there is no room, or none on the disk. */
  adopt(content: Ref, bytes: Uint8Array): boolean {
    const beforeMs = performance.now() - UNNAMED_MS;
    for (const [hash, sinceMs] of this.unnamed) {
      if (sinceMs >= beforeMs) break;
      this.unnamed.delete(hash);
      this.erase(hash);
    }
    if (this.lies(content)) return true;
    if (this.unnamed.size >= MAX_UNNAMED) return false;
    try {
      this.write(content, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
      return false;
    }
    if ((this.counts.get(content.hash) ?? 0) === 0) this.unnamed.set(content.hash, performance.now());
    return true;
  }

  /** The bytes, if they are there and are what the reference says. */
  read(content: Ref): Uint8Array | undefined {
    if (!HASH.test(content.hash)) return undefined;
    try {
      const bytes = readFileSync(join(this.folder, content.hash));
      if (isContentOf(content, bytes)) return bytes;
      // It has rotted: whoever needs it fetches it again, and finds room for it.
      if (bytes.length === content.sizeBytes) this.erase(content.hash);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** A record comes in the place of another; what only the other named is erased. Returns what that was, by hash. */
  replace(old: DiskRecord | null, record: DiskRecord | null): string[] {
    const erased: string[] = [];
    for (const { hash } of refsOf(record)) {
      this.counts.set(hash, (this.counts.get(hash) ?? 0) + 1);
      this.unnamed.delete(hash);
    }
    for (const { hash } of refsOf(old)) {
      const count = (this.counts.get(hash) ?? 0) - 1;
      if (count > 0) this.counts.set(hash, count);
      else {
        this.counts.delete(hash);
        this.erase(hash);
        erased.push(hash);
      }
    }
    return erased;
  }

  /** Erases what no record names: a crash came between a content and its record, or between a record and its erasure. */
  sweep(): void {
    if (!existsSync(this.folder)) return;
    for (const name of readdirSync(this.folder)) if (!this.counts.has(name)) this.erase(name);
  }

  private erase(name: string): void {
    const path = join(this.folder, name);
    if (existsSync(path)) unlinkSync(path);
  }
}

/** The contents that a record names. */
export function refsOf(record: DiskRecord | null): Ref[] {
  const found: Ref[] = [];
  if (record !== null) visitRefs(diskRecordShape as Shape, record, (content) => found.push(content));
  return found;
}
