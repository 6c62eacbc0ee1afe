/** Memory of an accelerator is reserved before a model is loaded (R7.2-3). Pure: what to do is said, and done elsewhere. */

/** A model that memory is reserved for: on its way in, in, or on its way out. */
export interface Reservation {
  readonly id: string;
  readonly memoryBytes: number;
  /** Whether it may not be unloaded now: it is at work, on its way in, or always held. */
  readonly isHeld: boolean;
  /** Whether it is on its way out: its memory is free when the accelerator has said so, and not before. */
  readonly isLeaving: boolean;
  readonly lastUsedUs: number;
}

/** What comes before a model can be loaded. */
export interface LoadPlan {
  /** What is to be unloaded, the least recently used first. */
  readonly unload: readonly string[];
  /** Whether there is room now: whoever must wait for unloading asks again after it. */
  readonly isRoom: boolean;
}

/** What may be reserved of an accelerator's memory: some stays free for what models need beside their weights. */
export function reservableBytes(gpuMemoryBytes: number, reservePpm: number): number {
  return gpuMemoryBytes - Math.ceil((gpuMemoryBytes / 1_000_000) * reservePpm);
}

/** Null: it cannot be loaded now, whatever is unloaded that may be. */
export function planLoad(
  reservations: readonly Reservation[],
  mostBytes: number,
  neededBytes: number,
): LoadPlan | null {
  let freeBytes = mostBytes;
  for (const { memoryBytes } of reservations) freeBytes -= memoryBytes;
  if (freeBytes >= neededBytes) return { unload: [], isRoom: true };
  for (const { memoryBytes, isLeaving } of reservations) if (isLeaving) freeBytes += memoryBytes;
  const idle = reservations
    .filter(({ isHeld, isLeaving }) => !isHeld && !isLeaving)
    .sort((left, right) => left.lastUsedUs - right.lastUsedUs || (left.id < right.id ? -1 : 1));
  const unload: string[] = [];
  for (const { id, memoryBytes } of idle) {
    if (freeBytes >= neededBytes) break;
    freeBytes += memoryBytes;
    unload.push(id);
  }
  return freeBytes >= neededBytes ? { unload, isRoom: false } : null;
}
