import type { z } from 'zod';
import type { Problems } from './problems.ts';
import { resolveSides } from './resolve-places.ts';
import type { ResolvedPeering } from './resolved.ts';
import type { Cluster, Model, peeringsSchema, WrittenPeering } from './schema.ts';
import type { Item, Items } from './sections.ts';
import type { Place } from './source.ts';
import { formatDuration } from './units.ts';

/** What peerings are read by. */
interface Ground {
  readonly clusters: Items<Cluster>;
  readonly models: Items<Model>;
  readonly durationUs: number;
  readonly problems: Problems;
}

type Written = string[][] | WrittenPeering;

/** `all` or a list of models, as written; nothing if nothing is written. */
export function exportsOf(written: 'all' | readonly string[] | undefined): readonly string[] {
  return written === 'all' ? ['*'] : (written ?? []);
}

/** Each pair of clusters once, the one that is listed first in front. */
export function resolvePeerings(
  peerings: Item<z.output<typeof peeringsSchema>> | null,
  ground: Ground,
): ResolvedPeering[] {
  const names = [...ground.clusters.keys()];
  const written = peerings?.value ?? null;
  if (peerings === null || written === null) return [];
  if (written === 'full-mesh')
    return names.flatMap((left, i) => names.slice(i + 1).map((right) => usualPeering(left, right, ground)));
  const found = new Map<string, { readonly peering: ResolvedPeering; readonly hasTerms: boolean }>();
  (written as Written[]).forEach((entry, i) => {
    const place = peerings.place.at(i);
    const hasTerms = !Array.isArray(entry);
    const pairs = pairsOf(entry, place, names, ground);
    for (const [left, right] of pairs) {
      const key = `${left} ${right}`;
      const before = found.get(key);
      if (before === undefined) {
        const usual = usualPeering(left, right, ground);
        found.set(key, { peering: hasTerms ? withTerms(usual, entry) : usual, hasTerms });
      } else if (hasTerms || before.hasTerms)
        ground.problems.add(
          place,
          `${left} and ${right} have a peering already`,
          'one peering of two clusters',
        );
    }
    if (hasTerms) checkTerms(entry, pairs.flat(), place, ground);
  });
  return [...found.values()].map(({ peering }) => peering);
}

/** The pairs of clusters that an entry stands for. */
function pairsOf(entry: Written, place: Place, names: readonly string[], ground: Ground): [string, string][] {
  const { clusters, problems } = ground;
  const [sides, where] = Array.isArray(entry) ? [entry, place] : [entry.between, place.at('between')];
  const [lefts, rights] = resolveSides(sides, [where.at(0), where.at(1)], clusters, problems);
  const pairs = new Set<string>();
  for (const left of lefts) {
    for (const right of rights) {
      if (left !== right)
        pairs.add([left, right].sort((a, b) => names.indexOf(a) - names.indexOf(b)).join(' '));
      else if (lefts.length === 1 && rights.length === 1)
        problems.add(where, `a peering of ${left} with itself`, 'two clusters');
    }
  }
  return [...pairs].map((pair) => pair.split(' ') as [string, string]);
}

/** For good, without a limit, and with what both export to all. */
function usualPeering(left: string, right: string, { clusters }: Ground): ResolvedPeering {
  const exportsTo = (name: string): readonly string[] => exportsOf(clusters.get(name)?.value?.exports);
  const exports = [exportsTo(left), exportsTo(right)] as const;
  return { between: [left, right], exports, fromUs: 0, untilUs: null, maxInFlight: null };
}

function withTerms(
  usual: ResolvedPeering,
  { exports, from, until, inFlight }: WrittenPeering,
): ResolvedPeering {
  const side = (i: 0 | 1): readonly string[] => {
    const own = exports?.[usual.between[i]];
    return own === undefined ? usual.exports[i] : exportsOf(own);
  };
  return {
    ...usual,
    exports: [side(0), side(1)],
    fromUs: from ?? 0,
    untilUs: until ?? null,
    maxInFlight: inFlight ?? null,
  };
}

function checkTerms(
  { exports, from, until }: WrittenPeering,
  sides: readonly string[],
  place: Place,
  ground: Ground,
): void {
  const { clusters, models, durationUs, problems } = ground;
  const end = Math.min(until ?? durationUs, durationUs);
  if ((from ?? 0) >= end)
    problems.add(
      place.at(from === undefined ? 'until' : 'from'),
      'it ends before it begins',
      `a time before ${formatDuration(end)}`,
    );
  for (const [cluster, written] of Object.entries(exports ?? {})) {
    if (!clusters.has(cluster))
      problems.addUnknown(place.at('exports', cluster), 'cluster', cluster, clusters.keys(), true);
    else if (!sides.includes(cluster))
      problems.addOfKey(
        place.at('exports', cluster),
        `${cluster} is on no side of this peering`,
        'a cluster of one of the sides',
      );
    if (written === 'all') continue;
    written.forEach((model, i) => {
      if (!models.has(model))
        problems.addUnknown(place.at('exports', cluster, i), 'model', model, models.keys());
    });
  }
}
