/**
 * Where in the future a record lies: buckets by time, in levels that get coarser with distance.
 *
 * Time is cut into ticks of a power of two; 2^30 ticks are an era. Levels 0, 1 and 2 hold the present era in 1,024
 * buckets of 1, 2^10 and 2^20 ticks each; level 3 holds the present 1,024 eras, level 4 whatever comes after them up
 * to the last safe integer. So nothing is ever searched or scanned, and a record moves at most four times.
 */
import { LAYOUT, RecordChains } from './schedule-records.ts';

const { CHUNK_RECORDS, CHUNK_WORDS, COUNTER, KIND, LINK, RECORD_WORDS, SLOT, SOURCE } = LAYOUT;

const BUCKETS = 1024;
const ERA_TICKS = 2 ** 30;
const LEVEL_1 = BUCKETS;
const LEVEL_2 = 2 * BUCKETS;
const LEVEL_3 = 3 * BUCKETS;
const LEVEL_4 = 4 * BUCKETS; // 8 times as long as the others: 2^13 × 2^10 eras are 2^53 ticks
const UNSORTED = 12 * BUCKETS; // the bucket of all records while the wheel is not built
const OPEN = UNSORTED + 32; // the bucket whose turn it is, with what came too late to be sorted with it
const ALL_BUCKETS = OPEN + 32;

/** First buckets of the levels, the two buckets apart from them, and the ticks of an era. See `LAYOUT` for its use. */
export const LEVELS = { LEVEL_1, LEVEL_2, UNSORTED, OPEN, ERA_TICKS } as const;

/** How many events a bucket should hold. From 8 to 32 it makes no difference. */
export const EVENTS_PER_BUCKET = 16;
const LONGEST_SHIFT = 43;
const SAMPLE_EVENTS = 512;

/** The power of two nearest to a positive ratio, by its exponent. */
export function nearestShift(ratio: number): number {
  let shift = 0;
  for (; ratio > Math.SQRT2; ratio /= 2) shift++;
  for (; ratio < Math.SQRT1_2; ratio *= 2) shift--;
  return shift;
}

export class TimingWheel extends RecordChains {
  // A field that starts as a fraction is stored as a double for good, in place and without allocation.
  /** Time of the event popped last; 0 before the first. */
  time = 0.5;
  /** Width of a tick is 2^shift. */
  protected shift = 0;
  protected ticksPerUnit = 0.5;
  /** Number of the present era. */
  private era = 0;
  /** First tick of the present era; NaN while the wheel is not built. */
  protected base = 0.5;
  /** The tick opened last, within the era. */
  protected tick = 0;
  /** The first tick not opened yet, within the era. */
  protected from = 0;

  constructor() {
    super(ALL_BUCKETS);
    this.time = 0;
    this.ticksPerUnit = 1;
    this.base = NaN;
  }

  /** Width of a bucket in units of time: a power of two that follows the load and never affects the order. */
  get bucketWidth(): number {
    return 2 ** this.shift;
  }

  protected get isBuilt(): boolean {
    return !Number.isNaN(this.base);
  }

  /** Builds the wheel around the present time from the unsorted records. */
  protected build(shift: number): void {
    this.shift = shift;
    this.ticksPerUnit = 2 ** -shift;
    const now = Math.floor(this.time * this.ticksPerUnit);
    this.era = Math.floor(now / ERA_TICKS) | 0;
    this.base = this.era * ERA_TICKS;
    this.tick = (now - this.base) | 0;
    this.from = this.tick;
    this.cascade(this.takeChain(UNSORTED));
  }

  /** Brings the records of all levels into one chain. */
  protected dismantle(): void {
    let bucket = this.findOccupied(0, UNSORTED);
    for (; bucket >= 0; bucket = this.findOccupied(bucket, UNSORTED)) {
      this.joinChain(UNSORTED, this.takeChain(bucket));
    }
    this.base = NaN;
  }

  /** Bucket of a time outside the rest of the era, given in ticks from the era's start. */
  protected findRareBucket(relative: number): number {
    if (relative < this.from) return OPEN;
    if (Number.isNaN(relative)) return UNSORTED;
    const era = this.era + Math.floor(relative / ERA_TICKS);
    return (era ^ this.era) < BUCKETS ? LEVEL_3 + (era & 1023) : LEVEL_4 + (era >> 10);
  }

  /** Moves on to the next bucket of level 0 that holds records, and takes its chain. There must be one. */
  protected takeNextChain(): number {
    for (;;) {
      const bucket = this.findOccupied((this.tick & 1023) + this.from - this.tick, LEVEL_1);
      if (bucket >= 0) {
        this.tick = (this.tick & ~1023) | bucket;
        this.from = this.tick + 1;
        return this.takeChain(bucket);
      }
      const coarser = this.stepUp();
      this.from = this.tick;
      this.cascade(this.takeChain(coarser));
    }
  }

  /** Moves on to the next bucket that holds records in the lowest of the levels above 0 that has one. */
  private stepUp(): number {
    let bucket = this.findOccupied(LEVEL_1 + ((this.tick >> 10) & 1023) + 1, LEVEL_2);
    if (bucket >= 0) {
      this.tick = (this.tick & ~0xfffff) | ((bucket - LEVEL_1) << 10);
      return bucket;
    }
    bucket = this.findOccupied(LEVEL_2 + (this.tick >> 20) + 1, LEVEL_3);
    if (bucket >= 0) {
      this.tick = (bucket - LEVEL_2) << 20;
      return bucket;
    }
    bucket = this.findOccupied(LEVEL_3 + (this.era & 1023) + 1, LEVEL_4);
    if (bucket >= 0) this.era = (this.era & ~1023) | (bucket - LEVEL_3);
    else {
      bucket = this.findOccupied(LEVEL_4 + (this.era >> 10) + 1, UNSORTED);
      if (bucket < 0) throw new Error('the schedule has lost an event');
      this.era = (bucket - LEVEL_4) << 10;
    }
    this.base = this.era * ERA_TICKS;
    this.tick = 0;
    return bucket;
  }

  /** Spreads a chain over the levels, as seen from the present tick. */
  private cascade(end: number): void {
    const { ends, ticksPerUnit, base, tick: present } = this;
    let { words, floats } = this;
    while (end !== 0) {
      const first = ((end - 1) >> 4) * CHUNK_WORDS;
      const last = end * RECORD_WORDS;
      this.touchChunk(words[first + LINK]!);
      for (let record = first; record < last; record += RECORD_WORDS) {
        const time = floats[record >> 1]!;
        const relative = time * ticksPerUnit - base;
        let bucket: number;
        if (relative < ERA_TICKS) {
          const tick = relative | 0;
          const distance = tick ^ present;
          if (distance < 1 << 10) bucket = tick & 1023;
          else if (distance < 1 << 20) bucket = LEVEL_1 + ((tick >> 10) & 1023);
          else bucket = LEVEL_2 + (tick >> 20);
        } else bucket = this.findRareBucket(relative);
        let place = ends[bucket]!;
        if ((place & (CHUNK_RECORDS - 1)) === 0) {
          place = this.extendChain(bucket, place);
          ({ words, floats } = this);
        }
        ends[bucket] = place + 1;
        const to = place * RECORD_WORDS;
        floats[to >> 1] = time;
        floats[(to >> 1) + COUNTER] = floats[(record >> 1) + COUNTER]!;
        words[to + SOURCE] = words[record + SOURCE]!;
        words[to + SLOT] = words[record + SLOT]!;
        words[to + KIND] = words[record + KIND]!;
      }
      end = this.freeChunk(end);
    }
  }

  /** The shift that suits the nearer half of the unsorted records, `count` of them, by a sample of their times. */
  protected estimateShift(count: number): number {
    const step = Math.ceil(count / SAMPLE_EVENTS);
    const times = new Float64Array(SAMPLE_EVENTS);
    let sampled = 0;
    let skipped = 0;
    let end = this.ends[UNSORTED]!;
    while (end !== 0) {
      const chunk = (end - 1) >> 4;
      const records = end - chunk * CHUNK_RECORDS;
      for (; skipped < records; skipped += step) {
        times[sampled++] = this.floats[((chunk * CHUNK_RECORDS + skipped) * RECORD_WORDS) >> 1]!;
      }
      skipped -= records;
      end = this.words[chunk * CHUNK_WORDS + LINK]!;
    }
    const sorted = times.subarray(0, sampled).sort((a, b) => a - b);
    const first = sorted[0]!;
    const start = sorted.findIndex((time) => time > first);
    if (start < 0) return this.shift;
    const middle = start + ((sampled - start) >> 1);
    const width = ((sorted[middle]! - first) * EVENTS_PER_BUCKET) / ((middle - start + 1) * step);
    return this.clampShift(nearestShift(width));
  }

  protected clampShift(shift: number): number {
    return Math.max(0, Math.min(shift, LONGEST_SHIFT));
  }
}
