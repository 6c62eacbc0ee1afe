import { WIRE_VERSION } from '../../core/machine/codec.ts';
import type { Fault } from './fault-schema.ts';
import type { Ground, ResolveEffects, Stage } from './fault-stage.ts';
import { placeOfWord } from './resolve-places.ts';
import type { ResolvedNodeFault } from './resolved-node-faults.ts';
import type { Place } from './source.ts';

type Written<K extends keyof Fault> = NonNullable<Fault[K]>;
type NodesKind = {
  [K in ResolvedNodeFault['kind']]: Written<K> extends readonly string[] ? K : never;
}[ResolvedNodeFault['kind']];

/** A kind that is nodes and nothing else. */
const onNodes =
  <K extends NodesKind>(kind: K) =>
  (words: readonly string[], place: Place, stage: Stage): { kind: K; nodes: string[] }[] => [
    { kind, nodes: resolveNodeWords(words, place, stage) },
  ];

/** The nodes of a kind that says more than which. */
function nodesOf({ nodes }: { readonly nodes: readonly string[] }, place: Place, stage: Stage): string[] {
  return resolveNodeWords(nodes, place.at('nodes'), stage);
}

function isList(written: unknown): written is readonly string[] {
  return Array.isArray(written);
}

export const NODE_EFFECTS: ResolveEffects<ResolvedNodeFault> = {
  crash: (written, place, stage) =>
    isList(written)
      ? [{ kind: 'crash', nodes: resolveNodeWords(written, place, stage) }]
      : [{ kind: 'crash', point: written.point, nodes: nodesOf(written, place, stage) }],
  wipe: onNodes('wipe'),
  restore: onNodes('restore'),
  restart: onNodes('restart'),
  pause: onNodes('pause'),
  slowNode: (written, place, stage) => [
    { kind: 'slowNode', toPpm: written.to, nodes: nodesOf(written, place, stage) },
  ],
  otherVersion: (written, place, stage) => {
    if (written.version === WIRE_VERSION)
      stage.problems.add(place.at('version'), `they speak version ${WIRE_VERSION} anyway`, 'another version');
    return [{ kind: 'otherVersion', version: written.version, nodes: nodesOf(written, place, stage) }];
  },
  clock: (written, place, stage) => {
    const { drift, offset, step } = written;
    if (drift === undefined && offset === undefined && step === undefined)
      stage.problems.add(place, 'clocks that are right', 'a drift, an offset or a step');
    const nodes = nodesOf(written, place, stage);
    return [{ kind: 'clock', driftPpm: drift ?? 0, offsetUs: offset ?? 0, stepUs: step ?? 0, nodes }];
  },
  tornWrite: onNodes('tornWrite'),
  lostWrite: onNodes('lostWrite'),
  bitRot: onNodes('bitRot'),
  fullDisk: onNodes('fullDisk'),
  stalledDisk: (written, place, stage) =>
    isList(written)
      ? [{ kind: 'stalledDisk', byUs: null, nodes: resolveNodeWords(written, place, stage) }]
      : [{ kind: 'stalledDisk', byUs: written.by, nodes: nodesOf(written, place, stage) }],
  outOfMemory: onNodes('outOfMemory'),
  slowAccelerator: (written, place, stage) => [
    { kind: 'slowAccelerator', toPpm: written.to, nodes: nodesOf(written, place, stage) },
  ],
  failingAccelerator: (written, place, stage) => [
    { kind: 'failingAccelerator', ppm: written.chance, nodes: nodesOf(written, place, stage) },
  ],
  wrongAccelerator: (written, place, stage) => [
    { kind: 'wrongAccelerator', ppm: written.chance, nodes: nodesOf(written, place, stage) },
  ],
};

/** Names of nodes, for words that are nodes, groups or clusters. */
export function resolveNodeWords(
  words: readonly string[],
  place: Place,
  { nodes, problems }: Pick<Ground, 'nodes' | 'problems'>,
): string[] {
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
