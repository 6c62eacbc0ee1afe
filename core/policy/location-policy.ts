import { name } from '../cluster/manifest.ts';
import { flag, integer, list, optional, record, type Of } from '../machine/shape.ts';
import { coversRegion, isRegionAllowed } from './regions.ts';

/** Regions that a policy can name. */
export const MAX_POLICY_REGIONS = 32;
/** No retention is longer: ten centuries. */
const MAX_RETENTION_DAYS = 365_000;
const DAY_US = 86_400_000_000;

/** Why somebody is not given data who lies elsewhere: another, who lies where they may be, may be. */
export const ALLOWS_NOTHING = 'lies where the policy of the pod allows nothing';

/** `DataLocationPolicy` of §6.1. */
export const locationPolicyShape = record({
  /** Where data may be, as path prefixes. */
  allowedRegions: list(name, MAX_POLICY_REGIONS),
  /** Where data must be. */
  requiredRegion: optional(name),
  crossBorderAllowed: flag,
  encryptionRequired: flag,
  retention: record({
    /** Data are deleted so many days after they were first entrusted; null: they stay. */
    maxDays: optional(integer),
    /** Nothing is deleted while it holds, by whomever. */
    legalHold: flag,
  }),
});
export type DataLocationPolicy = Readonly<Of<typeof locationPolicyShape>>;

/** A policy as it is asked with each decision: where data may be, and where the durable copies must be. */
export interface PlaceRule {
  readonly selectors: readonly string[];
  /** Null: wherever they are allowed. */
  readonly required: string | null;
  /** Whether only hosts that declare encryption may hold them, and only sealed (R6.1-4). */
  readonly isSealed: boolean;
}

/**
 * R6.1-1. Without crossing data stay in the required region, or else in the home region; with crossing they may be where an
 * allowed region is, and the required one says where the durable copies are.
 */
export function compilePolicy(homeRegion: string, policy: DataLocationPolicy): PlaceRule {
  const { allowedRegions, requiredRegion, crossBorderAllowed, encryptionRequired: isSealed } = policy;
  if (crossBorderAllowed) return { selectors: allowedRegions, required: requiredRegion, isSealed };
  return { selectors: [requiredRegion ?? homeRegion], required: null, isSealed };
}

/** Where data may go that cross borders, with where they are at home: whoever allows more does not mean to forbid that. */
export function withHome(homeRegion: string, allowed: readonly string[]): readonly string[] {
  return isRegionAllowed(allowed, homeRegion) ? allowed : [homeRegion, ...allowed];
}

/** Whether data may be in a region: stored there, or computed on, or in passing (R6.1-2). */
export function allowsStorage({ selectors }: PlaceRule, region: string): boolean {
  return isRegionAllowed(selectors, region);
}

/** Whether a copy in this region counts before a write is acknowledged. */
export function isDurablePlace({ selectors, required }: PlaceRule, region: string): boolean {
  return isRegionAllowed(selectors, region) && (required === null || coversRegion(required, region));
}

/** Why a policy is refused when it is set, or null. No place in the world would satisfy it, or it says two things at once. */
export function findPolicyFault(homeRegion: string, policy: DataLocationPolicy): string | null {
  const { allowedRegions, requiredRegion, crossBorderAllowed, retention } = policy;
  if (homeRegion === '') return 'a pod must have a home region';
  if (allowedRegions.includes('') || requiredRegion === '') return 'a region of the policy has no name';
  if (retention.maxDays === 0) return 'a retention of 0 days keeps nothing: name 1 day or more, or none';
  if (retention.maxDays !== null && retention.maxDays > MAX_RETENTION_DAYS)
    return `a retention is at most ${MAX_RETENTION_DAYS} days`;
  if (crossBorderAllowed && allowedRegions.length === 0)
    return 'data may cross borders and no region is allowed: name where they may be';
  if (requiredRegion !== null && allowedRegions.length > 0 && !isNear(allowedRegions, requiredRegion))
    return `data must be in ${requiredRegion}, and no allowed region has to do with it`;
  if (crossBorderAllowed) return null;
  if (requiredRegion !== null && !isNear([homeRegion], requiredRegion))
    return `data must be in ${requiredRegion} and may not leave ${homeRegion}: make it the home region, or allow crossing`;
  if (requiredRegion === null && allowedRegions.length > 0 && !isNear(allowedRegions, homeRegion))
    return `data may not leave ${homeRegion}, and no allowed region has to do with it`;
  return null;
}

/** When data are due for deletion, by the wall clock; null: never, or not while a legal hold holds. */
export function expiryOf({ retention }: DataLocationPolicy, sinceWallUs: number): number | null {
  const { maxDays, legalHold } = retention;
  return maxDays === null || legalHold ? null : sinceWallUs + maxDays * DAY_US;
}

/** Whether one of the regions lies inside the other. */
function isNear(regions: readonly string[], region: string): boolean {
  return regions.some((one) => coversRegion(one, region) || coversRegion(region, one));
}
