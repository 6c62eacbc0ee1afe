/** The disk of a live node: what it must find again after a crash. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ids } from '../core/base/peers.ts';
import { DISK_FAILED, DISK_FINE, DISK_FULL } from '../core/machine/disk-conditions.ts';
import { MAX_DISK_PAGE, type DiskEntry } from '../core/machine/disk-records.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { LOAD, LOADED, STORE, STORED, type Load, type Loaded, type Store } from '../core/machine/kinds.ts';
import { ContentFiles, refsOf } from './content-files.ts';
import type { Contents } from './contents.ts';
import type { Device, Respond } from './device.ts';
import { writeDurably } from './durable-file.ts';
import { RecordLog } from './record-log.ts';

const RECORDS_FILE = 'records.log';
const CONTENTS_FOLDER = 'contents';
const BOOT_FILE = 'boot-count.json';
const JOURNAL_FILE = /^journal-(\d{1,15})\.jsonl$/;

/**
 * STORE and LOAD over one file of records, and one file for each content that records name: contents are on disk before the
 * record is, and are held in memory again before a LOADED names them. A full disk and records that cannot be understood, or
 * whose contents are gone, are answers; whatever else keeps it from writing or reading ends the node: `fail` is told why.
 */
export class Disk implements Device {
  private readonly path: string;
  private readonly ids: Ids;
  private readonly contents: Contents;
  private readonly files: ContentFiles;
  private readonly fail: (error: Error) => void;
  private readonly onPutBack: () => void;
  private log: RecordLog | null = null;

  /** @param onPutBack called when the records turn out to be those of a backup */
  constructor(
    folder: string,
    ids: Ids,
    contents: Contents,
    fail: (error: Error) => void,
    onPutBack = (): void => undefined,
  ) {
    this.onPutBack = onPutBack;
    this.path = join(folder, RECORDS_FILE);
    this.ids = ids;
    this.contents = contents;
    this.files = new ContentFiles(join(folder, CONTENTS_FOLDER));
    contents.files = this.files;
    this.fail = fail;
  }

  handle(asked: Envelope, respond: Respond): void {
    try {
      this.log ??= this.open();
      if (asked.kind === LOAD) respond(LOADED, this.pageOf(this.log, (asked.body as Load).after));
      else if (asked.kind === STORE)
        respond(STORED, { condition: this.tryToStore(this.log, asked.body as Store) });
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private open(): RecordLog {
    const log = new RecordLog(this.path, this.ids);
    if (log.isPutBack) {
      log.forgetStale();
      this.onPutBack();
    }
    for (const { record } of log.records.values()) this.files.replace(null, record);
    // What a damaged record named may be needed by whoever looks into it.
    if (log.corrupt.size === 0) this.files.sweep();
    return log;
  }

  private pageOf({ records, corrupt }: RecordLog, after: string): Loaded {
    const keys = [...records.keys(), ...corrupt]
      .filter((key) => key > after)
      .sort((left, right) => (left < right ? -1 : 1));
    const page = keys.slice(0, MAX_DISK_PAGE);
    const entries: DiskEntry[] = [];
    const damaged: string[] = [];
    for (const key of page) {
      const record = records.get(key)?.record;
      const isWhole = record !== undefined && refsOf(record).every((content) => this.contents.get(content));
      if (isWhole) entries.push({ key, record });
      else damaged.push(key);
    }
    const next = keys.length > page.length ? page[page.length - 1] : '';
    return { entries, corrupt: damaged, next, condition: DISK_FINE };
  }

  /** Whether there was room. What was there before stays until all of the new is written. */
  private tryToStore(log: RecordLog, { writes }: Store): number {
    try {
      for (const content of writes.flatMap(({ record }) => refsOf(record))) {
        if (this.files.lies(content)) continue;
        const bytes = this.contents.get(content);
        if (bytes === undefined) return DISK_FAILED;
        this.files.write(content, bytes);
      }
      const replaced = writes.map(({ key }) => log.records.get(key)?.record ?? null);
      log.append(writes);
      writes.forEach(({ record }, i) => {
        const erased = this.files.replace(replaced[i], record);
        // What a pod host has let go of it cannot give to anybody any more, not even for a moment (R6.2-2).
        if (replaced[i]?.pod) erased.forEach((hash) => this.contents.forget(hash));
      });
      return DISK_FINE;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOSPC' || code === 'EDQUOT') return DISK_FULL;
      throw error;
    }
  }
}

/**
 * Counts this boot, durably, before anything is said in its name. 1 for the first. A backup that is put back has counted fewer boots than
 * there are journals: none of them is written over.
 */
export function takeBootCount(folder: string): number {
  const path = join(folder, BOOT_FILE);
  const counted = existsSync(path) ? readWhole(path, 'bootCount') : 0;
  const journals = readdirSync(folder).map((file) => Number(JOURNAL_FILE.exec(file)?.[1] ?? 0));
  const bootCount = Math.max(counted, ...journals) + 1;
  writeDurably(path, `${JSON.stringify({ format: 1, bootCount })}\n`);
  return bootCount;
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
