import { NEVER_US } from '../../core/base/time.ts';
import { DISK_CORRUPT, DISK_FINE, DISK_FULL } from '../../core/machine/disk-conditions.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { LOADED, STORED, type Loaded, type Stored, type StoredState } from '../../core/machine/kinds.ts';
import { actingOn } from '../faults/acting.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import type { DeviceAnswer } from './device-answer.ts';

/** Assumed: an NVMe disk that syncs in a millisecond and reads in a fifth of one. */
const SYNC_US = 1_000;
const READ_US = 200;

/** How a disk does, beside what is on it. */
export interface Platter {
  /** The record fails its checksum. */
  isRotten: boolean;
  /** Asked to be written and not synced yet, in order: a loss of power takes them. */
  readonly writes: { readonly n: number; readonly record: StoredState }[];
  /** What a loss of power would leave, if the disk says that it has synced what it has not; null: all that is there. */
  unflushed: { readonly record: StoredState | null; readonly isRotten: boolean } | null;
  /** Slots of answers that wait for a stall to end. */
  readonly held: number[];
}

export function createPlatter(): Platter {
  return { isRotten: false, writes: [], unflushed: null, held: [] };
}

export function load(machine: Machine): DeviceAnswer {
  const { isRotten } = machine.platter;
  const body: Loaded = isRotten
    ? { state: null, condition: DISK_CORRUPT }
    : { state: machine.disk, condition: DISK_FINE };
  return { kind: LOADED, body, delayUs: delayOf(machine, READ_US) };
}

/** Takes effect when the sync completes: see completeWrite. */
export function store(machine: Machine, { n, body: record }: Envelope): DeviceAnswer {
  const full = actingOn(machine, 'fullDisk');
  for (const fault of full) fault.affected++;
  if (full.length === 0) machine.platter.writes.push({ n, record: record as StoredState });
  const body: Stored = { condition: full.length === 0 ? DISK_FINE : DISK_FULL };
  return { kind: STORED, body, delayUs: delayOf(machine, SYNC_US) };
}

/**
 * The moment at which a write is synced and STORED is about to be said. False if the machine loses its power just
 * then, before or after the record is on disk, so that nobody hears of it.
 */
export function completeWrite(world: World, machine: Machine, { n }: Envelope): boolean {
  const { platter } = machine;
  const at = platter.writes.findIndex((write) => write.n === n);
  if (at < 0) return true;
  if (isTrapped(world, machine, 'before-sync')) return false;
  const [{ record }] = platter.writes.splice(at, 1);
  const lying = actingOn(machine, 'lostWrite');
  if (lying.length > 0) platter.unflushed ??= { record: machine.disk, isRotten: platter.isRotten };
  for (const fault of lying) fault.affected++;
  machine.disk = record;
  platter.isRotten = false;
  return !isTrapped(world, machine, 'before-ack');
}

/** What a loss of power does to a disk. */
export function losePower(machine: Machine): void {
  const { platter } = machine;
  if (platter.unflushed !== null) {
    machine.disk = platter.unflushed.record;
    platter.isRotten = platter.unflushed.isRotten;
    platter.unflushed = null;
  }
  const [torn] = platter.writes;
  for (const fault of torn === undefined ? [] : actingOn(machine, 'tornWrite')) {
    // Half of the new record over half of the old one.
    machine.disk ??= torn.record;
    platter.isRotten = true;
    fault.affected++;
  }
  platter.writes.length = 0;
}

/** Nothing is on it any more, and nothing is under way. */
export function wipeDisk(machine: Machine): void {
  machine.disk = null;
  machine.platter.isRotten = false;
  machine.platter.unflushed = null;
  machine.platter.writes.length = 0;
}

/** Whether a fault waits for just this moment; it then takes the power, once. */
function isTrapped(world: World, machine: Machine, point: 'before-sync' | 'before-ack'): boolean {
  const trap = actingOn(machine, 'crash').find(({ fault }) => fault.point === point);
  if (trap === undefined) return false;
  trap.affected++;
  machine.faults.splice(machine.faults.indexOf(trap), 1);
  machine.offBy.add(trap);
  world.stepper.crash(machine);
  return true;
}

function delayOf(machine: Machine, us: number): number {
  let delayUs = us;
  for (const stall of actingOn(machine, 'stalledDisk')) {
    stall.affected++;
    const { byUs } = stall.fault;
    delayUs = byUs === null ? NEVER_US : Math.max(delayUs, us + byUs);
  }
  return delayUs;
}
