/** The disk of a live node: what it must find again after a crash. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ids } from '../core/base/peers.ts';
import { DISK_FINE, DISK_FULL } from '../core/machine/disk-conditions.ts';
import { MAX_DISK_PAGE } from '../core/machine/disk-records.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { LOAD, LOADED, STORE, STORED, type Load, type Loaded, type Store } from '../core/machine/kinds.ts';
import type { Device, Respond } from './device.ts';
import { writeDurably } from './durable-file.ts';
import { RecordLog } from './record-log.ts';

const RECORDS_FILE = 'records.log';
const BOOT_FILE = 'boot-count.json';

/**
 * STORE and LOAD over one file. A full disk and records that cannot be understood are answers; whatever else keeps it
 * from writing or reading ends the node: `fail` is told why.
 */
export class Disk implements Device {
  private readonly path: string;
  private readonly ids: Ids;
  private readonly fail: (error: Error) => void;
  private log: RecordLog | null = null;

  constructor(folder: string, ids: Ids, fail: (error: Error) => void) {
    this.path = join(folder, RECORDS_FILE);
    this.ids = ids;
    this.fail = fail;
  }

  handle(asked: Envelope, respond: Respond): void {
    try {
      this.log ??= new RecordLog(this.path, this.ids);
      if (asked.kind === LOAD) respond(LOADED, pageOf(this.log, (asked.body as Load).after));
      else if (asked.kind === STORE)
        respond(STORED, { condition: tryToAppend(this.log, asked.body as Store) });
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

function pageOf({ records, corrupt }: RecordLog, after: string): Loaded {
  const keys = [...records.keys(), ...corrupt]
    .filter((key) => key > after)
    .sort((left, right) => (left < right ? -1 : 1));
  const page = keys.slice(0, MAX_DISK_PAGE);
  return {
    entries: page.flatMap((key) => {
      const held = records.get(key);
      return held === undefined ? [] : [{ key, record: held.record }];
    }),
    corrupt: page.filter((key) => corrupt.has(key)),
    next: keys.length > page.length ? page[page.length - 1] : '',
    condition: DISK_FINE,
  };
}

/** Whether there was room. What was there before stays until all of the new is written. */
function tryToAppend(log: RecordLog, { writes }: Store): number {
  try {
    log.append(writes);
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
