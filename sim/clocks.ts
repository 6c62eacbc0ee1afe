import type { Now } from '../core/base/time.ts';

/** What wall clocks show when a simulation starts, µs: 2^40, so that no wall time is mistaken for a steady one. */
export const WALL_EPOCH_US = 2 ** 40;

/** No steady clock is worse, ppm: what DESIGN promises to nodes. */
export const MAX_DRIFT_PPM = 200;

/** The two clocks of a node. The steady one restarts at each boot, drifts, and never steps; the other may be wrong. */
export interface Clock {
  driftPpm: number;
  /** At world time `anchorUs` the steady clock showed `anchorMonoUs`; since then it drifts as it does now. */
  anchorUs: number;
  anchorMonoUs: number;
  /** How far the wall clock is off. */
  wallOffsetUs: number;
}

/** At a boot: the steady clock shows 0, and drifts on as before. */
export function restartClock(clock: Clock, worldUs: number): void {
  clock.anchorUs = worldUs;
  clock.anchorMonoUs = 0;
}

/** From now on the steady clock runs faster or slower; what it shows at this moment stays. */
export function setDrift(clock: Clock, worldUs: number, driftPpm: number): void {
  clock.anchorMonoUs = monoAt(clock, worldUs);
  clock.anchorUs = worldUs;
  clock.driftPpm = Math.max(-MAX_DRIFT_PPM, Math.min(MAX_DRIFT_PPM, driftPpm));
}

/** What both clocks show at a time of the world that is not before the last boot or change of drift. */
export function readClock(clock: Clock, worldUs: number, now: Now): void {
  now.monoUs = monoAt(clock, worldUs);
  now.wallUs = Math.max(0, WALL_EPOCH_US + worldUs + clock.wallOffsetUs);
}

/** The first time of the world at which the steady clock shows `monoUs` or more. */
export function worldUsAt(clock: Clock, monoUs: number): number {
  const { driftPpm, anchorUs, anchorMonoUs } = clock;
  const aheadUs = monoUs - anchorMonoUs;
  if (driftPpm === 0 || aheadUs <= 0) return anchorUs + aheadUs;
  // Floating point comes within a µs or two; the rest is counted out.
  let sinceUs = Math.ceil(aheadUs / (1 + driftPpm / 1_000_000));
  while (elapsedUs(driftPpm, sinceUs) < aheadUs) sinceUs++;
  while (sinceUs > 0 && elapsedUs(driftPpm, sinceUs - 1) >= aheadUs) sinceUs--;
  return anchorUs + sinceUs;
}

function monoAt({ driftPpm, anchorUs, anchorMonoUs }: Clock, worldUs: number): number {
  return anchorMonoUs + elapsedUs(driftPpm, worldUs - anchorUs);
}

/** What a clock counts in `us` of the world. Exact: a year times 200 is below 2^53. */
function elapsedUs(driftPpm: number, us: number): number {
  return driftPpm === 0 ? us : us + Math.floor((us * driftPpm) / 1_000_000);
}
