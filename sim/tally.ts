import { KINDS, TYPES } from '../core/machine/kinds.ts';
import { REFUSALS } from '../core/machine/refusals.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import type { Fate } from './world.ts';

/** What the world counts of its envelopes, devices' apart. */
export interface Tally {
  /** By kind. */
  readonly sent: Float64Array;
  readonly handled: Float64Array;
  readonly dropped: Record<Fate, number>;
  duplicated: number;
  /** What nodes have not taken in, in boots that are over, by reason: see REFUSALS. */
  readonly refused: Float64Array;
  readonly clusters: number;
  /** [from × clusters + to]: sent between nodes, and those of them that did not pass. */
  readonly traffic: Float64Array;
  readonly untransmitted: Float64Array;
}

export function createTally(scenario: ResolvedScenario): Tally {
  const clusters = scenario.clusters.length;
  return {
    sent: new Float64Array(KINDS.length),
    handled: new Float64Array(KINDS.length),
    dropped: {
      cut: 0,
      lost: 0,
      'queue full': 0,
      down: 0,
      'inbox full': 0,
      'other version': 0,
      forged: 0,
      withheld: 0,
    },
    duplicated: 0,
    refused: new Float64Array(REFUSALS.length),
    clusters,
    traffic: new Float64Array(clusters * clusters),
    untransmitted: new Float64Array(clusters * clusters),
  };
}

/** Counts one envelope between two clusters, in `traffic` or in `untransmitted`. */
export function countTraffic(counts: Float64Array, { clusters }: Tally, from: number, to: number): void {
  counts[from * clusters + to]++;
}

/** Adds what a node has refused in a boot that is over. */
export function countRefused({ refused }: Tally, refusals: readonly number[]): void {
  for (let i = 0; i < refusals.length; i++) refused[i] += refusals[i];
}

/** The envelopes between nodes and users that have not come to an end yet: counted where they are, not by the way. */
export interface Census {
  /** On their way, or in the queue of a limited link. */
  travelling: number;
  /** Held by a fault. */
  held: number;
  /** In the inbox of a busy node. */
  waiting: number;
}

/** Kinds from here on are those of devices, which cross no network. */
const DEVICE_KINDS = TYPES.indexOf('DEVICE') * 32;

/**
 * How many envelopes there are more than the counts account for: sent or doubled, and neither handled, nor dropped, nor
 * anywhere to be found. 0 at any moment between two events; below 0, some came to their end more than once.
 */
export function countMissing({ sent, handled, dropped, duplicated }: Tally, census: Census): number {
  const begun = sumOf(sent.subarray(0, DEVICE_KINDS)) + duplicated;
  const ended = sumOf(handled.subarray(0, DEVICE_KINDS)) + sumOf(Object.values(dropped));
  return begun - ended - census.travelling - census.held - census.waiting;
}

function sumOf(counts: Iterable<number>): number {
  let sum = 0;
  for (const count of counts) sum += count;
  return sum;
}
