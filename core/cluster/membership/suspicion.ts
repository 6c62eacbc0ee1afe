import { lnBillionths, log10Milli, MOST_LN } from '../../base/logarithm.ts';
import { flag, integer, list, peer, record, upTo, type Of } from '../../machine/shape.ts';

/** The shortest time that a suspicion lasts: mult × max(1, log10 N) × the interval of probes (R5.2-2). */
export function suspicionTimeoutUs(mult: number, members: number, probeUs: number): number {
  const scaleMilli = Math.max(1_000, log10Milli(Math.max(1, members)));
  return Math.floor((mult * scaleMilli * probeUs) / 1_000);
}

/** How many others must say the same for the time to be shortest: mult − 2, and none where there are not so many. */
export function confirmationsNeeded(mult: number, members: number): number {
  const needed = Math.max(0, Math.min(mult, MOST_LN) - 2);
  return members - 2 < needed ? 0 : needed;
}

/**
 * How long a suspicion lasts in all once `confirmations` others have said the same: from the longest to the shortest time,
 * in steps of ln(confirmations + 1) / ln(needed + 1), to the millisecond below.
 */
export function suspicionLastsUs(
  confirmations: number,
  needed: number,
  leastUs: number,
  mostUs: number,
): number {
  if (needed < 1 || confirmations >= needed) return leastUs;
  const range = mostUs - leastUs;
  const shorterUs = Math.round((lnBillionths(confirmations + 1) / lnBillionths(needed + 1)) * range);
  return Math.max(leastUs, Math.floor((mostUs - shorterUs) / 1_000) * 1_000);
}

/** The most accusers of one member that are kept. */
export const MAX_ACCUSERS = MOST_LN;

/** One member that is suspected: since when, by whom, and when that makes it dead. */
export const suspicionShape = record({
  peer,
  startUs: integer,
  dueUs: integer,
  leastUs: integer,
  mostUs: integer,
  /** Whether it has been told once more, shortly before. */
  isWarned: flag,
  needed: upTo(MAX_ACCUSERS),
  /** Who says so; the first of them began it, each other confirms it. */
  accusers: list(peer, MAX_ACCUSERS),
});
export type Suspicion = Of<typeof suspicionShape>;
