import type { LinkFault } from '../scenario/resolved-link-faults.ts';
import type { ArmedFault } from './harm.ts';

/**
 * What faults do to an envelope, in the order in which they do it whatever the order in which they came: what is cut
 * is not lost as well, what is lost is not held, what is held is not queued yet.
 */
export const CUTS = 0;
export const LOSES = 1;
export const HOLDS = 2;
export const LIMITS = 3;
export const DELAYS = 4;
export const REORDERS = 5;
export const SLOWS = 6;
export const DOUBLES = 7;

/** How many envelopes one fault holds on one link at most; what comes beyond is dropped. */
export const MOST_HELD = 65_536;

/** The nodes of two clusters that are meant, by index; null: all of the cluster. */
export interface Ends {
  readonly from: ReadonlySet<number> | null;
  readonly to: ReadonlySet<number> | null;
}

/** An envelope that is held, and the word of chance that goes with it. */
export interface Held {
  readonly slot: number;
  readonly word: number;
}

/** One fault on one link. */
export class LinkHarm {
  readonly armed: ArmedFault<LinkFault>;
  readonly act: number;
  /** 1 for each kind of message that is meant; null: all. */
  private readonly kinds: Uint8Array | null;
  /** Any one of these pairs of ends is meant; null: all. */
  private readonly ends: readonly Ends[] | null;
  /** A chance, or a factor. */
  readonly ppm: number = 1_000_000;
  /** Quantiles of what is added, µs. */
  readonly addUs: readonly number[] = [0, 0];
  readonly bytesPerSecond: number = 0;
  readonly queueBytes: number = 0;
  /** When what was let on a limited link so far has left it. */
  busyUntilUs = 0;
  readonly held: Held[] = [];

  constructor(armed: ArmedFault<LinkFault>, kinds: Uint8Array | null, ends: readonly Ends[]) {
    const { fault } = armed;
    this.armed = armed;
    this.kinds = kinds;
    this.ends = ends.some(({ from, to }) => from === null && to === null) ? null : ends;
    switch (fault.kind) {
      case 'cut':
        this.act = CUTS;
        return;
      case 'loss':
        this.act = LOSES;
        this.ppm = fault.ppm;
        return;
      case 'hold':
        this.act = HOLDS;
        return;
      case 'bandwidth':
        this.act = LIMITS;
        this.bytesPerSecond = fault.bytesPerSecond;
        this.queueBytes = fault.queueBytes;
        return;
      case 'delay':
        this.act = DELAYS;
        this.addUs = typeof fault.addUs === 'number' ? [fault.addUs, fault.addUs] : fault.addUs;
        return;
      case 'reorder':
        this.act = REORDERS;
        this.ppm = fault.ppm;
        this.addUs = [1, fault.byUs];
        return;
      case 'slow':
        this.act = SLOWS;
        this.ppm = fault.factorPpm;
        return;
      case 'duplicate':
        this.act = DOUBLES;
        this.ppm = fault.ppm;
        return;
    }
  }

  /** Whether nothing at all gets through. */
  get isFullCut(): boolean {
    return this.act === CUTS && this.kinds === null && this.ends === null;
  }

  /** Whether it harms this kind of message between these two nodes. */
  concerns(kind: number, from: number, to: number): boolean {
    if (this.kinds !== null && this.kinds[kind] !== 1) return false;
    if (this.ends === null) return true;
    for (const ends of this.ends) {
      if ((ends.from === null || ends.from.has(from)) && (ends.to === null || ends.to.has(to))) return true;
    }
    return false;
  }
}
