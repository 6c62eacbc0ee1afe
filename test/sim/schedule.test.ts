import { expect } from 'chai';
import fc from 'fast-check';
import { Schedule } from '../../sim/schedule.ts';

interface Event {
  time: number;
  source: number;
  counter: number;
  kind: number;
  slot: number;
}

const LATEST = Number.MAX_SAFE_INTEGER;

function compareEvents(a: Event, b: Event): number {
  return a.time - b.time || a.source - b.source || a.counter - b.counter;
}

/** What a schedule must do, in the plainest way: a sorted array. */
class SortedArray {
  readonly events: Event[] = [];

  push(event: Event): void {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compareEvents(this.events[middle]!, event) < 0) low = middle + 1;
      else high = middle;
    }
    this.events.splice(low, 0, event);
  }
}

/** A schedule and its model, moved in step; each pop compares them. */
class Pair {
  readonly schedule = new Schedule();
  readonly model = new SortedArray();
  private pushed = 0;

  /** Counters are unique (up to 65,536 events) but neither dense nor in the order of pushing: ties are real work. */
  push(time: number, source: number): void {
    const n = this.pushed++;
    const counter = ((n * 7919) % 4093) * 65536 + n + (n % 3 === 0 ? 2 ** 52 : 0);
    const event = { time, source, counter, kind: n & 255, slot: (n * 2654435761) | 0 };
    this.schedule.push(event.time, event.source, event.counter, event.kind, event.slot);
    this.model.push(event);
  }

  pop(): void {
    const { schedule, model } = this;
    const expected = model.events.shift();
    const popped = schedule.pop();
    if (expected === undefined) {
      expect(popped).to.equal(false);
      return;
    }
    expect(popped).to.equal(true);
    if (
      schedule.time !== expected.time ||
      schedule.source !== expected.source ||
      schedule.counter !== expected.counter ||
      schedule.kind !== expected.kind ||
      schedule.slot !== expected.slot ||
      schedule.size !== model.events.length
    ) {
      expect({ ...currentOf(schedule), size: schedule.size }).to.deep.equal({
        ...expected,
        size: model.events.length,
      });
    }
  }

  drain(): void {
    while (this.model.events.length > 0) this.pop();
    this.pop();
  }
}

function currentOf(schedule: Schedule): Event {
  const { time, source, counter, kind, slot } = schedule;
  return { time, source, counter, kind, slot };
}

function pendingOf(schedule: Schedule): Event[] {
  const events: Event[] = [];
  schedule.forEach((time, source, counter, kind, slot) => events.push({ time, source, counter, kind, slot }));
  return events.sort(compareEvents);
}

/** How far behind the present a program pushes. Each draws from 32 random bits and a small number. */
const DELAYS: Record<string, (bits: number, small: number) => number> = {
  zero: () => 0,
  equal: (_, small) => 1000 * small,
  clustered: (bits, small) => 1e6 * small + (bits % 7),
  uniform: (bits) => bits,
  bimodal: (bits, small) => (small % 2 === 0 ? bits % 1000 : 1e12 + bits),
  wide: (bits, small) => bits * 2 ** (small % 21),
  huge: (bits, small) => bits * 2 ** 20 + small,
};

const delayName = fc.constantFrom(...Object.keys(DELAYS));
const step = fc.record({
  delay: delayName,
  bits: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  small: fc.integer({ min: 0, max: 40 }),
  source: fc.integer({ min: -1, max: 5 }),
  pushes: fc.integer({ min: 0, max: 60 }),
  pops: fc.integer({ min: 0, max: 60 }),
  peeks: fc.boolean(),
});

describe('Schedule', () => {
  it('gives events back in the order of (time, source, counter), whatever is pushed when', () => {
    const program = fc.array(step, { maxLength: 60 });
    fc.assert(
      fc.property(program, (steps) => {
        const pair = new Pair();
        for (const { delay, bits, small, source, pushes, pops, peeks } of steps) {
          for (let i = 0; i < pushes; i++) {
            const mixed = Math.imul(bits ^ (i * 0x9e3779b9), 0x85ebca6b) >>> 0;
            const after = DELAYS[delay]!(mixed, (small * (i + 1)) % 41);
            pair.push(Math.min(LATEST, pair.schedule.time + after), ((source + i) % 7) - 1);
          }
          if (peeks) expect(pair.schedule.peekTime()).to.equal(pair.model.events[0]?.time ?? Infinity);
          for (let i = 0; i < pops; i++) pair.pop();
        }
        expect(pendingOf(pair.schedule)).to.deep.equal(pair.model.events);
        pair.drain();
      }),
      { seed: 20_260_101, numRuns: 300 },
    );
  });

  it('keeps the order while the load and the width of its buckets change', () => {
    const pair = new Pair();
    const widths = new Set<number>();
    let state = 12345;
    const draw = (): number => (state = Math.imul(state, 1103515245) + 12345) >>> 8;
    const phases = [1e3, 1e9, 50, 1e6, 1e12, 0, 1e4];
    for (const [index, spread] of phases.entries()) {
      const pending = index % 2 === 0 ? 3000 : 40;
      for (let i = 0; i < 8000; i++) {
        while (pair.model.events.length < pending) {
          pair.push(pair.schedule.time + Math.floor((draw() / 2 ** 24) * spread), draw() % 50);
        }
        pair.pop();
        widths.add(pair.schedule.bucketWidth);
      }
    }
    pair.drain();
    expect(widths.size).to.be.greaterThan(5);
  });

  it('holds about 8 to 32 events a bucket in a steady load', () => {
    for (const gap of [10, 1000, 1e6, 1e9]) {
      const schedule = new Schedule();
      let state = 99;
      const draw = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
      const pending = 5000;
      const push = (n: number): void => {
        schedule.push(schedule.time + Math.floor(draw() * 2 * gap * pending), 0, n, 0, 0);
      };
      for (let n = 0; n < pending; n++) push(n);
      for (let n = pending; n < 60_000; n++) {
        schedule.pop();
        push(n);
      }
      const eventsPerBucket = schedule.bucketWidth / gap;
      expect(eventsPerBucket, `gap ${gap}`).to.be.within(4, 48);
    }
  });

  it('does not narrow its buckets in vain when thousands of events share each time', () => {
    const schedule = new Schedule();
    for (let n = 0; n < 3000; n++) schedule.push(0, n, 0, 0, 0);
    for (let n = 0; n < 60_000; n++) {
      schedule.pop();
      schedule.push(schedule.time + 1_000_000, schedule.source, schedule.counter + 1, 0, 0);
    }
    expect(schedule.bucketWidth).to.be.at.least(1);
    expect(schedule.time).to.equal(19_000_000);
  });

  it('reaches every time up to the last safe integer', () => {
    const pair = new Pair();
    for (let power = 0; power <= 53; power++) {
      for (const offset of [-1, 0, 1]) {
        const time = 2 ** power + offset;
        if (time <= LATEST) pair.push(time, -1);
      }
    }
    pair.push(0, 2 ** 31 - 1);
    pair.push(0, -(2 ** 31));
    pair.drain();
    expect(pair.schedule.time).to.equal(LATEST);
    pair.push(LATEST, 3);
    pair.drain();
  });

  it('crosses the span of the wheel many times with a narrow bucket', () => {
    const pair = new Pair();
    // A dense crowd at the start makes the buckets one unit wide; the rest lies far behind 2^30 of them.
    for (let i = 0; i < 20_000; i++) pair.push(i >> 3, i & 7);
    for (let i = 0; i < 200; i++) pair.push(1e6 + i * 2 ** 29 + (i % 5), i % 3);
    for (let i = 0; i < 50; i++) pair.push((i + 1) * 2 ** 46 + i, 0);
    expect(pair.schedule.peekTime()).to.equal(0);
    expect(pair.schedule.bucketWidth).to.be.lessThan(8);
    pair.drain();
  });

  it('orders what is pushed at the present time among the rest of that time', () => {
    const schedule = new Schedule();
    schedule.push(5, 1, 0, 0, 0);
    schedule.push(5, 4, 0, 0, 0);
    schedule.push(6, 0, 0, 0, 0);
    schedule.pop();
    schedule.push(5, 3, 0, 0, 0);
    schedule.push(5, -1, 9, 0, 0); // smaller than the event just popped: comes next
    schedule.push(5, 4, 1, 0, 0);
    const order: number[][] = [];
    while (schedule.pop()) order.push([schedule.time, schedule.source, schedule.counter]);
    expect(order).to.deep.equal([
      [5, -1, 9],
      [5, 3, 0],
      [5, 4, 0],
      [5, 4, 1],
      [6, 0, 0],
    ]);
  });

  it('takes events before a time that was peeked at', () => {
    const pair = new Pair();
    pair.push(1e15, 0);
    expect(pair.schedule.peekTime()).to.equal(1e15);
    for (let i = 0; i < 10_000; i++) pair.push((i * 7919) % 10_007, i % 3);
    expect(pair.schedule.peekTime()).to.equal(0);
    pair.drain();
  });

  it('is indifferent to the order of pushing', () => {
    const events = fc.array(
      fc.record({ time: fc.integer({ min: 0, max: 300 }), source: fc.integer({ min: -1, max: 3 }) }),
      { maxLength: 400 },
    );
    const drain = (list: readonly Event[]): Event[] => {
      const schedule = new Schedule();
      for (const e of list) schedule.push(e.time, e.source, e.counter, e.kind, e.slot);
      const order: Event[] = [];
      while (schedule.pop()) order.push(currentOf(schedule));
      return order;
    };
    fc.assert(
      fc.property(events, fc.integer(), (list, seed) => {
        const given = list.map((e, n) => ({ ...e, counter: n, kind: 1, slot: n }));
        const shuffled = [...given].sort(
          (a, b) => Math.imul(a.counter + 1, seed | 1) - Math.imul(b.counter + 1, seed | 1),
        );
        expect(drain(shuffled)).to.deep.equal(drain(given));
        expect(drain(given)).to.deep.equal([...given].sort(compareEvents));
      }),
      { seed: 7, numRuns: 100 },
    );
  });

  it('tells the slots of the events that come next when it opens a bucket', () => {
    const schedule = new Schedule();
    let upcoming: number[] = [];
    schedule.onUpcoming = (slots, count) => {
      upcoming = [...slots.subarray(0, count)];
    };
    for (let i = 0; i < 3_000; i++) schedule.push(((i * 7919) % 3_001) * 50, i, 0, 0, i);
    let told = 0;
    for (let i = 0; i < 3_000; i++) {
      schedule.pop();
      if (upcoming.length === 0) continue;
      expect(upcoming.shift()).to.equal(schedule.slot);
      told++;
    }
    expect(told).to.be.above(2_900);
  });

  it('clones: two futures that do not disturb each other', () => {
    const pair = new Pair();
    for (let i = 0; i < 3000; i++) pair.push((i * 104729) % 50_000, i % 4);
    for (let i = 0; i < 1000; i++) pair.pop();
    pair.push(pair.schedule.time, 0); // one late
    const copy = pair.schedule.clone();
    expect(copy.size).to.equal(pair.schedule.size);
    expect(currentOf(copy)).to.deep.equal(currentOf(pair.schedule));
    expect(pendingOf(copy)).to.deep.equal(pair.model.events);
    const rest = [...pair.model.events];
    copy.push(copy.time, -1, 0, 0, 0);
    pair.drain();
    expect(copy.pop()).to.equal(true);
    expect(copy.source).to.equal(-1);
    for (const event of rest) {
      copy.pop();
      expect(currentOf(copy)).to.deep.equal(event);
    }
    expect(copy.pop()).to.equal(false);
    expect(() => copy.push(0, 0, 0, 0, 0)).to.throw(/in the past/);
  });

  it('refuses the past and whatever is no time', () => {
    const schedule = new Schedule();
    schedule.push(10, 0, 0, 0, 0);
    schedule.pop();
    expect(() => schedule.push(9, 0, 1, 0, 0)).to.throw(
      RangeError,
      'an event at 9 is in the past: the schedule has reached 10',
    );
    for (const time of [-1, 10.5, NaN, Infinity, 2 ** 53]) {
      expect(() => schedule.push(time, 0, 1, 0, 0), String(time)).to.throw(RangeError, /safe integer/);
    }
    const wrong: [number, number, number][] = [
      [2 ** 31, 0, 0],
      [0.5, 0, 0],
      [0, -1, 0],
      [0, 2 ** 53, 0],
      [0, NaN, 0],
      [0, 0, -(2 ** 31) - 1],
    ];
    for (const [source, counter, slot] of wrong) {
      const push = (): void => schedule.push(10, source, counter, 0, slot);
      expect(push, `${source} ${counter} ${slot}`).to.throw(RangeError, /int32 source/);
    }
    expect(schedule.size).to.equal(0);
    expect(schedule.pop()).to.equal(false);
    expect(schedule.peekTime()).to.equal(Infinity);
    expect(schedule.time).to.equal(10);
  });

  it('gives up a bucket that does not end: thousands of events without a delay', () => {
    const pair = new Pair();
    for (let i = 0; i < 50; i++) pair.push(1e6, i);
    for (let i = 0; i < 50; i++) pair.push(1e6 + 1000 * i, i);
    for (let i = 0; i < 20_000; i++) {
      pair.pop();
      pair.push(pair.schedule.time, i % 60);
    }
    // Nothing left the present time, so the memory must not have grown with the number of events.
    expect(pair.schedule.time).to.equal(1e6);
    expect(pair.schedule.capacity).to.be.at.most(8192);
    pair.drain();
  });

  it('uses its memory again: a long run at a steady size does not grow the pool', () => {
    const schedule = new Schedule();
    for (let n = 0; n < 1000; n++) schedule.push(n, 0, n, 0, 0);
    const turn = (events: number): void => {
      for (let n = 0; n < events; n++) {
        schedule.pop();
        schedule.push(schedule.time + (n % 3 === 0 ? 0 : (n * 37) % 2000), 0, 1000 + n, 0, 0);
      }
    };
    turn(20_000);
    const before = schedule.capacity;
    turn(200_000);
    expect(schedule.capacity).to.equal(before);
  });
});
