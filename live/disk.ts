/** The disk of a live node: what it must find again after a crash. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Envelope } from '../core/machine/envelope.ts';
import { LOAD, LOADED, STORE, STORED, type StoredState } from '../core/machine/kinds.ts';
import type { Device, Respond } from './device.ts';
import { writeDurably } from './durable-file.ts';

const STATE_FILE = 'state.json';
const BOOT_FILE = 'boot-count.json';

/** STORE and LOAD over one file. What it cannot write or read ends the node: `fail` is told why. */
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
        respond(LOADED, { state: readState(this.path) });
      } else if (asked.kind === STORE) {
        const { epoch, manifestVersion } = asked.body as StoredState;
        writeDurably(this.path, `${JSON.stringify({ format: 1, epoch, manifestVersion })}\n`);
        respond(STORED, {});
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

/** Null if nothing was ever stored. A file that cannot be understood is no empty disk: it throws. */
function readState(path: string): StoredState | null {
  if (!existsSync(path)) return null;
  return { epoch: readWhole(path, 'epoch'), manifestVersion: readWhole(path, 'manifestVersion') };
}

function readWhole(path: string, field: string): number {
  let found: unknown;
  try {
    found = (JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown> | null)?.[field];
  } catch {
    throw new Error(`${path}: JSON is expected`);
  }
  if (!Number.isSafeInteger(found) || (found as number) < 0)
    throw new Error(`${path}: ${field}: a whole number is expected, found ${JSON.stringify(found)}`);
  return found as number;
}
