import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Replaces a file so that a crash at any moment leaves the old bytes or the new ones, and that once this returns the
 * new ones survive a loss of power: written aside, synced, renamed, and the folder synced.
 */
export function writeDurably(path: string, content: string | Uint8Array, mode = 0o644): void {
  const aside = `${path}.new`;
  const file = openSync(aside, 'w', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let written = 0; written < bytes.length;) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(aside, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
