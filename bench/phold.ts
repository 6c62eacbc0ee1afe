/**
 * PHOLD: N logical processes × M pending events each; every event schedules one more at a uniformly random process,
 * now + 0.1 s + Exp(1 s), in integer nanoseconds. The same load runs on `sim/schedule.ts` and, in the same call, on a
 * timing wheel in C++ (`wheel.cpp`); equal digests prove that both processed the same events in the same order. With
 * `--ns3` it runs on the core of ns-3 as well, where that is installed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Schedule } from '../sim/schedule.ts';
import type { Figures } from './main.ts';
import { compile, NS3, runPeer, WHEEL, type Compiled, type Load, type Outcome } from './phold-peers.ts';

const LEAST_DELAY_NS = 1e8;
const MEAN_DELAY_NS = 1e9;
const QUANTILES = 1024;
const REMAINDER_BITS = 22; // 32 random bits less those that choose the quantile

/** Delays at equal steps of probability, ns; between two of them the quantile function is taken as a line. */
export function tabulateDelays(): Float64Array {
  const delays = new Float64Array(QUANTILES + 1);
  for (let i = 0; i <= QUANTILES; i++) {
    const survival = Math.max(1 - i / QUANTILES, 1 / (8 * QUANTILES));
    delays[i] = LEAST_DELAY_NS + Math.round(-Math.log(survival) * MEAN_DELAY_NS);
  }
  return delays;
}

/** The load: state in fields of one object, generator (sfc32) included. */
export class Phold {
  readonly schedule = new Schedule();
  private readonly counters: Int32Array;
  private readonly lpsPerDraw: number;
  private readonly delays: Float64Array;
  private a: number;
  private b = 0x2545f491;
  private c = 0x6a09e667;
  private d = 1;
  private hash = 0;
  /** Of no meaning: what is read ahead must be used somehow. */
  protected touched = 0;

  constructor({ lps, perLp, seed }: Load, delays: Float64Array) {
    this.lpsPerDraw = lps * 2 ** -32;
    this.delays = delays;
    this.a = seed | 0;
    this.counters = new Int32Array(lps);
    this.schedule.onUpcoming = (slots, count) => {
      this.touch(slots, count);
    };
    for (let i = 0; i < 16; i++) this.draw();
    for (let lp = 0; lp < lps; lp++) for (let i = 0; i < perLp; i++) this.send(lp, lp);
  }

  get digest(): string {
    return (this.hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Processes `events` events. */
  run(events: number): void {
    const schedule = this.schedule;
    for (let i = 0; i < events; i++) {
      schedule.pop();
      const lp = schedule.slot;
      const place = Math.imul(lp ^ (schedule.source << 7), 0x85ebca6b);
      const mixed = ((this.hash ^ schedule.time) + place + (schedule.counter | 0)) | 0;
      this.hash = Math.imul(mixed, 0x9e3779b1) ^ (this.hash >>> 15);
      this.send(lp, ((this.draw() >>> 0) * this.lpsPerDraw) | 0);
    }
  }

  /** Reads the counters that the next events will need. */
  private touch(slots: Int32Array, count: number): void {
    const { counters } = this;
    let sum = 0;
    for (let i = 0; i < count; i++) sum = (sum + counters[slots[i]!]!) | 0;
    this.touched = sum;
  }

  private send(from: number, to: number): void {
    const bits = this.draw() >>> 0;
    const quantile = bits >>> REMAINDER_BITS;
    const delay = this.delays[quantile]!;
    const step = this.delays[quantile + 1]! - delay;
    const remainder = (bits & (2 ** REMAINDER_BITS - 1)) * 2 ** -REMAINDER_BITS;
    const time = this.schedule.time + delay + Math.floor(step * remainder);
    this.schedule.push(time, from, this.counters[from]!++, 0, to);
  }

  private draw(): number {
    const sum = (((this.a + this.b) | 0) + this.d) | 0;
    this.d = (this.d + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum;
  }
}

function runHere(load: Load, delays: Float64Array): Outcome {
  const phold = new Phold(load, delays);
  phold.run(load.warmup);
  const start = process.hrtime.bigint();
  phold.run(load.events);
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const rssMb = Math.round(process.memoryUsage().rss / 2 ** 20);
  return { eventsPerSecond: Math.round(load.events / seconds), digest: phold.digest, rssMb };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  return sorted[sorted.length >> 1]!;
}

interface Request {
  readonly load: Load;
  readonly repeats: number;
  readonly compiler: string;
  readonly withNs3: boolean;
}

function parseRequest(args: string[]): Request {
  const { values } = parseArgs({
    args,
    options: {
      lps: { type: 'string', default: '65536' },
      'per-lp': { type: 'string', default: '16' },
      events: { type: 'string', default: '3000000' },
      warmup: { type: 'string', default: '500000' },
      repeats: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
      compiler: { type: 'string', default: 'g++' },
      ns3: { type: 'boolean', default: false },
    },
  });
  const read = (name: 'lps' | 'per-lp' | 'events' | 'warmup' | 'repeats' | 'seed', least: number): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least && value < 2 ** 31) return value;
    const message = `--${name} is an integer of at least ${least}, not ${JSON.stringify(values[name])}`;
    throw Object.assign(new TypeError(message), { code: 'ERR_PARSE_ARGS_VALUE' });
  };
  const load = {
    lps: read('lps', 1),
    perLp: read('per-lp', 1),
    events: read('events', 1),
    warmup: read('warmup', 0),
    seed: read('seed', 0),
  };
  return { load, repeats: read('repeats', 1), compiler: values.compiler, withNs3: values.ns3 };
}

/** What a peer did in the same turns, and our share of it: the median of the turns' ratios. */
function compare(ours: readonly Outcome[], theirs: readonly Outcome[]): { peer: Figures; ratio: number } {
  const peer = {
    eventsPerSecond: median(theirs.map((outcome) => outcome.eventsPerSecond)),
    rssMb: Math.max(...theirs.map((outcome) => outcome.rssMb)),
  };
  const ratios = ours.map((outcome, i) => outcome.eventsPerSecond / theirs[i]!.eventsPerSecond);
  return { peer, ratio: Math.round(median(ratios) * 1000) / 1000 };
}

/** Runs all in turn, `repeats` times; figures are medians, ratios are those of the turns. */
export function measure(args: string[]): Figures {
  const { load, repeats, compiler, withNs3 } = parseRequest(args);
  const delays = tabulateDelays();
  const folder = mkdtempSync(join(tmpdir(), 'phold-'));
  try {
    const wheel = compile(WHEEL, compiler, folder);
    const ns3: Compiled = withNs3 ? compile(NS3, compiler, folder) : { reason: 'not asked for: --ns3' };
    const ours: Outcome[] = [];
    const byWheel: Outcome[] = [];
    const byNs3: Outcome[] = [];
    for (let i = 0; i < repeats; i++) {
      ours.push(runHere(load, delays));
      if ('program' in wheel) byWheel.push(runPeer(wheel.program, load, delays));
      if ('program' in ns3) byNs3.push(runPeer(ns3.program, load, delays));
    }
    for (const { digest } of [...ours, ...byWheel]) {
      if (digest !== ours[0]!.digest) throw new Error(`digests differ: ${ours[0]!.digest} and ${digest}`);
    }
    const figures: Figures = {
      benchmark: 'phold',
      ...load,
      repeats,
      eventsPerSecond: median(ours.map((outcome) => outcome.eventsPerSecond)),
      rssMb: ours[0]!.rssMb, // of the first run: later ones see what the collector has not taken yet
      digest: ours[0]!.digest,
    };
    if ('reason' in wheel) Object.assign(figures, { cpp: null, reason: wheel.reason });
    else {
      const { peer, ratio } = compare(ours, byWheel);
      Object.assign(figures, { cpp: peer, ratioToCpp: ratio });
    }
    if (!withNs3) return figures;
    if ('reason' in ns3) return { ...figures, ns3: null, reasonNs3: ns3.reason };
    const { peer, ratio } = compare(ours, byNs3);
    return { ...figures, ns3: peer, ratioToNs3: ratio };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
