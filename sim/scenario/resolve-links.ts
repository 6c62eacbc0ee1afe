import type { Stage } from './fault-stage.ts';
import type { OnLinksWritten } from './link-fault-schema.ts';
import { apartOf, halvesOf, ringOf, type Shape } from './link-shapes.ts';
import { resolveNodeWords } from './resolve-node-faults.ts';
import { OTHERS, placeOfWord, resolvePlaces } from './resolve-places.ts';
import type { Place } from './source.ts';

/** Which links a fault is on. */
export interface Links extends Shape {
  readonly only?: readonly string[];
}

const WAYS = ['between', 'within', 'isolate', 'apart', 'halves', 'ring'] as const;
type Way = (typeof WAYS)[number] | 'from';

/** As it is written, with what there is to be harmed. */
interface Written {
  readonly on: OnLinksWritten;
  readonly place: Place;
  readonly stage: Stage;
  /** Clusters that are on no side. */
  readonly bridge: readonly string[];
}

/** The links of one entry: all in one, but for `within`, which is one for each cluster. */
export function resolveLinks(on: OnLinksWritten, place: Place, stage: Stage): Links[] {
  const ways: Way[] = WAYS.filter((way) => on[way] !== undefined);
  if (on.from !== undefined || on.to !== undefined) ways.push('from');
  if (ways.length !== 1 || (on.from === undefined) !== (on.to === undefined)) {
    stage.problems.add(
      place,
      'this does not say which links',
      '"between" two sides, "from" one "to" another, "within" clusters, or one of isolate, apart, halves, ring',
    );
    return [];
  }
  const [way] = ways;
  if (on.bridge !== undefined && (way === 'within' || way === 'ring'))
    stage.problems.addOfKey(
      place.at('bridge'),
      `a bridge ${way === 'ring' ? 'over a ring' : 'inside'}`,
      'none',
    );
  const bridge =
    on.bridge === undefined
      ? []
      : resolvePlaces(on.bridge, place.at('bridge'), stage.clusters, stage.problems);
  const only = on.only === undefined ? {} : { only: on.only };
  return linksOf(way, { on, place, stage, bridge }).map((links) => ({ ...links, ...only }));
}

function linksOf(way: Way, written: Written): Links[] {
  const { on, place, stage, bridge } = written;
  switch (way) {
    case 'between':
      return pairOf(on.between!, [place.at('between', 0), place.at('between', 1)], written, true);
    case 'from':
      return pairOf([on.from!, on.to!], [place.at('from'), place.at('to')], written, false);
    case 'isolate':
      return pairOf([on.isolate!, [OTHERS]], [place.at('isolate'), place.at('isolate')], written, true);
    case 'within': {
      const names = resolvePlaces(on.within!, place.at('within'), stage.clusters, stage.problems);
      return names.map((name) => ({ from: [name], to: [name], bothWays: false }));
    }
    case 'apart':
      return apart(written);
    case 'halves':
      return some(halvesOf(several(on.halves!, 2, place.at('halves'), stage, bridge)));
    case 'ring':
      return some(ringOf(several(on.ring!, 3, place.at('ring'), stage, [])));
  }
}

/** Two sides, of which one may be `others`: all clusters that are not on the other side. */
function pairOf(
  sides: readonly (readonly string[])[],
  places: readonly Place[],
  written: Written,
  bothWays: boolean,
): Links[] {
  const { stage, bridge } = written;
  const { problems, clusters } = stage;
  const isRest = sides.map((words) => words.length === 1 && words[0] === OTHERS && !clusters.has(OTHERS));
  const named = sides.map((words, i) => (isRest[i] ? [] : resolveSide(words, places[i], written)));
  const besides = (side: readonly string[]): string[] =>
    [...clusters.keys()].filter((name) => !side.includes(name) && !bridge.includes(name));
  if (isRest[0] && isRest[1]) problems.add(places[1], '"others" on both sides', 'clusters on one of them');
  else if (isRest[0] || isRest[1]) {
    const rest = isRest[0] ? 0 : 1;
    named[rest] = besides(named[1 - rest]);
    if (named[rest].length === 0)
      problems.add(places[rest], 'there are no other clusters', 'some cluster on each side');
  }
  checkApart(named, places, written);
  return [{ from: named[0], to: named[1], bothWays }];
}

/** Each of several sides against each other one. */
function apart(written: Written): Links[] {
  const { on, place, stage, bridge } = written;
  const at = place.at('apart');
  let sides: string[][];
  if (on.apart === 'regions') {
    const byRegion = new Map<string, string[]>();
    for (const { name, value } of stage.clusters.values()) {
      if (value === null) return [];
      if (bridge.includes(name)) continue;
      const [region] = value.region.split('/');
      byRegion.set(region, [...(byRegion.get(region) ?? []), name]);
    }
    sides = [...byRegion.values()];
    if (sides.length < 2)
      stage.problems.add(at, 'all clusters are in one region', 'regions apart from one another');
  } else {
    const places = on.apart!.map((_, i) => at.at(i));
    sides = on.apart!.map((words, i) => resolveSide(words, places[i], written));
    checkApart(sides, places, written);
  }
  return some(apartOf(sides));
}

function some(shape: Shape | null): Links[] {
  return shape === null ? [] : [shape];
}

/** Nobody on two sides, somebody on each. */
function checkApart(
  sides: readonly (readonly string[])[],
  places: readonly Place[],
  { stage, bridge }: Written,
): void {
  const { problems } = stage;
  sides.forEach((side, i) => {
    const earlier = sides.slice(0, i).flat();
    const both = side.find((name) => earlier.includes(name));
    if (both !== undefined) problems.add(places[i], `${both} is on both sides`, 'each cluster on one side');
    if (side.length === 0 && bridge.length > 0 && problems.list.length === 0)
      problems.add(places[i], 'only the bridge is on this side', 'somebody besides it');
  });
}

/** At least so many clusters, for words or for `all`. */
function several(
  words: 'all' | readonly string[],
  least: number,
  place: Place,
  { clusters, problems }: Stage,
  besides: readonly string[],
): string[] {
  const all = words === 'all' || (words.length === 1 && words[0] === 'all' && !clusters.has('all'));
  const names = (all ? [...clusters.keys()] : resolvePlaces(words, place, clusters, problems)).filter(
    (name) => !besides.includes(name),
  );
  if (names.length < least && problems.areNamesKnown && problems.list.length === 0)
    problems.add(
      place,
      `${names.length === 1 ? 'this is 1 cluster' : `these are ${names.length} clusters`}`,
      `at least ${least}`,
    );
  return names;
}

/** Clusters, regions for all clusters in them, and nodes or groups of nodes. */
function resolveSide(words: readonly string[], place: Place, { stage, bridge }: Written): string[] {
  const { clusters, problems } = stage;
  const isNode = (word: string): boolean => word.includes('/') && clusters.has(word.split('/')[0]);
  const places = words.filter((word) => !isNode(word));
  const names = new Set<string>();
  for (const word of places) {
    const at = placeOfWord(place, words, words.indexOf(word));
    for (const name of resolvePlaces([word], at, clusters, problems)) names.add(name);
  }
  const inOrder = [...clusters.keys()].filter((name) => names.has(name) && !bridge.includes(name));
  const nodes = words
    .filter(isNode)
    .flatMap((word) => resolveNodeWords([word], placeOfWord(place, words, words.indexOf(word)), stage));
  return [...inOrder, ...new Set(nodes)];
}
