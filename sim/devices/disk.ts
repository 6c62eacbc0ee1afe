import { NEVER_US } from '../../core/base/time.ts';
import { DISK_FINE, DISK_FULL } from '../../core/machine/disk-conditions.ts';
import {
  diskRecordShape,
  MAX_DISK_PAGE,
  outlivesBackup,
  type DiskEntry,
  type DiskRecord,
  type DiskWrite,
} from '../../core/machine/disk-records.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { LOADED, STORED, type Load, type Loaded, type Store, type Stored } from '../../core/machine/kinds.ts';
import { mayHoldRefs, visitRefs, type Ref, type Shape } from '../../core/machine/shape.ts';
import { actingOn } from '../faults/acting.ts';
import type { ArmedFault } from '../faults/harm.ts';
import type { Library } from '../library.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';
import { Shelf } from './shelf.ts';

/** Assumed: an NVMe disk that syncs in a millisecond and reads in a fifth of one, and writes and reads contents at 500 MB/s. */
export const SYNC_US = 1_000;
const READ_US = 200;
const CONTENT_BYTES_PER_US = 500;

/** Asked to be written and not synced yet. */
interface Writing {
  readonly n: number;
  readonly writes: readonly DiskWrite[];
}

/** What a loss of power would bring back; null where nothing was. */
interface Before {
  readonly record: DiskRecord | null;
  readonly isRotten: boolean;
}

const NONE: readonly never[] = [];

/** What most disks have nothing of. */
class Rest {
  readonly contents = new Map<string, number>();
  readonly rotten = new Set<string>();
  readonly unflushed = new Map<string, Before>();
  readonly keys = new Map<number, string>();
  readonly unflushedKeys = new Map<number, string | null>();
  held: readonly number[] = NONE;
}

/** A disk: what is on it, and how it does. Of a million most hold two records and never fail: the rest is made when it is needed. */
export class Platter {
  readonly records = new Shelf();
  /** In order: a loss of power takes them. A list is replaced, and never changed. */
  writes: readonly Writing[] = NONE;
  private ownRest: Rest | null = null;

  /** Slots of answers that wait for a stall to end. A list is replaced, and never changed. */
  get held(): readonly number[] {
    return this.ownRest === null ? NONE : this.ownRest.held;
  }

  set held(slots: readonly number[]) {
    if (this.ownRest !== null || slots.length > 0) this.rest.held = slots;
  }

  /** Contents on it by hash, with how often records name them: what none names any more is erased. */
  get contents(): Map<string, number> {
    return this.rest.contents;
  }

  holds(hash: string): boolean {
    return this.ownRest !== null && this.ownRest.contents.has(hash);
  }

  /** Keys whose records fail their checksums. */
  get rotten(): Set<string> {
    return this.rest.rotten;
  }

  isRotten(key: string): boolean {
    return this.ownRest !== null && this.ownRest.rotten.has(key);
  }

  /** By key: what a loss of power would bring back, if the disk says that it has synced what it has not. */
  get unflushed(): Map<string, Before> {
    return this.rest.unflushed;
  }

  /** Files of KEYS: names of keys, and the pods that they are of. */
  get keys(): Map<number, string> {
    return this.rest.keys;
  }

  /** By name of the key: what a loss of power would bring back. */
  get unflushedKeys(): Map<number, string | null> {
    return this.rest.unflushedKeys;
  }

  private get rest(): Rest {
    return (this.ownRest ??= new Rest());
  }

  /** What a stall kept from being said, to be said now. */
  takeHeld(): readonly number[] {
    const { held } = this;
    this.held = NONE;
    return held;
  }
}

export function load(machine: Machine, { after }: Load): DeviceAnswer {
  const { platter } = machine;
  const { records } = platter;
  const keys = records
    .keys()
    .filter((key) => key > after)
    .sort((left, right) => (left < right ? -1 : 1));
  const page = keys.slice(0, MAX_DISK_PAGE);
  const sound = page.filter((key) => !platter.isRotten(key));
  const body: Loaded = {
    entries: sound.map((key) => ({ key, record: records.get(key)! })),
    corrupt: page.filter((key) => platter.isRotten(key)),
    next: keys.length > page.length ? page[page.length - 1] : '',
    condition: DISK_FINE,
  };
  // Models are read when they are loaded.
  const small = body.entries.filter(({ record }) => record.model === null);
  return { kind: LOADED, body, delayUs: delayOf(machine, READ_US + contentUs(small)) };
}

/** Takes effect when the sync completes: see completeWrite. */
export function store(machine: Machine, { n, body }: Envelope): DeviceAnswer {
  const { writes } = body as Store;
  const full = actingOn(machine, 'fullDisk');
  for (const fault of full) fault.affected++;
  if (full.length === 0) machine.platter.writes = [...machine.platter.writes, { n, writes }];
  const answer: Stored = { condition: full.length === 0 ? DISK_FINE : DISK_FULL };
  return {
    kind: STORED,
    body: answer,
    delayUs: delayOf(machine, SYNC_US + newContentUs(machine.platter, writes)),
  };
}

/**
 * The moment at which a write is synced and STORED is about to be said. False if the machine loses its power just
 * then, before or after the records are on disk, so that nobody hears of it.
 */
export function completeWrite(world: World, machine: Machine, { n }: Envelope): boolean {
  const { platter } = machine;
  const at = platter.writes.findIndex((write) => write.n === n);
  if (at < 0) return true;
  if (isTrapped(world, machine, 'before-sync')) return false;
  const { writes } = platter.writes[at];
  platter.writes = platter.writes.length === 1 ? NONE : platter.writes.filter((_, i) => i !== at);
  const lying = actingOn(machine, 'lostWrite');
  for (const fault of lying) fault.affected++;
  for (const { key, record } of writes) {
    if (lying.length > 0 && !platter.unflushed.has(key))
      platter.unflushed.set(key, {
        record: platter.records.get(key) ?? null,
        isRotten: platter.isRotten(key),
      });
    put(platter, key, record, false);
  }
  platter.records.share(world.identities.alike);
  return !isTrapped(world, machine, 'before-ack');
}

/** What a loss of power does to a disk. */
export function losePower(machine: Machine): void {
  const { platter } = machine;
  for (const [key, { record, isRotten }] of platter.unflushed) put(platter, key, record, isRotten);
  platter.unflushed.clear();
  for (const [keyId, pod] of platter.unflushedKeys) {
    if (pod === null) platter.keys.delete(keyId);
    else platter.keys.set(keyId, pod);
  }
  platter.unflushedKeys.clear();
  const [torn] = platter.writes;
  for (const fault of torn === undefined ? [] : actingOn(machine, 'tornWrite')) {
    // Half of a new record over half of the old one.
    for (const { key, record } of torn.writes) if (record !== null) put(platter, key, record, true);
    fault.affected++;
  }
  platter.writes = NONE;
}

/** Nothing is on it any more, and nothing is under way. */
export function wipeDisk({ platter }: Machine): void {
  platter.records.clear();
  platter.contents.clear();
  platter.rotten.clear();
  platter.unflushed.clear();
  platter.keys.clear();
  platter.unflushedKeys.clear();
  platter.writes = NONE;
}

/** What is on a disk, keys apart: they are kept out of backups (R6.2-2). */
export interface Backup {
  readonly records: readonly DiskEntry[];
  readonly rotten: readonly string[];
  readonly bootCount: number;
}

export function backUp(machine: Machine, armed: ArmedFault): void {
  const { records, rotten } = machine.platter;
  machine.backups.set(armed, {
    records: records.keys().map((key) => ({ key, record: records.get(key)! })),
    rotten: [...rotten],
    bootCount: machine.bootCount,
  });
}

/** Puts a backup back, with the count of boots of then, as far as a node may go on from it: live nodes see to that themselves. */
export function restoreBackup(machine: Machine, armed: ArmedFault): void {
  const { records, rotten, bootCount } = machine.backups.get(armed)!;
  const { platter } = machine;
  machine.backups.delete(armed);
  platter.writes = NONE;
  platter.unflushed.clear();
  for (const key of platter.records.keys()) put(platter, key, null, false);
  for (const { key, record } of records)
    if (outlivesBackup(record)) put(platter, key, record, rotten.includes(key));
  machine.bootCount = bootCount;
}

function put(platter: Platter, key: string, record: DiskRecord | null, isRotten: boolean): void {
  const { records } = platter;
  countContents(platter, record, 1);
  countContents(platter, records.get(key) ?? null, -1);
  if (record === null) records.delete(key);
  else records.set(key, record);
  if (record !== null && isRotten) platter.rotten.add(key);
  else if (platter.isRotten(key)) platter.rotten.delete(key);
}

/** What a node has on its disk before it is first booted. */
export function stockDisk({ spec, platter }: Machine, library: Library): void {
  for (const model of spec.stockedModels ?? [])
    for (const { key, record } of library.stockOf(model)) put(platter, key, record, false);
  for (const model of spec.publishedModels ?? [])
    for (const { key, record } of library.archiveOf(model)) put(platter, key, record, false);
}

/** How long contents take to be written that are not on the disk yet, µs. */
function newContentUs(platter: Platter, writes: readonly DiskWrite[]): number {
  let bytes = 0;
  for (const { record } of writes)
    visitContents(record, ({ hash, sizeBytes }) => {
      if (!platter.holds(hash)) bytes += sizeBytes;
    });
  return Math.ceil(bytes / CONTENT_BYTES_PER_US);
}

/** How long the contents that records name take to be read, µs. */
function contentUs(entries: readonly { readonly record: DiskRecord | null }[]): number {
  let bytes = 0;
  for (const { record } of entries) visitContents(record, ({ sizeBytes }) => (bytes += sizeBytes));
  return Math.ceil(bytes / CONTENT_BYTES_PER_US);
}

function visitContents(record: DiskRecord | null, visit: (content: Ref) => void): void {
  if (MAY_HOLD_CONTENTS && record !== null) visitRefs(diskRecordShape as Shape, record, visit);
}

function countContents(platter: Platter, record: DiskRecord | null, by: 1 | -1): void {
  visitContents(record, ({ hash }) => {
    const { contents } = platter;
    const count = (contents.get(hash) ?? 0) + by;
    if (count > 0) contents.set(hash, count);
    else contents.delete(hash);
  });
}

const MAY_HOLD_CONTENTS = mayHoldRefs(diskRecordShape as Shape);

/** Whether a fault waits for just this moment; it then takes the power, once. */
export function isTrapped(world: World, machine: Machine, point: 'before-sync' | 'before-ack'): boolean {
  const trap = actingOn(machine, 'crash').find(({ fault }) => fault.point === point);
  if (trap === undefined) return false;
  trap.affected++;
  machine.faults.splice(machine.faults.indexOf(trap), 1);
  machine.offBy.add(trap);
  world.stepper.crash(machine);
  return true;
}

export function delayOf(machine: Machine, us: number): number {
  let delayUs = us;
  for (const stall of actingOn(machine, 'stalledDisk')) {
    stall.affected++;
    const { byUs } = stall.fault;
    delayUs = byUs === null ? NEVER_US : Math.max(delayUs, us + byUs);
  }
  return delayUs;
}
