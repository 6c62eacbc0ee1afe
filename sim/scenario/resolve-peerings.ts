import type { z } from 'zod';
import type { Problems } from './problems.ts';
import { resolveSides } from './resolve-places.ts';
import type { Cluster, peeringsSchema } from './schema.ts';
import type { Item, Items } from './sections.ts';

/** Pairs of clusters, each once, the one that is listed first in front. */
export function resolvePeerings(
  peerings: Item<z.output<typeof peeringsSchema>> | null,
  clusters: Items<Cluster>,
  problems: Problems,
): [string, string][] {
  const names = [...clusters.keys()];
  const written = peerings?.value ?? null;
  if (peerings === null || written === null) return [];
  if (written === 'full-mesh')
    return names.flatMap((left, i) => names.slice(i + 1).map((right): [string, string] => [left, right]));
  const pairs = new Set<string>();
  written.forEach((sides, i) => {
    const place = peerings.place.at(i);
    const [lefts, rights] = resolveSides(sides, [place.at(0), place.at(1)], clusters, problems);
    for (const left of lefts) {
      for (const right of rights) {
        if (left !== right)
          pairs.add([left, right].sort((a, b) => names.indexOf(a) - names.indexOf(b)).join(' '));
        else if (lefts.length === 1 && rights.length === 1)
          problems.add(place, `a peering of ${left} with itself`, 'two clusters');
      }
    }
  });
  return [...pairs].map((pair) => pair.split(' ') as [string, string]);
}
