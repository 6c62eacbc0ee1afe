import type { z } from 'zod';
import { coversRegion } from '../../core/policy/regions.ts';
import { nearestSpelling } from './spelling.ts';
import { didYouMean } from './scenario-error.ts';
import type { Problems } from './problems.ts';
import type { ResolvedNetwork, ResolvedRegion } from './resolved.ts';
import type { Cluster, networkSchema, Region } from './schema.ts';
import type { Item, Items } from './sections.ts';
import type { Place } from './source.ts';

const FIXED_PPM = 900_000;
const INSIDE_US = 2_000;

/** The regions that clusters and their nodes lie in, in the order in which the files have them. */
export function resolveRegions(
  regions: Items<Region>,
  clusters: Items<Cluster>,
  problems: Problems,
): ResolvedRegion[] {
  const used = new Set<string>();
  for (const { place, value } of clusters.values()) {
    if (value === null) continue;
    if (regions.has(value.region)) used.add(value.region);
    else problems.addUnknown(place.at('region'), 'region', value.region, regions.keys());
    for (const [group, own] of Object.entries(value.nodes)) {
      if (typeof own === 'number' || own.region === undefined) continue;
      const at = place.at('nodes', group).at('region');
      if (regions.has(own.region)) used.add(own.region);
      else problems.addUnknown(at, 'region', own.region, regions.keys());
    }
  }
  return [...regions.values()].flatMap(({ name, value }) =>
    value !== null && used.has(name) ? [{ path: name, ...value }] : [],
  );
}

/** Says so where a selector covers no region that there is. */
export function checkSelector(
  place: Place,
  selector: string,
  regions: Items<Region>,
  problems: Problems,
): void {
  if (!problems.areNamesKnown) return;
  const paths = [...regions.keys()];
  if (paths.some((path) => coversRegion(selector, path))) return;
  const hint = didYouMean(nearestSpelling(selector, [...new Set(paths.flatMap(prefixesOf))]));
  problems.add(place, `there is no region "${selector}"`, 'a region, or the beginning of its path', hint);
}

/** `americas/us-east` and `americas`. */
export function prefixesOf(path: string): string[] {
  const steps = path.split('/');
  return steps.map((_, i) => steps.slice(0, i + 1).join('/'));
}

export function resolveNetwork(
  network: Item<z.output<typeof networkSchema>> | null,
  insideUs: number | null,
  roundTrips: Items<Record<string, number>>,
  regions: readonly ResolvedRegion[],
  known: Items<Region>,
  problems: Problems,
): ResolvedNetwork {
  for (const { name, place, value } of roundTrips.values()) {
    if (!known.has(name)) problems.addUnknown(place, 'region', name, known.keys(), true);
    for (const other of Object.keys(value ?? {})) {
      if (!known.has(other)) problems.addUnknown(place.at(other), 'region', other, known.keys(), true);
    }
  }
  const roundTripUs = (from: string, to: string): number => {
    if (from === to) return roundTrips.get(from)?.value?.[to] ?? insideUs ?? INSIDE_US;
    const found = roundTrips.get(from)?.value?.[to] ?? roundTrips.get(to)?.value?.[from];
    if (found !== undefined) return found;
    const isTold = [from, to].some((end) => roundTrips.get(end)?.value === null);
    const isFirst =
      regions.findIndex(({ path }) => path === from) < regions.findIndex(({ path }) => path === to);
    if (!isTold && isFirst && problems.areNamesKnown) {
      const place = known.get(from)!.place;
      problems.addOfKey(place, `no round trip is given between ${from} and ${to}`, 'one under roundTrips');
    }
    return 0;
  };
  const { fixed, loss, duplicate } = network?.value ?? {};
  return {
    oneWayP95Us: regions.map(({ path: from }) =>
      regions.map(({ path: to }) => Math.floor(roundTripUs(from, to) / 2)),
    ),
    fixedPpm: fixed ?? FIXED_PPM,
    lossPpm: loss ?? 0,
    duplicatePpm: duplicate ?? 0,
  };
}
