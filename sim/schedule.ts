/**
 * A run's future: every event still to come, given back in the exact order (time, source, counter).
 *
 * A hierarchical timing wheel. Time is cut into ticks of a power of two; the levels hold 1,024 buckets of 1, 2^10
 * and 2^20 ticks, and two coarser levels hold whatever lies beyond these 2^30 ticks, up to the last safe integer, so
 * nothing is ever scanned in vain. A bucket is a chain of chunks of 16 records of 32 bytes in one pool. The bucket
 * whose turn has come is sorted where it lies, through an index; what is pushed into it afterwards is late and goes
 * to a small heap. The tick follows the load, so that a bucket holds some 8 to 32 events.
 */
import { isTiedBefore, popHeap, pushHeap, sortIndex } from './schedule-sort.ts';

/** Called once for each pending event; the arguments are those of `Schedule.push`. */
export type EventVisitor = (
  time: number,
  source: number,
  counter: number,
  kind: number,
  slot: number,
) => void;

// A record is 8 words of 32 bits: time (float64), counter (float64), source, slot, kind, link.
const RECORD_WORDS = 8;
const CHUNK_RECORDS = 16;
const CHUNK_WORDS = RECORD_WORDS * CHUNK_RECORDS;
const COUNTER = 1; // in float64s
const SOURCE = 4; // in words
const SLOT = 5;
const KIND = 6;
const LINK = 7; // of a chunk's first record: the end position of the chain before this chunk

// A position counts records from the start of the pool and points behind the last record of a chain; 0 is no chain.
const BUCKETS = 1024;
const ERA_TICKS = 2 ** 30;
const LEVEL_1 = BUCKETS;
const LEVEL_2 = 2 * BUCKETS;
const LEVEL_3 = 3 * BUCKETS;
const LEVEL_4 = 4 * BUCKETS;
const UNSORTED = 12 * BUCKETS; // level 4 is 8 times as long: 1,024 × 8,192 eras are 2^53 ticks
const OPEN = UNSORTED + 1;
const LAST = UNSORTED + 32;

const EVENTS_PER_BUCKET = 16;
const FEW_PER_BUCKET = 6;
const MANY_PER_BUCKET = 44;
const LONGEST_SHIFT = 43;
const SMALL_BUCKET = 40; // up to here insertion sort beats merging
const SAMPLE_EVENTS = 512;
const TUNE_EVENTS = 2048;

export class Schedule {
  /** Time of the event popped last; 0 before the first. Never decreases. */
  time = 0.5;
  /** Source of the event popped last. */
  source = 0;
  /** Counter of the event popped last. */
  counter = 0.5;
  /** Kind of the event popped last. */
  kind = 0;
  /** Slot of the event popped last. */
  slot = 0;

  private pending = 0;
  private words: Int32Array;
  private floats: Float64Array;
  private poolChunks: number;
  private usedChunks = 0;
  private free = 0;

  private readonly cursors = new Int32Array(LAST);
  private readonly occupied = new Int32Array(LAST / 32);
  private shift = 0;
  private ticksPerUnit = 0.5;
  private era = 0;
  private base = 0.5; // first tick of the era; NaN while the wheel is not built
  private tick = 0; // of the bucket opened last, within the era
  private from = 0; // first tick not opened yet

  private sortedTimes = new Float64Array(64);
  private sortedRecords = new Int32Array(64);
  private spareTimes = new Float64Array(64);
  private spareSorted = new Int32Array(64);
  private next = 0;
  private end = 0;
  private lateTimes = new Float64Array(16);
  private lateRecords = new Int32Array(16);
  private lateCount = 0;
  private lateSinceOpen = 0;

  private openedBuckets = 0;
  private openedEvents = 0;
  private distinctTimes = 0;
  private lateEvents = 0;

  constructor() {
    // Fields that start as a fraction are born as doubles: they are stored to in place, without allocation.
    this.time = 0;
    this.counter = 0;
    this.ticksPerUnit = 1;
    this.base = NaN;
    this.poolChunks = 64;
    this.words = new Int32Array(this.poolChunks * CHUNK_WORDS);
    this.floats = new Float64Array(this.words.buffer);
  }

  /** Number of pending events. */
  get size(): number {
    return this.pending;
  }

  /** Width of a bucket in units of time: a power of two that follows the load. It never affects the order. */
  get bucketWidth(): number {
    return 2 ** this.shift;
  }

  /** Number of records the pool has room for: grows when it must, never shrinks. */
  get capacity(): number {
    return this.poolChunks * CHUNK_RECORDS;
  }

  /**
   * Adds an event. `time` is a safe integer not below the time of the event popped last; `source` and `slot` are
   * int32; `counter` is a non-negative safe integer; `kind` is 0..255. (time, source, counter) should be unique:
   * events equal in all three come in an unspecified order. Throws RangeError when `time` is in the past or no safe
   * integer.
   */
  push(time: number, source: number, counter: number, kind: number, slot: number): void {
    if (!(time >= this.time && time <= Number.MAX_SAFE_INTEGER && Math.floor(time) === time))
      this.refuse(time);
    this.pending++;
    // Written out in one piece: a call from here would box the time and the counter.
    const relative = time * this.ticksPerUnit - this.base;
    let bucket: number;
    if (relative >= this.from && relative < ERA_TICKS) {
      const tick = relative | 0;
      const distance = tick ^ this.tick;
      if (distance < 1 << 10) bucket = tick & 1023;
      else if (distance < 1 << 20) bucket = LEVEL_1 + ((tick >> 10) & 1023);
      else bucket = LEVEL_2 + (tick >> 20);
    } else bucket = this.findRareBucket(relative);
    let position = this.cursors[bucket]!;
    if ((position & (CHUNK_RECORDS - 1)) === 0) position = this.extendChain(bucket, position);
    this.cursors[bucket] = position + 1;
    const record = position * RECORD_WORDS;
    const words = this.words;
    const floats = this.floats;
    floats[record >> 1] = time;
    floats[(record >> 1) + COUNTER] = counter;
    words[record + SOURCE] = source;
    words[record + SLOT] = slot;
    words[record + KIND] = kind;
    if (bucket === OPEN) this.addLate(record);
  }

  /** Takes the next event into `time`, `source`, `counter`, `kind` and `slot`; false when none is pending. */
  pop(): boolean {
    let record: number;
    if (this.lateCount > 0) record = this.takeEarlier();
    else {
      if (this.next === this.end && !this.advance()) return false;
      record = this.sortedRecords[this.next++]!;
    }
    this.pending--;
    const words = this.words;
    const floats = this.floats;
    const time = floats[record >> 1]!;
    if (time !== this.time) this.distinctTimes++;
    this.time = time;
    this.counter = floats[(record >> 1) + COUNTER]!;
    this.source = words[record + SOURCE]!;
    this.slot = words[record + SLOT]!;
    this.kind = words[record + KIND]!;
    return true;
  }

  /** Time of the next event; Infinity when none is pending. */
  peekTime(): number {
    if (this.lateCount > 0) {
      const late = this.lateTimes[0]!;
      if (this.next === this.end) return late;
      return Math.min(late, this.sortedTimes[this.next]!);
    }
    if (this.next === this.end && !this.advance()) return Infinity;
    return this.sortedTimes[this.next]!;
  }

  /** Visits every pending event once, in no particular order. The visitor must not push or pop. */
  forEach(visit: EventVisitor): void {
    for (let i = this.next; i < this.end; i++) this.visitRecord(this.sortedRecords[i]!, visit);
    for (let i = 0; i < this.lateCount; i++) this.visitRecord(this.lateRecords[i]!, visit);
    for (let bucket = 0; bucket <= UNSORTED; bucket++) {
      let position = this.cursors[bucket]!;
      while (position !== 0) {
        const chunk = ((position - 1) >> 4) * CHUNK_WORDS;
        for (let record = chunk; record < position * RECORD_WORDS; record += RECORD_WORDS) {
          this.visitRecord(record, visit);
        }
        position = this.words[chunk + LINK]!;
      }
    }
  }

  /** An independent schedule with the same pending events, the same time and the same event popped last. */
  clone(): Schedule {
    const copy = new Schedule();
    copy.time = this.time;
    copy.counter = this.counter;
    copy.source = this.source;
    copy.slot = this.slot;
    copy.kind = this.kind;
    copy.shift = this.shift;
    copy.ticksPerUnit = this.ticksPerUnit;
    this.forEach((time, source, counter, kind, slot) => {
      copy.push(time, source, counter, kind, slot);
    });
    return copy;
  }

  private refuse(time: number): never {
    if (Number.isSafeInteger(time) && time >= 0) {
      throw new RangeError(`an event at ${time} is in the past: the schedule has reached ${this.time}`);
    }
    throw new RangeError(`the time of an event must be a non-negative safe integer, not ${time}`);
  }

  private visitRecord(record: number, visit: EventVisitor): void {
    const { words, floats } = this;
    const half = record >> 1;
    visit(
      floats[half]!,
      words[record + SOURCE]!,
      floats[half + COUNTER]!,
      words[record + KIND]!,
      words[record + SLOT]!,
    );
  }

  /** Bucket of an event that is late, behind the era's end, or comes while the wheel is not built. */
  private findRareBucket(relative: number): number {
    if (relative < this.from) return OPEN;
    if (Number.isNaN(relative)) return UNSORTED;
    const era = this.era + Math.floor(relative / ERA_TICKS);
    return (era ^ this.era) < 1024 ? LEVEL_3 + (era & 1023) : LEVEL_4 + (era >> 10);
  }

  /** Takes a chunk from the pool, links it to the bucket's chain, which ends at `position`; its first position. */
  private extendChain(bucket: number, position: number): number {
    if (position === 0) this.occupied[bucket >> 5]! |= 1 << (bucket & 31);
    let chunk: number;
    if (this.free !== 0) {
      chunk = (this.free - 1) >> 4;
      this.free = this.words[chunk * CHUNK_WORDS + LINK]!;
    } else {
      if (this.usedChunks === this.poolChunks) this.growPool();
      chunk = this.usedChunks++;
    }
    this.words[chunk * CHUNK_WORDS + LINK] = position;
    return chunk * CHUNK_RECORDS;
  }

  private growPool(): void {
    this.poolChunks *= 2;
    const words = new Int32Array(this.poolChunks * CHUNK_WORDS);
    words.set(this.words);
    this.words = words;
    this.floats = new Float64Array(words.buffer);
  }

  private freeChain(position: number): void {
    while (position !== 0) {
      const chunk = (position - 1) >> 4;
      const link = chunk * CHUNK_WORDS + LINK;
      position = this.words[link]!;
      this.words[link] = this.free;
      this.free = (chunk + 1) * CHUNK_RECORDS;
    }
  }

  /** Opens the next bucket that holds events; false when none is pending. Only called when nothing open is left. */
  private advance(): boolean {
    this.freeChain(this.takeBucket(OPEN));
    this.lateSinceOpen = 0;
    if (this.pending === 0) return false;
    if (this.openedEvents + this.lateEvents >= TUNE_EVENTS) this.tune();
    if (Number.isNaN(this.base)) this.build(this.estimateShift());
    for (;;) {
      const start = (this.tick & 1023) + this.from - this.tick;
      const bucket = this.findOccupied(start, LEVEL_1);
      if (bucket >= 0) {
        this.tick = (this.tick & ~1023) | bucket;
        this.from = this.tick + 1;
        this.open(this.takeBucket(bucket));
        return true;
      }
      this.cascade(this.takeBucket(this.stepUp()));
    }
  }

  /** Moves the position to the next occupied bucket of the lowest coarser level that has one, and returns it. */
  private stepUp(): number {
    let bucket = this.findOccupied(LEVEL_1 + ((this.tick >> 10) & 1023) + 1, LEVEL_2);
    if (bucket >= 0) this.tick = (this.tick & ~0xfffff) | ((bucket - LEVEL_1) << 10);
    else {
      bucket = this.findOccupied(LEVEL_2 + (this.tick >> 20) + 1, LEVEL_3);
      if (bucket >= 0) this.tick = (bucket - LEVEL_2) << 20;
      else {
        bucket = this.findOccupied(LEVEL_3 + (this.era & 1023) + 1, LEVEL_4);
        if (bucket >= 0) this.era = (this.era & ~1023) | (bucket - LEVEL_3);
        else {
          bucket = this.findOccupied(LEVEL_4 + (this.era >> 10) + 1, UNSORTED);
          if (bucket < 0) throw new Error('the schedule lost an event');
          this.era = (bucket - LEVEL_4) << 10;
        }
        this.base = this.era * ERA_TICKS;
        this.tick = 0;
      }
    }
    this.from = this.tick;
    return bucket;
  }

  /** The first occupied bucket in [start, end), or -1; `end` is a multiple of 32. */
  private findOccupied(start: number, end: number): number {
    if (start >= end) return -1;
    const occupied = this.occupied;
    let index = start >> 5;
    let bits = occupied[index]! & (-1 << (start & 31));
    while (bits === 0) {
      if (++index >= end >> 5) return -1;
      bits = occupied[index]!;
    }
    return index * 32 + 31 - Math.clz32(bits & -bits);
  }

  /** Empties a bucket and returns its chain. */
  private takeBucket(bucket: number): number {
    const position = this.cursors[bucket]!;
    this.cursors[bucket] = 0;
    this.occupied[bucket >> 5]! &= ~(1 << (bucket & 31));
    return position;
  }

  private copyRecord(from: number, to: number): void {
    const { words, floats } = this;
    floats[to >> 1] = floats[from >> 1]!;
    floats[(to >> 1) + COUNTER] = floats[(from >> 1) + COUNTER]!;
    words[to + SOURCE] = words[from + SOURCE]!;
    words[to + SLOT] = words[from + SLOT]!;
    words[to + KIND] = words[from + KIND]!;
  }

  /** Spreads a chain over the finer levels. */
  private cascade(position: number): void {
    while (position !== 0) {
      const chunk = (position - 1) >> 4;
      const last = position * RECORD_WORDS;
      for (let record = chunk * CHUNK_WORDS; record < last; record += RECORD_WORDS) {
        const time = this.floats[record >> 1]!;
        const relative = time * this.ticksPerUnit - this.base;
        let bucket: number;
        if (relative < ERA_TICKS) {
          const tick = relative | 0;
          const distance = tick ^ this.tick;
          if (distance < 1 << 10) bucket = tick & 1023;
          else if (distance < 1 << 20) bucket = LEVEL_1 + ((tick >> 10) & 1023);
          else bucket = LEVEL_2 + (tick >> 20);
        } else bucket = this.findRareBucket(relative);
        let to = this.cursors[bucket]!;
        if ((to & (CHUNK_RECORDS - 1)) === 0) to = this.extendChain(bucket, to);
        this.cursors[bucket] = to + 1;
        this.copyRecord(record, to * RECORD_WORDS);
      }
      const link = chunk * CHUNK_WORDS + LINK;
      position = this.words[link]!;
      this.words[link] = this.free;
      this.free = (chunk + 1) * CHUNK_RECORDS;
    }
  }

  /** Sorts a chain through the index; its records stay where they are until the next bucket is opened. */
  private open(position: number): void {
    this.cursors[OPEN] = position;
    let count = 0;
    for (let at = position; at !== 0; at = this.words[((at - 1) >> 4) * CHUNK_WORDS + LINK]!) {
      count += ((at - 1) & (CHUNK_RECORDS - 1)) + 1;
    }
    this.openedBuckets++;
    this.openedEvents += count;
    this.next = 0;
    this.end = count;
    if (count > SMALL_BUCKET) this.openLarge(position, count);
    else this.openSmall(position);
  }

  private openSmall(position: number): void {
    const { words, floats, sortedTimes: times, sortedRecords: records } = this;
    let count = 0;
    while (position !== 0) {
      const chunk = ((position - 1) >> 4) * CHUNK_WORDS;
      const last = position * RECORD_WORDS;
      for (let record = chunk; record < last; record += RECORD_WORDS) {
        const time = floats[record >> 1]!;
        let i = count++;
        for (; i > 0; i--) {
          const before = times[i - 1]!;
          if (before < time) break;
          if (before === time && !isTiedBefore(floats, words, record, records[i - 1]!)) break;
          times[i] = before;
          records[i] = records[i - 1]!;
        }
        times[i] = time;
        records[i] = record;
      }
      position = words[chunk + LINK]!;
    }
  }

  private openLarge(position: number, count: number): void {
    if (count > this.sortedTimes.length) {
      const room = 2 ** Math.ceil(Math.log2(count));
      this.sortedTimes = new Float64Array(room);
      this.sortedRecords = new Int32Array(room);
      this.spareTimes = new Float64Array(room);
      this.spareSorted = new Int32Array(room);
    }
    const { words, floats, sortedTimes: times, sortedRecords: records } = this;
    // The chain begins with its newest chunk: filled from the back, the index is in the order of pushing, which often
    // is the right order already.
    let start = count;
    while (position !== 0) {
      const chunk = ((position - 1) >> 4) * CHUNK_WORDS;
      const last = position * RECORD_WORDS;
      start -= (last - chunk) / RECORD_WORDS;
      for (let record = chunk, i = start; record < last; record += RECORD_WORDS, i++) {
        times[i] = floats[record >> 1]!;
        records[i] = record;
      }
      position = words[chunk + LINK]!;
    }
    sortIndex(times, records, count, this.spareTimes, this.spareSorted, floats, words);
  }

  /** Notes an event that belongs into the bucket that is open, or before it. */
  private addLate(record: number): void {
    if (this.lateCount === this.lateTimes.length) this.growLate();
    const { words, floats } = this;
    pushHeap(this.lateTimes, this.lateRecords, this.lateCount++, floats[record >> 1]!, record, floats, words);
    this.lateEvents++;
    // The open bucket keeps its records until it is done, so a bucket that never ends must be given up.
    if (++this.lateSinceOpen >= TUNE_EVENTS && this.lateSinceOpen >= this.pending) this.dismantle();
  }

  private growLate(): void {
    const { lateTimes, lateRecords } = this;
    const room = 2 * lateTimes.length;
    this.lateTimes = new Float64Array(room);
    this.lateRecords = new Int32Array(room);
    this.lateTimes.set(lateTimes);
    this.lateRecords.set(lateRecords);
  }

  /** The next record where late ones wait: the first of the sorted or the first of the late. */
  private takeEarlier(): number {
    const late = this.lateRecords[0]!;
    if (this.next < this.end) {
      const sorted = this.sortedRecords[this.next]!;
      const timeLate = this.lateTimes[0]!;
      const timeSorted = this.sortedTimes[this.next]!;
      const takesSorted =
        timeSorted < timeLate ||
        (timeSorted === timeLate && isTiedBefore(this.floats, this.words, sorted, late));
      if (takesSorted) {
        this.next++;
        return sorted;
      }
    }
    popHeap(this.lateTimes, this.lateRecords, this.lateCount--, this.floats, this.words);
    return late;
  }

  /** Fits the width to what the buckets held since the last time, at most once for half of the pending events. */
  private tune(): void {
    const events = this.openedEvents + this.lateEvents;
    if (2 * events < this.pending) return;
    const perBucket = events / this.openedBuckets;
    // Equal times share a bucket of any width, so only different ones are a reason to narrow it.
    const distinctPerBucket = this.distinctTimes / this.openedBuckets;
    let shift = this.shift;
    if (distinctPerBucket > MANY_PER_BUCKET)
      shift -= Math.round(Math.log2(distinctPerBucket / EVENTS_PER_BUCKET));
    else if (perBucket < FEW_PER_BUCKET) shift += Math.round(Math.log2(EVENTS_PER_BUCKET / perBucket));
    shift = Math.max(0, Math.min(shift, LONGEST_SHIFT));
    if (shift !== this.shift) {
      this.dismantle();
      this.build(shift);
    }
    this.forgetLoad();
  }

  private forgetLoad(): void {
    this.openedBuckets = 0;
    this.openedEvents = 0;
    this.distinctTimes = 0;
    this.lateEvents = 0;
  }

  /** Brings all pending records into one chain; the wheel is built again when the next event is asked for. */
  private dismantle(): void {
    for (
      let bucket = this.findOccupied(0, UNSORTED);
      bucket >= 0;
      bucket = this.findOccupied(bucket, UNSORTED)
    ) {
      const position = this.takeBucket(bucket);
      let oldest = ((position - 1) >> 4) * CHUNK_WORDS + LINK;
      while (this.words[oldest] !== 0) oldest = ((this.words[oldest]! - 1) >> 4) * CHUNK_WORDS + LINK;
      this.words[oldest] = this.cursors[UNSORTED]!;
      this.cursors[UNSORTED] = position;
    }
    for (; this.next < this.end; this.next++) this.keepUnsorted(this.sortedRecords[this.next]!);
    while (this.lateCount > 0) this.keepUnsorted(this.lateRecords[--this.lateCount]!);
    this.freeChain(this.takeBucket(OPEN));
    this.lateSinceOpen = 0;
    this.base = NaN;
  }

  private keepUnsorted(record: number): void {
    let position = this.cursors[UNSORTED]!;
    if ((position & (CHUNK_RECORDS - 1)) === 0) position = this.extendChain(UNSORTED, position);
    this.cursors[UNSORTED] = position + 1;
    this.copyRecord(record, position * RECORD_WORDS);
  }

  /** Builds the wheel around the present time from the unsorted records. */
  private build(shift: number): void {
    this.shift = shift;
    this.ticksPerUnit = 2 ** -shift;
    const now = Math.floor(this.time * this.ticksPerUnit);
    this.era = Math.floor(now / ERA_TICKS) | 0;
    this.base = this.era * ERA_TICKS;
    this.tick = (now - this.base) | 0;
    this.from = this.tick;
    this.cascade(this.takeBucket(UNSORTED));
    this.forgetLoad();
  }

  /** The width that suits the nearer half of the unsorted records, whose times are sampled, as a power of two. */
  private estimateShift(): number {
    const step = Math.ceil(this.pending / SAMPLE_EVENTS);
    const times = new Float64Array(SAMPLE_EVENTS);
    let sampled = 0;
    let skipped = 0;
    let position = this.cursors[UNSORTED]!;
    while (position !== 0) {
      const chunk = (position - 1) >> 4;
      const count = position - chunk * CHUNK_RECORDS;
      for (; skipped < count; skipped += step) {
        times[sampled++] = this.floats[((chunk * CHUNK_RECORDS + skipped) * RECORD_WORDS) >> 1]!;
      }
      skipped -= count;
      position = this.words[chunk * CHUNK_WORDS + LINK]!;
    }
    const sorted = times.subarray(0, sampled).sort((a, b) => a - b);
    const first = sorted[0]!;
    const start = sorted.findIndex((time) => time > first);
    if (start < 0) return this.shift;
    const middle = start + ((sampled - start) >> 1);
    const events = (middle - start + 1) * step;
    const width = ((sorted[middle]! - first) * EVENTS_PER_BUCKET) / events;
    return Math.max(0, Math.min(Math.round(Math.log2(width)), LONGEST_SHIFT));
  }
}
