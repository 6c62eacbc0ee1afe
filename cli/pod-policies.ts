/** Policies of pods at the terminal: what is asked for of one, on top of what is in force, and how it is told. */
import { withHome, type DataLocationPolicy } from '../core/policy/location-policy.ts';
import type { PolicyTerms } from '../core/policy/pod-terms.ts';

/** False: the term is dropped. Undefined: it stays as it is. */
export interface PolicyOptions {
  readonly home?: string;
  readonly allow?: readonly string[] | false;
  readonly require?: string | false;
  readonly encrypt?: boolean;
  readonly days?: number | false;
  readonly hold?: boolean;
}

/** Of a pod of which nothing is said but where it is at home. */
const PLAIN: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};
const DAY_US = 86_400_000_000;

/** The terms in force with those that are named in their place. */
export function policyOf(
  home: string,
  { allow, require, encrypt, days, hold }: PolicyOptions,
  before: DataLocationPolicy = PLAIN,
): DataLocationPolicy {
  const { retention } = before;
  const isCrossing = allow === undefined ? before.crossBorderAllowed : allow !== false;
  const allowed = allow === undefined ? before.allowedRegions : allow === false ? [] : allow;
  return {
    allowedRegions: [...(isCrossing ? withHome(home, allowed) : allowed)],
    requiredRegion: require === undefined ? before.requiredRegion : require === false ? null : require,
    crossBorderAllowed: isCrossing,
    encryptionRequired: encrypt ?? before.encryptionRequired,
    retention: {
      maxDays: days === undefined ? retention.maxDays : days === false ? null : days,
      legalHold: hold ?? retention.legalHold,
    },
  };
}

/** Whether anything is asked of a policy, or it is only to be shown. */
export function asksForChange({ home, allow, require, encrypt, days, hold }: PolicyOptions): boolean {
  return [home, allow, require, encrypt, days, hold].some((option) => option !== undefined);
}

export function placesOf(
  home: string,
  { allowedRegions, requiredRegion, crossBorderAllowed }: DataLocationPolicy,
): string {
  if (!crossBorderAllowed) return `in ${requiredRegion ?? home} and nowhere else`;
  const required = requiredRegion === null ? '' : `, and always in ${requiredRegion}`;
  return `anywhere in ${allowedRegions.join(', ')}${required}`;
}

/** What it says besides places, as a line to be set under them; none if it says nothing. */
export function otherTermsOf({ encryptionRequired, retention }: DataLocationPolicy): string[] {
  const { maxDays, legalHold } = retention;
  const terms = [
    ...(encryptionRequired ? ['sealed on every disk'] : []),
    ...(legalHold ? ['legal hold: nothing is deleted'] : []),
    ...(maxDays === null ? [] : [`deleted ${maxDays === 1 ? 'a day' : `${maxDays} days`} after it began`]),
  ];
  return terms.length === 0 ? [] : [`  ${terms.join('; ')}`];
}

/** All that a policy says, and what it does not. */
export function describeTerms({ homeRegion, policy, sinceWallUs }: PolicyTerms): string[] {
  const { allowedRegions, crossBorderAllowed, encryptionRequired, requiredRegion, retention } = policy;
  const { maxDays, legalHold } = retention;
  const end = maxDays === null ? null : new Date((sinceWallUs + maxDays * DAY_US) / 1_000);
  return [
    `  home      ${homeRegion}`,
    `  crossing  ${crossBorderAllowed ? `into ${allowedRegions.join(', ')}` : 'no border'}`,
    ...(requiredRegion === null ? [] : [`  required  ${requiredRegion}`]),
    `  contents  ${encryptionRequired ? 'sealed on every disk' : 'open on every disk'}`,
    `  kept      ${end === null ? 'until you delete it' : `until ${end.toISOString().slice(0, 10)}`}`,
    `  hold      ${legalHold ? 'legal hold: nothing is deleted' : 'none'}`,
  ];
}
