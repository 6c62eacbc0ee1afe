import { usualSwarm } from '../nemesis.ts';
import type { Problems } from './problems.ts';
import type { ResolvedSwarm } from './resolved-swarm.ts';
import type { Item } from './sections.ts';
import type { Swarm } from './swarm-schema.ts';
import { formatDuration } from './units.ts';

/** Bounds of what is drawn; null: nothing is. */
export function resolveSwarm(
  item: Item<Swarm> | null,
  { durationUs, problems }: { readonly durationUs: number; readonly problems: Problems },
): ResolvedSwarm | null {
  if (item === null || item.value === null) return null;
  const { place, value } = item;
  const usual = usualSwarm(durationUs);
  const { kinds, most = usual.most, from = usual.fromUs, malice = usual.malice } = value;
  const until = value.until ?? (from < usual.untilUs ? usual.untilUs : durationUs);
  if (until > durationUs)
    problems.add(
      place.at('until'),
      `this lasts until ${formatDuration(until)}, and the scenario ends at ${formatDuration(durationUs)}`,
      'a time before the end',
    );
  if (from >= until)
    problems.add(
      place.at(value.from === undefined ? 'until' : 'from'),
      'it ends before it begins',
      `"from" before "until"`,
    );
  return {
    kinds: kinds === undefined || kinds === 'all' ? usual.kinds : kinds,
    most,
    fromUs: from,
    untilUs: until,
    malice,
  };
}
