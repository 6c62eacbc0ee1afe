/** The records of a live node's disk: one file of checked lines, each of them a batch of writes that is there whole or not at all. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import type { Ids } from '../core/base/peers.ts';
import { decodeDocument, Encoder } from '../core/machine/codec.ts';
import { outlivesBackup, storeShape, type DiskRecord, type DiskWrite } from '../core/machine/disk-records.ts';
import { writeDurably } from './durable-file.ts';
import { hashBytes } from './identity.ts';

const HEADER = 'watershed records 1';
/** Digits of the SHA-256 of a line that stand before it. */
const CHECK_DIGITS = 16;
/** The file is written anew when it is larger than this, and has four times the bytes that its records need. */
const SMALL_BYTES = 64 * 1024;

interface Held {
  readonly record: DiskRecord;
  readonly line: string;
}

/**
 * Appends batches, each synced before `append` returns. A last line that a crash has cut short was never acknowledged, and
 * does not count. A damaged line before it may have replaced anything that was written earlier: all of that is `corrupt`
 * until it is written again.
 *
 * Beside it lies what tells this file from a copy of it: a backup that is put back is older than what the node has said since, and a
 * node may not go on from all of it. Whoever copies over a file in its place, byte by byte, is not seen.
 */
export class RecordLog {
  readonly records = new Map<string, Held>();
  readonly corrupt = new Set<string>();
  /** Whether the file is another one than was written here: a backup, or a copy of the whole folder. */
  readonly isPutBack: boolean;
  private readonly path: string;
  private readonly encoder: Encoder;
  private sizeBytes = 0;
  /** Whether the file is as it should be: else it is written anew before anything is added. */
  private isSound = true;

  /** Throws if the file cannot be read, or is none of ours. */
  constructor(path: string, ids: Ids) {
    this.path = path;
    this.encoder = new Encoder(ids);
    const text = readIfThere(path);
    this.isPutBack = text !== null && readIfThere(markOf(path)) !== fingerprintOf(path);
    if (text === null) {
      this.isSound = false;
      return;
    }
    this.sizeBytes = Buffer.byteLength(text);
    const lines = text.split('\n');
    const last = lines.pop();
    if (last !== '') this.isSound = false;
    if (lines[0] !== HEADER) {
      this.damage();
      return;
    }
    lines.slice(1).forEach((line, i) => this.read(line, i === lines.length - 2 && last === '', ids));
  }

  /** Leaves out what nobody may go on from after a backup was put back. Throws as the file system does. */
  forgetStale(): void {
    for (const [key, { record }] of this.records) if (!outlivesBackup(record)) this.records.delete(key);
    this.rewrite();
  }

  /** Throws as the file system does; then nothing has changed. */
  append(writes: readonly DiskWrite[]): void {
    if (!this.isSound || this.sizeBytes > Math.max(SMALL_BYTES, 4 * this.neededBytes())) this.rewrite();
    const line = this.lineOf(writes);
    const file = openSync(this.path, 'a');
    try {
      writeWhole(file, line);
      fsyncSync(file);
    } catch (error) {
      ftruncateSync(file, this.sizeBytes);
      throw error;
    } finally {
      closeSync(file);
    }
    this.sizeBytes += line.length;
    this.take(writes, line);
  }

  private read(line: string, isLast: boolean, ids: Ids): void {
    const payload = line.slice(CHECK_DIGITS + 1);
    const isWhole = line === checked(payload);
    const batch = isWhole ? decodeDocument(Buffer.from(payload, 'base64'), storeShape, ids) : null;
    if (batch !== null) this.take(batch.writes, `${line}\n`);
    else if (isLast && !isWhole) this.isSound = false;
    else this.damage();
  }

  private take(writes: readonly DiskWrite[], line: string): void {
    for (const { key, record } of writes) {
      this.corrupt.delete(key);
      if (record === null) this.records.delete(key);
      else this.records.set(key, { record, line });
    }
  }

  private damage(): void {
    this.isSound = false;
    for (const key of this.records.keys()) this.corrupt.add(key);
    // Whatever the damaged line held, there was something.
    if (this.corrupt.size === 0) this.corrupt.add('unreadable');
    this.records.clear();
  }

  /** Leaves out what has been replaced. */
  private rewrite(): void {
    const lines = [...this.records].map(([key, { record }]) => this.lineOf([{ key, record }]));
    const text = `${HEADER}\n${lines.join('')}`;
    writeDurably(this.path, text);
    writeDurably(markOf(this.path), fingerprintOf(this.path));
    this.sizeBytes = text.length;
    this.isSound = true;
  }

  private neededBytes(): number {
    let bytes = HEADER.length;
    for (const { line } of this.records.values()) bytes += line.length;
    return bytes;
  }

  private lineOf(writes: readonly DiskWrite[]): string {
    const bytes = this.encoder.document(storeShape, { writes: writes as DiskWrite[] });
    return `${checked(Buffer.from(bytes).toString('base64'))}\n`;
  }
}

function checked(payload: string): string {
  return `${hashBytes(payload).slice(0, CHECK_DIGITS)} ${payload}`;
}

function markOf(path: string): string {
  return `${path}.here`;
}

/** No copy of a file has it: where its file system keeps it, and when it was made there. */
function fingerprintOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${ino} ${birthtimeNs}\n`;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text, 'latin1');
  for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
}
