/**
 * A run's future: every event still to come, given back in the exact order (time, source, counter).
 *
 * A timing wheel (`schedule-wheel.ts`) over a pool of records (`schedule-records.ts`). The bucket whose turn has come
 * is sorted through an index while its records stay where they are; what is pushed into it afterwards is late and
 * goes to a small heap beside it. The width of the buckets follows the load.
 */
import { LAYOUT } from './schedule-records.ts';
import type { EventVisitor } from './schedule-records.ts';
import { countTies, isTiedBefore, popHeap, pushHeap, sortIndex } from './schedule-sort.ts';
import { EVENTS_PER_BUCKET, LEVELS, nearestShift, TimingWheel } from './schedule-wheel.ts';

export type { EventVisitor };

const { CHUNK_RECORDS, CHUNK_WORDS, COUNTER, KIND, LINK, RECORD_WORDS, SLOT, SOURCE } = LAYOUT;
const { ERA_TICKS, LEVEL_1, LEVEL_2, OPEN, UNSORTED } = LEVELS;
const FEW_PER_BUCKET = 6;
const MANY_PER_BUCKET = 44;
const SMALL_BUCKET = 64; // up to here a bucket is sorted by distribution, beyond by merging
const SPREAD = 128; // places over which a small bucket is distributed
const TUNE_EVENTS = 2048;

export class Schedule extends TimingWheel {
  /** Source of the event popped last. */
  source = 0;
  /** Counter of the event popped last. */
  counter = 0.5;
  /** Kind of the event popped last. */
  kind = 0;
  /** Slot of the event popped last. */
  slot = 0;

  /**
   * Called whenever a bucket has been opened, with the slots and kinds of the events that come next, at most 64. Who keeps what
   * they stand for in memory that is far away reads it there and then: reads that follow each other closely are waited
   * for together, those of single events one by one.
   */
  onUpcoming: ((slots: Int32Array, count: number, kinds: Uint8Array) => void) | null = null;
  private readonly upcoming = new Int32Array(SMALL_BUCKET);
  private readonly upcomingKinds = new Uint8Array(SMALL_BUCKET);

  private pending = 0;

  // The open bucket: an index of its records in order, of which [next, end) are still to come, and the late ones.
  private sorted = new Int32Array(SMALL_BUCKET);
  private next = 0;
  private end = 0;
  private lateTimes = new Float64Array(16);
  private lateRecords = new Int32Array(16);
  private lateCount = 0;
  private lateSinceOpen = 0;

  private readonly places = new Int32Array(SPREAD).fill(-1);
  private readonly taken = new Int32Array(SPREAD / 32);
  private sortedTimes = new Float64Array(0);
  private spareTimes = new Float64Array(0);
  private spareRecords = new Int32Array(0);

  // The load since the width was fitted last.
  private openedBuckets = 0;
  private openedEvents = 0;
  private lateEvents = 0;
  private ties = 0;

  constructor() {
    super();
    this.counter = 0;
  }

  /** Number of pending events. */
  get size(): number {
    return this.pending;
  }

  /**
   * Adds an event. `time` is a safe integer not below the time of the event popped last; `source` and `slot` are
   * int32; `counter` is a non-negative safe integer; `kind` is 0..255. (time, source, counter) should be unique:
   * events equal in all three come in an unspecified order. Throws RangeError when the
   * time is in the past or an argument is out of its range; `kind` and fractions of `counter` are not checked.
   */
  push(time: number, source: number, counter: number, kind: number, slot: number): void {
    const isTime = time >= this.time && time <= Number.MAX_SAFE_INTEGER && Math.floor(time) === time;
    const isKey = source === (source | 0) && counter >= 0 && counter <= Number.MAX_SAFE_INTEGER;
    if (!(isTime && isKey && slot === (slot | 0))) this.refuse(time, source, counter, slot);
    this.pending++;
    // In one piece, and the same lines as in `cascade`: a call with the time or the counter would box them.
    const relative = time * this.ticksPerUnit - this.base;
    let bucket: number;
    if (relative >= this.from && relative < ERA_TICKS) {
      const tick = relative | 0;
      const distance = tick ^ this.tick;
      if (distance < 1 << 10) bucket = tick & 1023;
      else if (distance < 1 << 20) bucket = LEVEL_1 + ((tick >> 10) & 1023);
      else bucket = LEVEL_2 + (tick >> 20);
    } else bucket = this.findRareBucket(relative);
    let end = this.ends[bucket]!;
    if ((end & (CHUNK_RECORDS - 1)) === 0) end = this.extendChain(bucket, end);
    this.ends[bucket] = end + 1;
    const record = end * RECORD_WORDS;
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
      if (this.next === this.end && this.advance() === false) return false;
      record = this.sorted[this.next++]!;
    }
    this.pending--;
    const words = this.words;
    const floats = this.floats;
    this.time = floats[record >> 1]!;
    this.counter = floats[(record >> 1) + COUNTER]!;
    this.source = words[record + SOURCE]!;
    this.slot = words[record + SLOT]!;
    this.kind = words[record + KIND]!;
    return true;
  }

  /** Time of the next event; Infinity when none is pending. */
  peekTime(): number {
    if (this.lateCount === 0 && this.next === this.end && this.advance() === false) return Infinity;
    const sorted = this.next < this.end ? this.floats[this.sorted[this.next]! >> 1]! : Infinity;
    return this.lateCount > 0 ? Math.min(sorted, this.lateTimes[0]!) : sorted;
  }

  /** Visits every pending event once, in no particular order. The visitor must not push or pop. */
  forEach(visit: EventVisitor): void {
    for (let i = this.next; i < this.end; i++) this.visitRecord(this.sorted[i]!, visit);
    for (let i = 0; i < this.lateCount; i++) this.visitRecord(this.lateRecords[i]!, visit);
    let bucket = this.findOccupied(0, OPEN);
    for (; bucket >= 0; bucket = this.findOccupied(bucket + 1, OPEN))
      this.visitChain(this.ends[bucket]!, visit);
  }

  /** An independent schedule with the same pending events, the same time and the same event popped last. */
  clone(): Schedule {
    const copy = new Schedule();
    copy.time = this.time;
    copy.source = this.source;
    copy.counter = this.counter;
    copy.kind = this.kind;
    copy.slot = this.slot;
    copy.shift = this.shift;
    this.forEach((time, source, counter, kind, slot) => {
      copy.push(time, source, counter, kind, slot);
    });
    return copy;
  }

  private refuse(time: number, source: number, counter: number, slot: number): never {
    if (!(Number.isSafeInteger(time) && time >= 0)) {
      throw new RangeError(`the time of an event must be a non-negative safe integer, not ${time}`);
    }
    if (time < this.time) {
      throw new RangeError(`an event at ${time} is in the past: the schedule has reached ${this.time}`);
    }
    throw new RangeError(
      'an event needs an int32 source, a non-negative safe integer as counter and an int32 slot, ' +
        `not ${source}, ${counter} and ${slot}`,
    );
  }

  /** Opens the next bucket that holds events; false when none is pending. Nothing of the open one may be left. */
  private advance(): boolean {
    this.freeChain(this.takeChain(OPEN));
    this.lateSinceOpen = 0;
    if (this.pending === 0) return false;
    if (this.openedEvents + this.lateEvents >= TUNE_EVENTS) this.tune();
    if (!this.isBuilt) this.rebuild(this.estimateShift(this.pending));
    this.open(this.takeNextChain());
    return true;
  }

  /** Orders a chain through the index. */
  private open(chain: number): void {
    this.ends[OPEN] = chain;
    let count = 0;
    for (let end = chain; end !== 0; end = this.words[((end - 1) >> 4) * CHUNK_WORDS + LINK]!) {
      count += ((end - 1) & (CHUNK_RECORDS - 1)) + 1;
    }
    this.openedBuckets++;
    this.openedEvents += count;
    this.next = 0;
    this.end = count;
    if (count > SMALL_BUCKET) this.sortLarge(chain, count);
    else this.sortSmall(chain, count);
    if (this.onUpcoming !== null) this.announce(Math.min(count, SMALL_BUCKET));
  }

  private announce(count: number): void {
    const { words, sorted, upcoming, upcomingKinds } = this;
    for (let i = 0; i < count; i++) {
      upcoming[i] = words[sorted[i]! + SLOT]!;
      upcomingKinds[i] = words[sorted[i]! + KIND]!;
    }
    this.onUpcoming!(upcoming, count, upcomingKinds);
  }

  /** Distributes the records over places by time; the few that find theirs taken are inserted afterwards. */
  private sortSmall(chain: number, count: number): void {
    const { words, floats, places, taken, sorted, base, tick, ticksPerUnit } = this;
    let collided = count;
    for (let end = chain; end !== 0;) {
      const chunk = ((end - 1) >> 4) * CHUNK_WORDS;
      const last = end * RECORD_WORDS;
      for (let record = chunk; record < last; record += RECORD_WORDS) {
        const place = ((floats[record >> 1]! * ticksPerUnit - base - tick) * SPREAD) | 0;
        if (places[place] === -1) {
          places[place] = record;
          taken[place >> 5]! |= 1 << (place & 31);
        } else sorted[--collided] = record;
      }
      end = words[chunk + LINK]!;
    }
    let ordered = 0;
    for (let group = 0; group < SPREAD / 32; group++) {
      let bits = taken[group]!;
      taken[group] = 0;
      while (bits !== 0) {
        const lowest = bits & -bits;
        const place = group * 32 + 31 - Math.clz32(lowest);
        sorted[ordered++] = places[place]!;
        places[place] = -1;
        bits ^= lowest;
      }
    }
    for (; ordered < count; ordered++) this.insertSorted(ordered);
  }

  /** Moves entry `at` of the index to its place among those before it. */
  private insertSorted(at: number): void {
    const { words, floats, sorted } = this;
    const record = sorted[at]!;
    const time = floats[record >> 1]!;
    for (; at > 0; at--) {
      const before = sorted[at - 1]!;
      const timeBefore = floats[before >> 1]!;
      if (timeBefore === time) this.ties++;
      if (timeBefore < time || (timeBefore === time && !isTiedBefore(floats, words, record, before))) break;
      sorted[at] = before;
    }
    sorted[at] = record;
  }

  private sortLarge(chain: number, count: number): void {
    if (count > this.sortedTimes.length) {
      let room = 2 * SMALL_BUCKET;
      while (room < count) room *= 2;
      this.sorted = new Int32Array(room);
      this.sortedTimes = new Float64Array(room);
      this.spareTimes = new Float64Array(room);
      this.spareRecords = new Int32Array(room);
    }
    const { words, floats, sorted, sortedTimes } = this;
    // A chain begins with its newest chunk: filled from the back, the index is in the order of pushing, which often
    // is the right one already.
    let start = count;
    for (let end = chain; end !== 0;) {
      const chunk = ((end - 1) >> 4) * CHUNK_WORDS;
      const last = end * RECORD_WORDS;
      start -= (last - chunk) / RECORD_WORDS;
      for (let record = chunk, i = start; record < last; record += RECORD_WORDS, i++) {
        sortedTimes[i] = floats[record >> 1]!;
        sorted[i] = record;
      }
      end = words[chunk + LINK]!;
    }
    sortIndex(sortedTimes, sorted, count, this.spareTimes, this.spareRecords, floats, words);
    this.ties += countTies(sortedTimes, count);
  }

  /** Notes an event that belongs into the bucket that is open, or before it. */
  private addLate(record: number): void {
    if (this.lateCount === this.lateTimes.length) this.growLate();
    const { words, floats } = this;
    const time = floats[record >> 1]!;
    if (time === this.time) this.ties++;
    pushHeap(this.lateTimes, this.lateRecords, this.lateCount++, time, record, floats, words);
    this.lateEvents++;
    // Records of the open bucket are kept until it is done, so a bucket that does not end must be given up.
    if (++this.lateSinceOpen >= TUNE_EVENTS && 2 * this.lateSinceOpen >= this.pending) this.giveUp();
  }

  private growLate(): void {
    const { lateTimes, lateRecords } = this;
    this.lateTimes = new Float64Array(2 * lateTimes.length);
    this.lateRecords = new Int32Array(2 * lateRecords.length);
    this.lateTimes.set(lateTimes);
    this.lateRecords.set(lateRecords);
  }

  /** The next record where late ones wait: the first of the sorted or the first of the late. */
  private takeEarlier(): number {
    const late = this.lateRecords[0]!;
    if (this.next < this.end) {
      const { words, floats } = this;
      const sorted = this.sorted[this.next]!;
      const timeSorted = floats[sorted >> 1]!;
      const timeLate = this.lateTimes[0]!;
      if (timeSorted < timeLate || (timeSorted === timeLate && isTiedBefore(floats, words, sorted, late))) {
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
    const differentPerBucket = (events - this.ties) / this.openedBuckets;
    let shift = this.shift;
    if (differentPerBucket > MANY_PER_BUCKET) shift -= nearestShift(differentPerBucket / EVENTS_PER_BUCKET);
    else if (perBucket < FEW_PER_BUCKET) shift += nearestShift(EVENTS_PER_BUCKET / perBucket);
    shift = this.clampShift(shift);
    if (shift !== this.shift) {
      this.dismantle();
      this.rebuild(shift);
    }
    this.forgetLoad();
  }

  private rebuild(shift: number): void {
    this.build(shift);
    this.forgetLoad();
  }

  private forgetLoad(): void {
    this.openedBuckets = 0;
    this.openedEvents = 0;
    this.lateEvents = 0;
    this.ties = 0;
  }

  /** Gives up the open bucket and the wheel, which is built anew when the next event is asked for. */
  private giveUp(): void {
    this.dismantle();
    for (; this.next < this.end; this.next++) this.appendCopy(UNSORTED, this.sorted[this.next]!);
    while (this.lateCount > 0) this.appendCopy(UNSORTED, this.lateRecords[--this.lateCount]!);
    this.freeChain(this.takeChain(OPEN));
    this.lateSinceOpen = 0;
  }
}
