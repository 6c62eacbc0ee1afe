import type { Peer } from '../../base/peers.ts';
import { SECOND_US, type Now } from '../../base/time.ts';
import type { Node } from '../../machine/node-state.ts';
import { integer, list, peer, record, type Of } from '../../machine/shape.ts';
import { PROBED_IN_VAIN, PROBED_INDIRECTLY, PROBED_LATE, PROBED_NEVER } from './member-table.ts';
import { isLiveState, MEMBER_STATES } from './member.ts';

/** How unwell a node thinks itself, from 0 to the bound: its own probes and its refutations say so (Lifeguard). */
export function changeScore(score: number, change: number, most: number): number {
  return Math.min(most, Math.max(0, score + change));
}

/**
 * What a failed probe says of the prober itself. If nacks were to come, each that did not: who cannot hear those either is
 * itself the one that is slow. If none were to come, the failure.
 */
export function scoreOfFailure(nacksExpected: number, nacks: number): number {
  return nacksExpected > 0 ? Math.max(0, nacksExpected - nacks) : 1;
}

/** How long a node that is unwell waits from probe to probe: its interval scales, its patience with one answer does not. */
export function probeIntervalUs(probeUs: number, score: number): number {
  return probeUs * (score + 1);
}

/** A time in which a member was away, as this node saw it. */
export const outageShape = record({
  peer,
  fromUs: integer,
  /** 0: it still is. */
  untilUs: integer,
  /** The boot in which it was last heard before; 0 unknown. */
  boot: integer,
});
export type Outage = Of<typeof outageShape>;
/** At the bound the oldest are forgotten, and count as time well spent. */
export const MAX_OUTAGES = 512;
export const outagesShape = list(outageShape, MAX_OUTAGES);

export function beginOutage(outages: Outage[], peer: Peer, fromUs: number, boot: number): void {
  if (outages.length >= MAX_OUTAGES) outages.shift();
  outages.push({ peer, fromUs, untilUs: 0, boot });
}

export function endOutage(outages: Outage[], peer: Peer, nowUs: number): void {
  for (let i = outages.length - 1; i >= 0; i--) {
    if (outages[i].peer !== peer) continue;
    if (outages[i].untilUs === 0) outages[i].untilUs = nowUs;
    return;
  }
}

/** Uptime is over so long, or since this node knows of it. */
const UPTIME_US = 30 * 24 * 3_600 * SECOND_US;

/** Share of the time from `sinceUs`, at most 30 days, in which a member was not away, ppm. */
export function uptimePpm(outages: readonly Outage[], peer: Peer, sinceUs: number, nowUs: number): number {
  const fromUs = Math.max(sinceUs, nowUs - UPTIME_US);
  if (nowUs <= fromUs) return 1_000_000;
  let awayUs = 0;
  for (const outage of outages) {
    if (outage.peer !== peer) continue;
    const untilUs = outage.untilUs === 0 ? nowUs : outage.untilUs;
    awayUs += Math.max(0, untilUs - Math.max(fromUs, outage.fromUs));
  }
  return Math.floor(((nowUs - fromUs - awayUs) / (nowUs - fromUs)) * 1_000_000);
}

/**
 * How a member does, as far as that can be told: one-way, if it answers others and not this node, or is heard and does not
 * answer; unknown is not down.
 */
export type Sign = 'well' | 'slow' | 'one-way' | 'silent' | 'unknown';

/** Light in vacuum, km/µs: nothing goes faster (SI: 299,792,458 m/s). */
const LIGHT_KM_PER_US = 0.299792458;

/**
 * How far away somebody can be at most who answered after so long. It is all that there is to say for a region that somebody claims:
 * that it holds a key is proved, where it lies is not. A long round trip proves nothing; and who guesses what it will be asked answers early.
 */
export function reachKm(rttUs: number): number {
  return Math.ceil((rttUs / 2) * LIGHT_KM_PER_US);
}

/** The health of a member (§4.2): observed by this node, never said by the member, and joined on reading. */
export interface Health {
  readonly state: (typeof MEMBER_STATES)[number];
  readonly sign: Sign;
  /** Smoothed; null unknown. */
  readonly rttUs: number | null;
  /** It is no further away than this, km; null unknown. */
  readonly withinKm: number | null;
  /** How long ago it was heard itself; null never. */
  readonly lastSeenAgoUs: number | null;
  readonly uptimePpm: number;
  /** Why it was last away: after a crash it comes back in another boot, after a pause in the same. Null: never, or not told. */
  readonly lastOutage: 'crash' | 'pause' | null;
}

/** Null: the node does not know the peer as a member. */
export function healthOf(node: Node, now: Now, peer: Peer): Health | null {
  const { membership } = node;
  const row = membership === null ? -1 : membership.table.find(peer);
  if (membership === null || row < 0) return null;
  const { table, outages } = membership;
  const seenUs = table.seenUsAt(row);
  const rttUs = table.rttUsAt(row);
  const leastRttUs = table.leastRttUsAt(row);
  const last = outages.filter((outage) => outage.peer === peer).at(-1);
  const isTold = last !== undefined && last.untilUs > 0 && last.boot > 0 && table.bootAt(row) > 0;
  return {
    state: MEMBER_STATES[table.stateAt(row)],
    sign: signOf(node, now, table.stateAt(row), table.probedAt(row), seenUs),
    rttUs: rttUs === 0 ? null : rttUs,
    withinKm: leastRttUs === 0 ? null : reachKm(leastRttUs),
    lastSeenAgoUs: seenUs === 0 ? null : now.monoUs - seenUs,
    uptimePpm: uptimePpm(outages, peer, membership.startedUs, now.monoUs),
    lastOutage: !isTold ? null : table.bootAt(row) === last.boot ? 'pause' : 'crash',
  };
}

function signOf(node: Node, now: Now, state: number, probed: number, seenUs: number): Sign {
  // With a few members each is heard often; with many, only as often as its turn comes.
  const isHeard = seenUs > 0 && now.monoUs - seenUs < 3 * node.config.parameters.probeUs;
  switch (probed) {
    case PROBED_NEVER:
      return isLiveState(state) ? 'unknown' : 'silent';
    case PROBED_LATE:
      return 'slow';
    case PROBED_INDIRECTLY:
      return 'one-way';
    case PROBED_IN_VAIN:
      return isHeard ? 'one-way' : 'silent';
    default:
      return 'well';
  }
}
