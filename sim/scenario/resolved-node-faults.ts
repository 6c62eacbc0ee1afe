import type { Lasting, Momentary } from './resolved-faults.ts';

interface OnNodes extends Lasting {
  /** By name. */
  readonly nodes: readonly string[];
}

/** Where in a write a node loses its power: before the record is on disk, or when it is and nobody has been told. */
export const CRASH_POINTS = ['before-sync', 'before-ack'] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Harm to nodes. What lasts is undone at its end; nodes that are off are then booted, unless another fault keeps them off. */
export type ResolvedNodeFault =
  /** Volatile state and what was not synced are lost. With a point: at the next write that comes there, once. */
  | ({ readonly kind: 'crash'; readonly point?: CrashPoint } & OnNodes)
  /** A crash that takes the disk, too: whoever boots afterwards has the name and the keys, and no past. */
  | ({ readonly kind: 'wipe' } & OnNodes)
  /** A crash at its end, after which the disk is as it was when it began: a backup was put back. Keys are in no backup. */
  | ({ readonly kind: 'restore' } & OnNodes)
  | ({ readonly kind: 'restart'; readonly nodes: readonly string[] } & Momentary)
  /** Frozen: nothing is handled; what arrives waits. */
  | ({ readonly kind: 'pause' } & OnNodes)
  /** Steps and accelerator run at this share of their speed, ppm. */
  | ({ readonly kind: 'slowNode'; readonly toPpm: number } & OnNodes)
  /** Restarts under another version of the wire format, and under its own at the end. */
  | ({ readonly kind: 'otherVersion'; readonly version: number } & OnNodes)
  | ({
      readonly kind: 'clock';
      /** Of the steady clock, −200 … 200 ppm. */
      readonly driftPpm: number;
      /** The wall clock is off by so much while the fault acts. */
      readonly offsetUs: number;
      /** The wall clock jumps by so much when it begins, and nobody puts it right. */
      readonly stepUs: number;
    } & OnNodes)
  /** A write that a loss of power interrupts leaves a record that fails its checksum. */
  | ({ readonly kind: 'tornWrite' } & OnNodes)
  /** The disk says that it has synced what it has not: a loss of power meanwhile takes those writes back. */
  | ({ readonly kind: 'lostWrite' } & OnNodes)
  /** What is on the disk fails its checksum, until it is written again. */
  | ({ readonly kind: 'bitRot'; readonly nodes: readonly string[] } & Momentary)
  | ({ readonly kind: 'fullDisk' } & OnNodes)
  /** The disk answers so much later; null: when the fault has ended. */
  | ({ readonly kind: 'stalledDisk'; readonly byUs: number | null } & OnNodes)
  | ({ readonly kind: 'outOfMemory' } & OnNodes)
  | ({ readonly kind: 'slowAccelerator'; readonly toPpm: number } & OnNodes)
  | ({ readonly kind: 'failingAccelerator'; readonly ppm: number } & OnNodes)
  /** It answers with what it has not made from the prompt. */
  | ({ readonly kind: 'wrongAccelerator'; readonly ppm: number } & OnNodes);
