import type { FaultKind } from './resolved-faults.ts';

/** Bounds within which chance draws harm. What is drawn is explicit: faults and malice as a person would plan them. */
export interface ResolvedSwarm {
  /** Each seed leaves about half of them out. */
  readonly kinds: readonly FaultKind[];
  /** Faults at most. */
  readonly most: number;
  /** All of them begin and end in between. */
  readonly fromUs: number;
  readonly untilUs: number;
  /** Malicious nodes at most. */
  readonly malice: number;
}
