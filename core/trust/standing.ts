import { NEVER_US } from '../base/time.ts';
import type { Parameters } from '../machine/parameters.ts';
import { COMMUNITY, EXPERIMENTAL, PEER, VERIFIED } from './attestation.ts';
import { mayDo } from './operations.ts';
import type { Audit, Vouch } from './standing-documents.ts';

/** A vouch, and what stands behind whoever gives it. */
export interface Backed {
  readonly vouch: Vouch;
  /** What has been attested of the voucher: what it owes to vouches gives it no say (depth 1). */
  readonly voucherLevel: number;
  /** Until when that holds, and who runs the voucher, as its attestation says. */
  readonly rootUntilWallUs: number;
  readonly runBy: string;
  /** How many nodes it vouches for at this time. */
  readonly inForce: number;
  readonly isGuilty: boolean;
}

/** All that is known of a node. */
export interface Grounds {
  /** The level that valid attestations grant it, and until when. */
  readonly attested: number;
  readonly attestedUntilWallUs: number;
  readonly vouches: readonly Backed[];
  /** Those of accredited auditors. */
  readonly audits: readonly Audit[];
  /** For how long others have observed it, and how much of that it was there. */
  readonly observedUs: number;
  readonly uptimePpm: number;
  /** It is proved to have equivocated, or to have vouched for more than it may. */
  readonly isGuilty: boolean;
}

export interface Standing {
  readonly level: number;
  /** It may be lower from then on. */
  readonly untilWallUs: number;
  /** For people: what raised it, and what kept it from rising. */
  readonly why: readonly string[];
}

/**
 * R8.1-3: what a node has earned by now. It knows nothing but its arguments, and no document counts twice, so nothing
 * rises by being said again, in another order, or by another path.
 */
export function standingOf(grounds: Grounds, wallUs: number, rules: Parameters): Standing {
  const why: string[] = [];
  if (grounds.isGuilty)
    return { level: EXPERIMENTAL, untilWallUs: NEVER_US, why: ['there is proof against it'] };
  let level = Math.max(EXPERIMENTAL, grounds.attested);
  let untilWallUs = level > EXPERIMENTAL ? grounds.attestedUntilWallUs : NEVER_US;
  if (level > EXPERIMENTAL) why.push(`an attestor grants it level ${level}`);
  const backing = keepBacking(grounds.vouches, wallUs, rules, why);
  const stepTo = (next: number, until: number, reason: string): void => {
    level = next;
    untilWallUs = Math.min(untilWallUs, until);
    why.push(reason);
  };
  if (level < PEER) {
    const lack = lackOf(grounds, backing, PEER, 1, 1, rules.risePeerUs, rules.peerUptimePpm);
    if (lack === null) stepTo(PEER, lastUntil(backing, PEER, 1), 'vouched for as a peer');
    else why.push(lack);
  }
  if (level === PEER) {
    const { communityVouches: count, communityControllers: controllers } = rules;
    const { riseCommunityUs, communityUptimePpm } = rules;
    const lack = lackOf(grounds, backing, COMMUNITY, count, controllers, riseCommunityUs, communityUptimePpm);
    // Any of the vouches that runs out may be the one that was needed.
    if (lack === null) stepTo(COMMUNITY, lastUntil(backing, COMMUNITY, 0), 'vouched for as of the community');
    else why.push(lack);
  }
  if (level === COMMUNITY) {
    const audit = grounds.audits.find((one) => isSound(one, wallUs, rules));
    if (audit === undefined) why.push('no audit is in force');
    else stepTo(VERIFIED, audit.untilWallUs, 'audited');
  }
  return { level, untilWallUs, why };
}

/** Whether a vouch is in force by its dates, whoever gave it. */
export function isInForce({ level, fromWallUs, untilWallUs }: Vouch, wallUs: number): boolean {
  return level > 0 && wallUs >= fromWallUs && wallUs < untilWallUs;
}

/** The vouches that count, one a voucher. */
function keepBacking(
  vouches: readonly Backed[],
  wallUs: number,
  { maxVouches }: Parameters,
  why: string[],
): Backed[] {
  const counted = new Map<number, Backed>();
  for (const one of vouches) {
    const { vouch, voucherLevel, inForce, isGuilty } = one;
    if (!isInForce(vouch, wallUs) || vouch.voucher === vouch.subject) continue;
    if (isGuilty) why.push('a voucher is guilty itself');
    else if (!mayDo(voucherLevel, 'vouch')) why.push('a voucher may not vouch');
    // Who breaks the bound has proved that its word is worth nothing: none of its vouches is picked out as good.
    else if (inForce > maxVouches) why.push(`a voucher vouches for ${inForce} nodes at once`);
    else {
      const before = counted.get(vouch.voucher);
      if (before === undefined || before.vouch.level < vouch.level) counted.set(vouch.voucher, one);
    }
  }
  return [...counted.values()];
}

/** What is missing to rise to a level by vouches, or null. */
function lackOf(
  { observedUs, uptimePpm }: Grounds,
  backing: readonly Backed[],
  level: number,
  count: number,
  controllers: number,
  leastUs: number,
  leastPpm: number,
): string | null {
  const enough = backing.filter(({ vouch }) => vouch.level >= level);
  if (enough.length < count) return `${enough.length} of ${count} vouches for level ${level}`;
  const runBy = new Set(enough.map((one) => one.runBy));
  if (runBy.size < controllers) return `its vouchers are of ${runBy.size} of ${controllers} organisations`;
  if (observedUs < leastUs) return `observed for ${observedUs} of ${leastUs} µs`;
  return uptimePpm < leastPpm ? `there for ${uptimePpm} of ${leastPpm} ppm of the time` : null;
}

/** When the last of so many is left; 0: when the first runs out. */
function lastUntil(backing: readonly Backed[], level: number, count: number): number {
  let firstUs = NEVER_US;
  let lastUs = 0;
  for (const { vouch, rootUntilWallUs } of backing) {
    if (vouch.level < level) continue;
    const untilUs = Math.min(vouch.untilWallUs, rootUntilWallUs);
    firstUs = Math.min(firstUs, untilUs);
    lastUs = Math.max(lastUs, untilUs);
  }
  return count === 0 ? firstUs : lastUs;
}

/** Whether an audit says all that it must: for at most a year, with a disclosure, and a promise that is high enough. */
function isSound(
  { disclosure, promisedPpm, fromWallUs, untilWallUs }: Audit,
  wallUs: number,
  { auditUs, auditPledgePpm }: Parameters,
): boolean {
  if (disclosure === '' || promisedPpm < auditPledgePpm || untilWallUs - fromWallUs > auditUs) return false;
  return wallUs >= fromWallUs && wallUs < untilWallUs;
}
