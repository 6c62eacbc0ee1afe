import { OK } from '../core/routing/outcomes.ts';
import type { ResolvedLevel } from './scenario/resolved-expectations.ts';
import { formatDuration } from './scenario/units.ts';
import { faultSpan } from './summary.ts';
import type { UserRequest } from './users.ts';
import type { World } from './world.ts';

export function endedOf(requests: readonly UserRequest[]): UserRequest[] {
  return requests.filter(({ code }) => code >= 0);
}

/** Of requests that have ended, those that ended well, ppm. */
export function shareOk(ended: readonly UserRequest[]): number {
  const ok = ended.filter(({ code }) => code === OK).length;
  return ended.length === 0 ? 0 : Math.floor((ok * 1_000_000) / ended.length);
}

export function percent(ppm: number): string {
  return `${(ppm / 10_000).toFixed(2)} %`;
}

/** The requests that a level speaks of: asked in a phase, or by the clock, by the users of a region or of all. */
export function askedIn(world: World, level: ResolvedLevel): UserRequest[] {
  const { phase, region } = level;
  const { fromUs, untilUs } = faultSpan(world);
  const { clusters } = world.scenario;
  return world.users.requests.filter(({ askedUs, cluster }) => {
    if (askedUs < (level.fromUs ?? 0) || askedUs >= (level.untilUs ?? Infinity)) return false;
    if (region !== null && !`${clusters[cluster].region}/`.startsWith(`${region}/`)) return false;
    if (phase === 'before') return askedUs < fromUs;
    if (phase === 'during') return askedUs >= fromUs && askedUs < untilUs;
    return phase === 'always' || askedUs >= untilUs;
  });
}

/** When and where, as `during, eu` or `2min to 4min`. */
export function nameOf({ phase, region, fromUs, untilUs }: ResolvedLevel): string {
  const isTimed = fromUs !== undefined || untilUs !== undefined;
  const until = untilUs === undefined ? 'the end' : formatDuration(untilUs);
  const when = isTimed ? `${formatDuration(fromUs ?? 0)} to ${until}` : phase;
  return `${when}${region === null ? '' : `, ${region}`}`;
}

/** Where a service level was missed, a line each. */
export function missesOf(world: World, level: ResolvedLevel): string[] {
  const { okAtLeastPpm, p95Us } = level;
  const ended = endedOf(askedIn(world, level));
  if (ended.length === 0) return [];
  const where = nameOf(level);
  const misses: string[] = [];
  const share = shareOk(ended);
  if (okAtLeastPpm !== null && share < okAtLeastPpm)
    misses.push(
      `service level (${where}): ${percent(share)} ended well, expected at least ${percent(okAtLeastPpm)}`,
    );
  const times = ended
    .filter(({ code }) => code === OK)
    .map(({ askedUs, endedUs }) => endedUs - askedUs)
    .sort((left, right) => left - right);
  const p95 = times[Math.ceil(0.95 * times.length) - 1];
  if (p95Us !== null && p95 !== undefined && p95 > p95Us)
    misses.push(`service level (${where}): 95 % were answered within ${p95} µs, expected ${p95Us} µs`);
  return misses;
}
