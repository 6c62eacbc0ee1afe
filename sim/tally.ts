import { KINDS } from '../core/machine/kinds.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import type { Fate } from './world.ts';

/** What the world counts of its envelopes, devices' apart. */
export interface Tally {
  /** By kind. */
  readonly sent: Float64Array;
  readonly handled: Float64Array;
  readonly dropped: Record<Fate, number>;
  duplicated: number;
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
    dropped: { cut: 0, lost: 0, down: 0, 'inbox full': 0 },
    duplicated: 0,
    clusters,
    traffic: new Float64Array(clusters * clusters),
    untransmitted: new Float64Array(clusters * clusters),
  };
}

export function countTraffic(tally: Tally, from: number, to: number, isLost: boolean): void {
  const i = from * tally.clusters + to;
  tally.traffic[i]++;
  if (isLost) tally.untransmitted[i]++;
}
