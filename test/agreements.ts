import type { ClusterRecord, Peering } from '../core/cluster/border/border-documents.ts';
import { clusterRecordHash } from '../core/cluster/border/cluster-record.ts';
import { peeringHash } from '../core/cluster/border/peering.ts';
import type { NodeConfig } from '../core/machine/config.ts';
import type { Genesis, OperatorSignature } from '../core/trust/documents.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import type { Cast } from './cast.ts';
import { genesisOf, WALL_START_US, type NodeSpec } from './rig.ts';

/** What the operators of a cluster have signed for others: its record, and a peering with each cluster that a spec names. */
export function agreedFor(
  cast: Cast,
  specs: readonly NodeSpec[],
  spec: NodeSpec,
): Pick<NodeConfig, 'record' | 'peerings' | 'seedBridges'> {
  const all = recordsFor(cast, specs);
  return {
    record: all.get(spec.cluster)!,
    peerings: [...all.values()].flatMap(({ genesis }) =>
      arePeered(specs, spec.cluster, genesis.cluster)
        ? [{ peering: peeringFor(cast, specs, spec.cluster, genesis.cluster), revocation: null }]
        : [],
    ),
    seedBridges: (spec.peered ?? []).map((name) => ({ peer: cast.peer(name), address: name })),
    ...spec.agreements?.(cast),
  };
}

function arePeered(specs: readonly NodeSpec[], left: string, right: string): boolean {
  const names = (from: string, to: string): boolean =>
    specs.some(
      ({ cluster, peered = [] }) =>
        cluster === from && peered.some((name) => specs.find((other) => other.name === name)?.cluster === to),
    );
  return left !== right && (names(left, right) || names(right, left));
}

/** The signed records of all clusters, by name. */
export function recordsFor(cast: Cast, specs: readonly NodeSpec[]): Map<string, ClusterRecord> {
  return new Map(specs.map((spec) => [spec.cluster, recordFor(cast, specs, spec.cluster)]));
}

export function recordFor(
  cast: Cast,
  specs: readonly NodeSpec[],
  cluster: string,
  changes: Partial<ClusterRecord> = {},
): ClusterRecord {
  const first = specs.find((spec) => spec.cluster === cluster)!;
  const { signatures, ...changed } = changes;
  const genesis = genesisOf(cast, first);
  const terms = {
    genesis,
    region: first.region,
    bridges: specs
      .filter((spec) => spec.cluster === cluster && spec.types.includes('bridge'))
      .map(({ name, region }) => ({ peer: cast.peer(name), region, address: name })),
    exports: exportsFor(specs, cluster),
    version: { epoch: 1, version: 1 },
    ...changed,
  };
  return {
    ...terms,
    signatures: signatures ?? signByOperators(cast, terms.genesis, clusterRecordHash(cast, terms)),
  };
}

/** A peering signed by both sides, for good unless it says otherwise. The side that is first by name is the left one. */
export function peeringFor(
  cast: Cast,
  specs: readonly NodeSpec[],
  one: string,
  other: string,
  changes: Partial<Omit<Peering, 'left' | 'right'>> & { exports?: Readonly<Record<string, string[]>> } = {},
): Peering {
  const { exports, ...terms } = changes;
  const side = (cluster: string) => {
    const genesis = genesisOf(
      cast,
      specs.find((spec) => spec.cluster === cluster)!,
    );
    const own = exports?.[cluster] ?? exportsFor(specs, cluster);
    return { genesis, side: { cluster, genesis: genesisHash(cast, genesis), exports: own } };
  };
  const [left, right] = one < other ? [side(one), side(other)] : [side(other), side(one)];
  const agreed = {
    left: left.side,
    right: right.side,
    version: 1,
    fromWallUs: 0,
    untilWallUs: WALL_START_US + 1e15,
    maxInFlight: 0,
    ...terms,
  };
  const hash = peeringHash(cast, agreed);
  return {
    ...agreed,
    left: { ...agreed.left, signatures: signByOperators(cast, left.genesis, hash) },
    right: { ...agreed.right, signatures: signByOperators(cast, right.genesis, hash) },
  };
}

function exportsFor(specs: readonly NodeSpec[], cluster: string): string[] {
  return [...new Set(specs.flatMap((spec) => (spec.cluster === cluster ? [...(spec.exports ?? [])] : [])))];
}

/** The operators of a cluster sign a document. */
export function signByOperators(cast: Cast, { operators }: Genesis, hash: string): OperatorSignature[] {
  return operators.map((operator) => ({ operator, signature: cast.sign(operator, hash) }));
}
