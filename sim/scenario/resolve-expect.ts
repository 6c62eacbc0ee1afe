import { SECOND_US } from '../../core/base/time.ts';
import type { Calm, Expect } from './expect-schema.ts';
import type { Problems } from './problems.ts';
import type {
  GoalName,
  ResolvedCalm,
  ResolvedExpectations,
  ResolvedGoal,
  ResolvedLevel,
} from './resolved-expectations.ts';
import type { ResolvedFault } from './resolved-faults.ts';
import type { ResolvedSwarm } from './resolved-swarm.ts';
import type { Cluster } from './schema.ts';
import type { Item, Items } from './sections.ts';
import { formatDuration } from './units.ts';

/** How long goals, and the core of a calm, have where nothing is said. */
const WITHIN_US = 60 * SECOND_US;

/** What there is to expect something of. */
interface Prospect {
  readonly durationUs: number;
  readonly clusters: Items<Cluster>;
  readonly faults: readonly ResolvedFault[];
  /** Null: no harm is drawn besides. */
  readonly swarm: ResolvedSwarm | null;
  readonly problems: Problems;
}

/** What is absent is left out, so that a scenario that does not know of it stays what it was. */
export function resolveExpect(item: Item<Expect> | null, prospect: Prospect): ResolvedExpectations {
  const expect = item?.value ?? null;
  const plain = {
    okAtLeastPpm: expect?.okAtLeast ?? 0,
    sometimes: expect?.sometimes ?? [],
    never: expect?.never ?? ['INTERNAL'],
  };
  if (item === null || expect === null) return plain;
  const { always, suspends, eventually, levels } = expect;
  return {
    ...plain,
    ...(always === undefined ? {} : { always }),
    ...(suspends === undefined ? {} : { suspends }),
    ...(eventually === undefined ? {} : { eventually: resolveGoals(item, eventually, prospect) }),
    ...(levels === undefined ? {} : { levels: resolveLevels(item, levels, prospect) }),
  };
}

function resolveGoals(
  { place }: Item<Expect>,
  eventually: NonNullable<Expect['eventually']>,
  { durationUs, faults, swarm, problems }: Prospect,
): ResolvedGoal[] {
  const lastUs = faults.reduce((last, fault) => {
    const untilUs = 'untilUs' in fault ? fault.untilUs : null;
    return Math.max(last, untilUs ?? fault.atUs);
  }, swarm?.untilUs ?? 0);
  return eventually.map(({ goal, within }, i) => {
    const withinUs = within ?? WITHIN_US;
    if (lastUs + withinUs > durationUs) {
      const found = `the last fault is over at ${formatDuration(lastUs)}, and the scenario at ${formatDuration(durationUs)}`;
      problems.add(place.at('eventually', i), found, `${formatDuration(withinUs)} in between`);
    }
    return { goal: goal as GoalName, withinUs };
  });
}

function resolveLevels(
  { place }: Item<Expect>,
  levels: NonNullable<Expect['levels']>,
  { clusters, durationUs, faults, swarm, problems }: Prospect,
): ResolvedLevel[] {
  const regions = [...clusters.values()].flatMap(({ value }) => value?.region ?? []);
  return levels.map(({ phase, where, ok, p95, from, until }, i) => {
    const at = place.at('levels', i);
    if (ok === undefined && p95 === undefined)
      problems.add(at, 'a level that asks for nothing', 'ok, p95, or both');
    if (where !== undefined && !regions.some((region) => `${region}/`.startsWith(`${where}/`)))
      problems.addUnknown(at.at('where'), 'region of a cluster', where, regions);
    if (phase !== undefined && (from !== undefined || until !== undefined))
      problems.add(at.at('phase'), `phase is "${phase}", and there are times of the clock`, 'either of them');
    if (from !== undefined && from >= (until ?? durationUs))
      problems.add(
        at.at('from'),
        `${formatDuration(from)} to ${formatDuration(until ?? durationUs)}`,
        'a beginning before the end',
      );
    if (
      phase !== undefined &&
      phase !== 'before' &&
      phase !== 'always' &&
      faults.length === 0 &&
      swarm === null
    )
      problems.add(at.at('phase'), `phase is "${phase}", and there are no faults`, 'always');
    return {
      phase: phase ?? 'always',
      ...(from === undefined ? {} : { fromUs: from }),
      ...(until === undefined ? {} : { untilUs: until }),
      region: where ?? null,
      okAtLeastPpm: ok ?? null,
      p95Us: p95 ?? null,
    };
  });
}

export function resolveCalm(
  item: Item<Calm> | null,
  { durationUs, clusters, problems }: Prospect,
): ResolvedCalm | null {
  if (item === null || item.value === null) return null;
  const { place, value } = item;
  const { at, core, within } = value;
  const withinUs = within ?? WITHIN_US;
  if (at !== undefined && at + withinUs > durationUs) {
    const found = `calm from ${formatDuration(at)} for ${formatDuration(withinUs)}, and the scenario ends at ${formatDuration(durationUs)}`;
    problems.add(place, found, 'an end before that of the scenario');
  }
  core?.forEach((name, i) => {
    if (!clusters.has(name)) problems.addUnknown(place.at('core', i), 'cluster', name, clusters.keys());
  });
  return { fromUs: at ?? null, withinUs, clusters: core ?? null, settled: null };
}
