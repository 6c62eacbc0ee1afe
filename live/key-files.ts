/**
 * The data keys of pods on the disk of a live node: a file each, in a folder of their own, so that backups can leave them out. A file
 * is written aside, synced and renamed, and never changed; it is destroyed by random bytes in its place, synced, and by its removal.
 *
 * On a plain disk that is the end of the bytes. Where the file system copies on write, keeps a journal of data or snapshots, or the disk is
 * flash that spreads its writes, an older copy may last under the surface: there the disk as a whole must be encrypted, below this.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { writeDurably } from './durable-file.ts';
import { KEY_BYTES, nameOfKey } from './sealing.ts';

const FILE = /^([0-9a-f]{64})-([0-9a-f]{1,14})$/;
const POD = /^[0-9a-f]{64}$/;

export interface HeldKey {
  readonly pod: string;
  readonly keyId: number;
  readonly key: Buffer;
}

export class KeyFiles {
  /** By name. */
  readonly held = new Map<number, HeldKey>();
  private readonly folder: string;

  /** Reads what is there. What was being written or destroyed when the node died is no key, and goes. */
  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const file of readdirSync(folder)) {
      const found = this.read(file);
      if (found === null) this.erase(file);
      else this.held.set(found.keyId, found);
    }
  }

  /** It is on disk when this returns. Throws as the file system does; then nothing has changed. */
  add(pod: string, key: Uint8Array): number {
    if (!POD.test(pod)) throw new Error(`a pod is called by a SHA-256, not ${pod}`);
    const keyId = nameOfKey(key);
    if (this.held.has(keyId)) return keyId;
    writeDurably(join(this.folder, fileOf(pod, keyId)), key, 0o600);
    this.held.set(keyId, { pod, keyId, key: Buffer.from(key) });
    return keyId;
  }

  /** All keys of a pod; none of them is on disk, or in memory, when this returns. */
  destroy(pod: string): void {
    for (const file of readdirSync(this.folder)) if (file.startsWith(`${pod}-`)) this.erase(file);
    for (const [keyId, { pod: of, key }] of this.held) {
      if (of !== pod) continue;
      key.fill(0);
      this.held.delete(keyId);
    }
  }

  private read(file: string): HeldKey | null {
    const [, pod, name] = FILE.exec(file) ?? [];
    if (pod === undefined || name === undefined) return null;
    const key = readFileSync(join(this.folder, file));
    const keyId = parseInt(name, 16);
    return key.length === KEY_BYTES && nameOfKey(key) === keyId ? { pod, keyId, key } : null;
  }

  private erase(file: string): void {
    const path = join(this.folder, file);
    const { size } = statSync(path);
    const opened = openSync(path, 'r+');
    try {
      const noise = randomBytes(size);
      for (let written = 0; written < size;)
        written += writeSync(opened, noise, written, size - written, written);
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
    unlinkSync(path);
    const folder = openSync(this.folder, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

function fileOf(pod: string, keyId: number): string {
  return `${pod}-${keyId.toString(16)}`;
}
