/**
 * Ordering of records by (time, source, counter) without moving them: what moves is an index, a list of times with
 * the list of records they belong to, named as in `schedule-records.ts`.
 */
import { LAYOUT } from './schedule-records.ts';

const { COUNTER, SOURCE } = LAYOUT;
const RUN = 16;

/** Whether record `a` comes before record `b` of the same time. */
export function isTiedBefore(floats: Float64Array, words: Int32Array, a: number, b: number): boolean {
  const sourceA = words[a + SOURCE]!;
  const sourceB = words[b + SOURCE]!;
  if (sourceA !== sourceB) return sourceA < sourceB;
  return floats[(a >> 1) + COUNTER]! < floats[(b >> 1) + COUNTER]!;
}

/** Sorts entries [start, end) of the index by insertion; for a few dozen entries. */
function sortRun(
  times: Float64Array,
  records: Int32Array,
  start: number,
  end: number,
  floats: Float64Array,
  words: Int32Array,
): void {
  for (let i = start + 1; i < end; i++) {
    const time = times[i]!;
    const record = records[i]!;
    let j = i;
    for (; j > start; j--) {
      const before = times[j - 1]!;
      if (before < time) break;
      if (before === time && !isTiedBefore(floats, words, record, records[j - 1]!)) break;
      times[j] = before;
      records[j] = records[j - 1]!;
    }
    times[j] = time;
    records[j] = record;
  }
}

/**
 * Sorts the first `length` entries of the index by merging runs. `spareTimes` and `spareRecords` hold `length`
 * entries; what they contain is overwritten. Runs already in order cost one comparison a merge.
 */
export function sortIndex(
  times: Float64Array,
  records: Int32Array,
  length: number,
  spareTimes: Float64Array,
  spareRecords: Int32Array,
  floats: Float64Array,
  words: Int32Array,
): void {
  for (let start = 0; start < length; start += RUN) {
    sortRun(times, records, start, Math.min(start + RUN, length), floats, words);
  }
  for (let run = RUN; run < length; run *= 2) {
    for (let middle = run; middle < length; middle += 2 * run) {
      const end = Math.min(middle + run, length);
      const last = times[middle - 1]!;
      const first = times[middle]!;
      if (last < first) continue;
      if (last === first && isTiedBefore(floats, words, records[middle - 1]!, records[middle]!)) continue;
      for (let i = 0; i < run; i++) {
        spareTimes[i] = times[middle - run + i]!;
        spareRecords[i] = records[middle - run + i]!;
      }
      let left = 0;
      let right = middle;
      let to = middle - run;
      while (left < run && right < end) {
        const timeLeft = spareTimes[left]!;
        const timeRight = times[right]!;
        const takesRight =
          timeRight < timeLeft ||
          (timeRight === timeLeft && isTiedBefore(floats, words, records[right]!, spareRecords[left]!));
        times[to] = takesRight ? timeRight : timeLeft;
        records[to++] = takesRight ? records[right++]! : spareRecords[left++]!;
      }
      while (left < run) {
        times[to] = spareTimes[left]!;
        records[to++] = spareRecords[left++]!;
      }
    }
  }
}

/** How many of the first `length` sorted times equal the one before. */
export function countTies(times: Float64Array, length: number): number {
  let ties = 0;
  for (let i = 1; i < length; i++) if (times[i] === times[i - 1]) ties++;
  return ties;
}

/** Puts an entry into the binary heap that the first `count` entries of the index form. */
export function pushHeap(
  times: Float64Array,
  records: Int32Array,
  count: number,
  time: number,
  record: number,
  floats: Float64Array,
  words: Int32Array,
): void {
  let at = count;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = times[parent]!;
    if (above < time) break;
    if (above === time && !isTiedBefore(floats, words, record, records[parent]!)) break;
    times[at] = above;
    records[at] = records[parent]!;
    at = parent;
  }
  times[at] = time;
  records[at] = record;
}

/** Takes the first entry out of the binary heap that the first `count` entries of the index form. */
export function popHeap(
  times: Float64Array,
  records: Int32Array,
  count: number,
  floats: Float64Array,
  words: Int32Array,
): void {
  const last = count - 1;
  const time = times[last]!;
  const record = records[last]!;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= last) break;
    if (child + 1 < last) {
      const left = times[child]!;
      const right = times[child + 1]!;
      if (right < left) child++;
      else if (right === left && isTiedBefore(floats, words, records[child + 1]!, records[child]!)) child++;
    }
    const below = times[child]!;
    if (time < below) break;
    if (time === below && isTiedBefore(floats, words, record, records[child]!)) break;
    times[at] = below;
    records[at] = records[child]!;
    at = child;
  }
  times[at] = time;
  records[at] = record;
}
