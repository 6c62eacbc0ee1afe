import type { Problems } from './problems.ts';
import { placeOfWord, resolvePlaces, resolveSides } from './resolve-places.ts';
import type { ResolvedFault, ResolvedNode } from './resolved.ts';
import { FAULT_KINDS, type Cluster, type Fault } from './schema.ts';
import type { Item, Items } from './sections.ts';
import type { Place } from './source.ts';
import { formatDuration } from './units.ts';

interface Stage {
  readonly durationUs: number;
  readonly clusters: Items<Cluster>;
  readonly nodes: ReadonlyMap<string, readonly ResolvedNode[] | null>;
  readonly problems: Problems;
}

/** What one entry does: a fault, or one for each cluster that it is `within`. */
export function resolveFault({ place, value }: Item<Fault>, stage: Stage): ResolvedFault[] {
  if (value === null) return [];
  const { problems, durationUs } = stage;
  const kinds = FAULT_KINDS.filter((kind) => value[kind] !== undefined);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'a fault that does nothing' : `a fault that is ${kinds.join(' and ')}`;
    problems.add(place, found, `exactly one of ${FAULT_KINDS.join(', ')}`);
    return [];
  }
  if (value.at >= durationUs) {
    const found = `this begins at ${formatDuration(value.at)}, and the scenario ends at ${formatDuration(durationUs)}`;
    problems.add(place.at('at'), found, 'a time before the end');
  }
  const isMoment = value.heal !== undefined || value.restart !== undefined;
  if (isMoment && value.for !== undefined)
    problems.addOfKey(place.at('for'), `${kinds[0]} does not last`, 'no "for" here');
  const atUs = value.at;
  const lasting = { atUs, untilUs: value.for === undefined ? null : atUs + value.for };
  if (value.heal !== undefined) return [{ kind: 'heal', atUs }];
  for (const kind of ['crash', 'pause', 'restart'] as const) {
    const words = value[kind];
    if (words === undefined) continue;
    const nodes = resolveNodeWords(words, place.at(kind), stage);
    return [kind === 'restart' ? { kind, atUs, nodes } : { kind, ...lasting, nodes }];
  }
  const on = (kind: 'cut' | 'loss' | 'duplicate' | 'delay') =>
    resolveLinks(value[kind]!, place.at(kind), stage);
  if (value.cut !== undefined) return on('cut').map((links) => ({ kind: 'cut', ...lasting, ...links }));
  if (value.delay !== undefined) {
    const addUs = value.delay.by;
    return on('delay').map((links) => ({ kind: 'delay', addUs, ...lasting, ...links }));
  }
  const kind = value.loss !== undefined ? 'loss' : 'duplicate';
  const ppm = value[kind]!.chance;
  return on(kind).map((links) => ({ kind, ppm, ...lasting, ...links }));
}

interface Links {
  readonly from: string[];
  readonly to: string[];
  readonly bothWays: boolean;
}

function resolveLinks(on: NonNullable<Fault['cut']>, place: Place, { clusters, problems }: Stage): Links[] {
  const { between, from, to, within } = on;
  const ways = [between, from ?? to, within].filter((way) => way !== undefined).length;
  if (ways !== 1 || (from === undefined) !== (to === undefined)) {
    problems.add(
      place,
      'this does not say which links',
      '"between" two sides, "from" one "to" another, or "within" clusters',
    );
    return [];
  }
  if (within !== undefined) {
    const names = resolvePlaces(within, place.at('within'), clusters, problems);
    return names.map((name) => ({ from: [name], to: [name], bothWays: false }));
  }
  const sides = between ?? [from!, to!];
  const places =
    between === undefined
      ? [place.at('from'), place.at('to')]
      : [place.at('between', 0), place.at('between', 1)];
  const [lefts, rights] = resolveSides(sides, places, clusters, problems);
  const both = lefts.find((name) => rights.includes(name));
  if (both !== undefined) problems.add(places[1], `${both} is on both sides`, 'each cluster on one side');
  return [{ from: lefts, to: rights, bothWays: between !== undefined }];
}

/** Names of nodes, for words that are nodes, groups or clusters. */
function resolveNodeWords(words: readonly string[], place: Place, { nodes, problems }: Stage): string[] {
  const found = new Set<string>();
  words.forEach((word, i) => {
    const cluster = word.split('/')[0];
    const ofCluster = nodes.get(cluster);
    if (ofCluster === null) return;
    const inside = (ofCluster ?? []).filter(
      ({ name }) => word === cluster || name === word || groupOf(name) === word,
    );
    for (const { name } of inside) found.add(name);
    if (inside.length > 0) return;
    const known =
      ofCluster === undefined
        ? [...nodes.keys()].flatMap((name) => [name, `${name}${word.slice(cluster.length)}`])
        : ofCluster.flatMap(({ name }) => [name, groupOf(name)]);
    problems.addUnknown(placeOfWord(place, words, i), 'node', word, new Set(known));
  });
  return [...found];
}

function groupOf(node: string): string {
  return node.slice(0, node.lastIndexOf('-'));
}
