/** Files that `watershed pod` is given or asked for; what is wrong with one is said in a line. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { Misused } from './usage.ts';

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'part of the path is a file, not a folder',
  EISDIR: 'it is a folder, and a file is expected',
  EEXIST: 'it is there already, and no folder',
  EACCES: 'you may not open it',
  EPERM: 'you may not open it',
  EROFS: 'the disk is read-only',
  ENOSPC: 'the disk is full',
};

export function readInput(file: string): Buffer {
  return telling(file, () => readFileSync(file));
}

/** Throws Misused if there is a file already that is not to be replaced: before anybody is asked for what goes there. */
export function checkOutput(file: string, isForced = false): void {
  const there = telling(file, () => statSync(file, { throwIfNoEntry: false }));
  if (there?.isFile() === true && !isForced)
    throw new Misused(`${file}: there is such a file; --force replaces it`);
  if (there?.isDirectory() === true) throw new Misused(`${file}: ${WHY['EISDIR']}`);
}

export function writeOutput(file: string, bytes: Uint8Array, isForced = false, mode = 0o666): void {
  checkOutput(file, isForced);
  telling(file, () => writeFileSync(file, bytes, { mode }));
}

/** What the file system says of a file, in words; null if it is not the file system that says it. */
export function describeFileFault(error: unknown): string | null {
  const { syscall, code = '', path } = error as NodeJS.ErrnoException;
  if (syscall === undefined || path === undefined) return null;
  return `${path}: ${WHY[code] ?? (error as Error).message}`;
}

function telling<T>(file: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new Misused(`${file}: ${WHY[code] ?? (error as Error).message}`);
  }
}
