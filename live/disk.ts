/** The disk of a live node: what it must find again after a crash. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DISK_CORRUPT, DISK_FINE, DISK_FULL } from '../core/machine/disk-conditions.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { LOAD, LOADED, STORE, STORED, type Loaded, type StoredState } from '../core/machine/kinds.ts';
import type { Device, Respond } from './device.ts';
import { writeDurably } from './durable-file.ts';

const STATE_FILE = 'state.json';
const BOOT_FILE = 'boot-count.json';

/**
 * STORE and LOAD over one file. A full disk and a record that cannot be understood are answers; whatever else keeps it
 * from writing or reading ends the node: `fail` is told why.
 */
export class Disk implements Device {
  private readonly path: string;
  private readonly fail: (error: Error) => void;

  constructor(folder: string, fail: (error: Error) => void) {
    this.path = join(folder, STATE_FILE);
    this.fail = fail;
  }

  handle(asked: Envelope, respond: Respond): void {
    try {
      if (asked.kind === LOAD) {
        respond(LOADED, loadState(this.path));
      } else if (asked.kind === STORE) {
        const { epoch, manifestVersion } = asked.body as StoredState;
        respond(STORED, {
          condition: tryToWrite(this.path, `${JSON.stringify({ format: 1, epoch, manifestVersion })}\n`),
        });
      }
    } catch (error) {
      this.fail(error as Error);
    }
  }
}

/** Counts this boot, durably, before anything is said in its name. 1 for the first. */
export function takeBootCount(folder: string): number {
  const path = join(folder, BOOT_FILE);
  const bootCount = (existsSync(path) ? readWhole(path, 'bootCount') : 0) + 1;
  writeDurably(path, `${JSON.stringify({ format: 1, bootCount })}\n`);
  return bootCount;
}

/** Nothing stored is fine. A file that cannot be understood is no empty disk, and says so. */
function loadState(path: string): Loaded {
  if (!existsSync(path)) return { state: null, condition: DISK_FINE };
  try {
    const state = { epoch: readWhole(path, 'epoch'), manifestVersion: readWhole(path, 'manifestVersion') };
    return { state, condition: DISK_FINE };
  } catch (error) {
    if ('code' in (error as Error)) throw error;
    return { state: null, condition: DISK_CORRUPT };
  }
}

/** Whether there was room. What was there before stays until all of the new is written. */
function tryToWrite(path: string, content: string): number {
  try {
    writeDurably(path, content);
    return DISK_FINE;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT') return DISK_FULL;
    throw error;
  }
}

function readWhole(path: string, field: string): number {
  const written = readFileSync(path, 'utf8');
  let found: unknown;
  try {
    found = (JSON.parse(written) as Record<string, unknown> | null)?.[field];
  } catch {
    throw new Error(`${path}: JSON is expected`);
  }
  if (!Number.isSafeInteger(found) || (found as number) < 0)
    throw new Error(`${path}: ${field}: a whole number is expected, found ${JSON.stringify(found)}`);
  return found as number;
}
