import { coversRegion } from '../../core/policy/regions.ts';
import type { Problems } from './problems.ts';
import type { Cluster } from './schema.ts';
import type { Items } from './sections.ts';
import type { Place } from './source.ts';
import { prefixesOf } from './resolve-network.ts';

/** Every cluster that is not on the other side. */
export const OTHERS = 'others';

/** Where the i-th of some words stands: they are a list, or a single one without brackets. */
export function placeOfWord(place: Place, words: readonly string[], i: number): Place {
  const { source, path } = place;
  let written: unknown = source.data;
  for (const step of path) written = (written as Record<string | number, unknown>)[step];
  return Array.isArray(written) && words.length > i ? place.at(i) : place;
}

/** Names of clusters for words that are clusters, or regions for all clusters in them; each once, in their order. */
export function resolvePlaces(
  words: readonly string[],
  place: Place,
  clusters: Items<Cluster>,
  problems: Problems,
): string[] {
  const found = new Set<string>();
  const all = [...clusters.values()];
  words.forEach((word, i) => {
    const inside = clusters.has(word)
      ? [word]
      : all.filter(({ value }) => value !== null && coversRegion(word, value.region)).map(({ name }) => name);
    for (const name of inside) found.add(name);
    // Where a cluster is wrong and has been told of, its region is not known.
    if (inside.length > 0 || all.some(({ value }) => value === null)) return;
    const regions = all.flatMap(({ value }) => (value === null ? [] : prefixesOf(value.region)));
    const known = [...clusters.keys(), ...new Set(regions.filter((path) => !path.includes('/')))];
    problems.addUnknown(placeOfWord(place, words, i), 'cluster or region', word, known);
  });
  return all.map(({ name }) => name).filter((name) => found.has(name));
}

/** Two sides between which something is, as clusters. One of them may be `others`. */
export function resolveSides(
  sides: readonly (readonly string[])[],
  places: readonly Place[],
  clusters: Items<Cluster>,
  problems: Problems,
): [string[], string[]] {
  const isRest = sides.map((words) => words.length === 1 && words[0] === OTHERS && !clusters.has(OTHERS));
  const named = sides.map((words, i) =>
    isRest[i] ? [] : resolvePlaces(words, places[i], clusters, problems),
  );
  if (isRest[0] && isRest[1]) {
    problems.add(places[1], '"others" on both sides', 'clusters on one of them');
  }
  const besides = (side: readonly string[]): string[] =>
    [...clusters.keys()].filter((name) => !side.includes(name));
  if (isRest[0] !== isRest[1] && besides(named[isRest[0] ? 1 : 0]).length === 0)
    problems.add(places[isRest[0] ? 0 : 1], 'there are no other clusters', 'some cluster on each side');
  if (isRest[0]) return [besides(named[1]), named[1]];
  if (isRest[1]) return [named[0], besides(named[0])];
  return [named[0], named[1]];
}
