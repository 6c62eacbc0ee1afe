/** Units of time in the core are integer microseconds. */
export const MS_US = 1_000;
export const SECOND_US = 1_000_000;
export const MINUTE_US = 60 * SECOND_US;
export const HOUR_US = 60 * MINUTE_US;

/** Later than any time a node can see; what `wakeAtUs` holds when there is nothing to wake for. */
export const NEVER_US = Number.MAX_SAFE_INTEGER;

/**
 * What time it is for one node. One reused record a driver: read it, do not keep it.
 * `monoUs` never steps, starts at 0 with each boot, and may drift by up to 200 ppm: timeouts, alarms and
 * leases use it. `wallUs` may be off and may step: it is for dates in signed documents.
 */
export interface Now {
  monoUs: number;
  wallUs: number;
}
