import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

let written = 0;

/**
 * Replaces a file so that a crash at any moment leaves the old bytes or the new ones, and that once this returns the
 * new ones survive a loss of power: written aside, synced, renamed, and the folder synced.
 */
export function writeDurably(path: string, content: string | Uint8Array, mode = 0o644): void {
  moveInPlace(path, content, mode, (aside) => renameSync(aside, path));
}

/** The same for a file that is not to be replaced. False: there is one already, which stays as it is. */
export function writeOnceDurably(path: string, content: string | Uint8Array, mode = 0o644): boolean {
  try {
    moveInPlace(path, content, mode, (aside) => {
      linkSync(aside, path);
      rmSync(aside);
    });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function moveInPlace(
  path: string,
  content: string | Uint8Array,
  mode: number,
  move: (aside: string) => void,
): void {
  // Another process may be writing the same file.
  const aside = `${path}.${process.pid}-${written++}.new`;
  try {
    writeSynced(aside, content, mode);
    move(aside);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function writeSynced(path: string, content: string | Uint8Array, mode: number): void {
  const file = openSync(path, 'w', mode);
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
