/** Processes of one machine that change the same file take turns. */
import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

/** Nobody has a lock for longer who has not stopped in the middle, in ms. */
const STALE_MS = 10_000;
const PAUSE_MS = 20;

/** Calls `act` while no other process does so under the same lock. A lock is taken from a process that is no more, or has had it for too long. */
export function underLock<T>(path: string, act: () => T): T {
  const own = `${process.pid} ${randomUUID()}`;
  while (!take(path, own)) if (!breakStale(path)) pause();
  try {
    return act();
  } finally {
    if (read(path) === own) rmSync(path, { force: true });
  }
}

/** It is there with its holder's name in it, or not at all. */
function take(path: string, own: string): boolean {
  const aside = `${path}.${process.pid}`;
  writeFileSync(aside, own, { mode: 0o600 });
  try {
    linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(aside, { force: true });
  }
}

function breakStale(path: string): boolean {
  const holder = read(path);
  if (holder === null) return true;
  if (isAlive(Number(holder.split(' ')[0])) && ageOf(path) < STALE_MS) return false;
  const aside = `${path}.${process.pid}-stale`;
  try {
    renameSync(path, aside);
  } catch {
    return true;
  }
  // Another was quicker to break it, and this is the lock of whoever came next.
  if (read(aside) !== holder && read(path) === null) renameSync(aside, path);
  else rmSync(aside, { force: true });
  return true;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function ageOf(path: string): number {
  return Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
}
