import { CLASSES, KINDS, type MessageClass } from './kinds.ts';

/**
 * How many envelopes of each class may wait; beyond it they are dropped and counted. Answers of the node's own devices
 * never are: there are no more of them than it asked for, and who waits for one would wait for good.
 */
export const INBOX_LIMITS: readonly number[] = [Infinity, 4_096, 2_048, 1_024, 512, 256];

/**
 * What waits for a busy node, by class: devices before membership, before control, before requests, replication and telemetry.
 * Inside a class it is first come, first served. Both drivers use it; what waits is theirs to say.
 */
export class Inbox<T> {
  size = 0;
  readonly dropped: number[] = CLASSES.map(() => 0);
  private readonly queues: T[][] = CLASSES.map(() => []);
  private readonly heads: number[] = CLASSES.map(() => 0);

  /** False if the class is full: then the item is not kept. */
  offer(messageClass: MessageClass, item: T): boolean {
    const queue = this.queues[messageClass];
    if (queue.length - this.heads[messageClass] >= INBOX_LIMITS[messageClass]) {
      this.dropped[messageClass]++;
      return false;
    }
    queue.push(item);
    this.size++;
    return true;
  }

  /** The next to be served, or undefined. */
  take(): T | undefined {
    for (let i = 0; i < this.queues.length; i++) {
      const queue = this.queues[i];
      const head = this.heads[i];
      if (head >= queue.length) continue;
      const item = queue[head];
      this.heads[i]++;
      // Shifting the whole queue once in a while costs less than shifting it each time.
      if (this.heads[i] === queue.length || this.heads[i] >= 512) {
        queue.splice(0, this.heads[i]);
        this.heads[i] = 0;
      }
      this.size--;
      return item;
    }
    return undefined;
  }
}

export function classOfKind(kind: number): MessageClass {
  return KINDS[kind]?.class ?? 5;
}

/** What handling an envelope costs a node of that speed, µs (1,000,000 ppm: speed 1). */
export function stepCostUs(kind: number, speedPpm: number): number {
  return Math.ceil(((KINDS[kind]?.costUs ?? 0) * 1_000_000) / speedPpm);
}
