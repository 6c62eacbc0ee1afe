import type { ResolvedLinkFault } from './resolved-link-faults.ts';
import type { ResolvedNodeFault } from './resolved-node-faults.ts';

/** Harm as data: whether a person planned it or chance drew it, it comes to these. Plain JSON. */
export type ResolvedFault = ResolvedLinkFault | ResolvedNodeFault;

export type FaultKind = ResolvedFault['kind'];

/** When a fault comes. What is absent does not apply. */
export interface Momentary {
  /** When it begins; of a fault that waits for an event: from when on it waits. */
  readonly atUs: number;
  /** What anchors of other faults call it. */
  readonly name?: string;
  /** If it did not fire, or touched nothing, the run has shown nothing: vacuous. */
  readonly mustFire?: true;
  readonly after?: ResolvedAnchor;
}

export interface Lasting extends Momentary {
  /** Until when it acts; null: to the end of the run, or as long as `after` says. */
  readonly untilUs: number | null;
  readonly flap?: ResolvedFlap;
}

/** The event of the world that a fault waits for. If it never comes the fault stays armed and does not fire. */
export interface ResolvedAnchor {
  /** A kind of event, as `node.down`. */
  readonly event: string;
  /** To whom: any one of these; to anybody, if there are none. */
  readonly of: readonly string[];
  /** Which one, from 1. */
  readonly nth: number;
  /** How long after it the fault begins, and how long it then lasts; null: to the end of the run. */
  readonly delayUs: number;
  readonly forUs: number | null;
}

/** On and off by turns, on first. Lengths are drawn anew for each turn from quantiles, µs; two equal ones: always that long. */
export interface ResolvedFlap {
  readonly onUs: readonly number[];
  readonly offUs: readonly number[];
}
