import type { Peer, Pure } from '../core/base/peers.ts';
import type { ClusterRecord, Peering, PeeringTerms } from '../core/cluster/border/border-documents.ts';
import { clusterRecordHash } from '../core/cluster/border/cluster-record.ts';
import { peeringHash } from '../core/cluster/border/peering.ts';
import type { NodeConfig } from '../core/machine/config.ts';
import type { Genesis, OperatorSignature } from '../core/trust/documents.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import type {
  ResolvedCluster,
  ResolvedNode,
  ResolvedPeering,
  ResolvedScenario,
} from './scenario/resolved.ts';

/** What the nodes of a cluster are told of other clusters. */
export type Agreed = Pick<NodeConfig, 'record' | 'peerings' | 'seedBridges'>;

/** Who can be asked to sign, and what they need to know of the world. */
export interface Registrar {
  readonly pure: Pure;
  readonly geneses: ReadonlyMap<string, Genesis>;
  /** By the name of the node. */
  peerOf(node: ResolvedNode): Peer;
  addressOf(node: ResolvedNode): string;
  sign(operator: Peer, hash: string): string;
  /** What the calendar shows when the scenario begins. */
  readonly startWallUs: number;
}

/** Ten years: for good, in a scenario. */
const FOR_GOOD_US = 10 * 365 * 24 * 3_600 * 1_000_000;
/** Bridges of another cluster that one begins with: with one of them down the other answers. */
const SEEDS = 2;

/** What operators sign at configuration time: a record for each cluster, and its peerings. By the name of the cluster. */
export function agree(scenario: ResolvedScenario, registrar: Registrar): Map<string, Agreed> {
  const peerings = scenario.peerings.map((peering) => mintPeering(peering, registrar));
  const bridges = bridgesByCluster(scenario);
  return new Map(
    scenario.clusters.map((cluster): [string, Agreed] => [
      cluster.name,
      {
        record: mintRecord(cluster, bridges.get(cluster.name)!, registrar),
        peerings: scenario.peerings.flatMap(({ between }, i) =>
          between.includes(cluster.name) ? [{ peering: peerings[i], revocation: null }] : [],
        ),
        seedBridges: seedsOf(scenario, cluster, bridges, registrar),
      },
    ]),
  );
}

function mintRecord(
  { name, region, exports }: ResolvedCluster,
  bridges: readonly ResolvedNode[],
  registrar: Registrar,
): ClusterRecord {
  const { pure, geneses, startWallUs } = registrar;
  const genesis = geneses.get(name)!;
  const terms = {
    genesis,
    region,
    bridges: bridges.map((node) => ({
      peer: registrar.peerOf(node),
      region: node.region,
      address: registrar.addressOf(node),
    })),
    exports: [...exports],
    version: { epoch: Math.floor(startWallUs / 1_000_000), version: 1 },
  };
  return { ...terms, signatures: signWith(genesis, clusterRecordHash(pure, terms), registrar) };
}

function mintPeering(
  { between, exports, fromUs, untilUs, maxInFlight }: ResolvedPeering,
  registrar: Registrar,
): Peering {
  const { pure, geneses, startWallUs } = registrar;
  const [left, right] = [geneses.get(between[0])!, geneses.get(between[1])!];
  const terms: PeeringTerms = {
    left: { cluster: between[0], genesis: genesisHash(pure, left), exports: [...exports[0]] },
    right: { cluster: between[1], genesis: genesisHash(pure, right), exports: [...exports[1]] },
    version: 1,
    // From the start is from before it: no clock need be right for that.
    fromWallUs: fromUs === 0 ? 0 : startWallUs + fromUs,
    untilWallUs: startWallUs + (untilUs ?? FOR_GOOD_US),
    maxInFlight: maxInFlight ?? 0,
  };
  const hash = peeringHash(pure, terms);
  return {
    ...terms,
    left: { ...terms.left, signatures: signWith(left, hash, registrar) },
    right: { ...terms.right, signatures: signWith(right, hash, registrar) },
  };
}

/** As many operators as it takes. */
function signWith(
  { operators, threshold }: Genesis,
  hash: string,
  registrar: Registrar,
): OperatorSignature[] {
  return operators
    .slice(0, threshold)
    .map((operator) => ({ operator, signature: registrar.sign(operator, hash) }));
}

function seedsOf(
  scenario: ResolvedScenario,
  { name, seedClusters = [] }: ResolvedCluster,
  bridges: ReadonlyMap<string, readonly ResolvedNode[]>,
  registrar: Registrar,
): Agreed['seedBridges'] {
  const isSeed = ({ name: other }: ResolvedCluster): boolean =>
    other !== name &&
    (seedClusters.includes(other) ||
      scenario.peerings.some(({ between }) => between.includes(name) && between.includes(other)));
  return scenario.clusters.filter(isSeed).flatMap((other) =>
    bridges
      .get(other.name)!
      .slice(0, SEEDS)
      .map((node) => ({ peer: registrar.peerOf(node), address: registrar.addressOf(node) })),
  );
}

function bridgesByCluster({ clusters, nodes }: ResolvedScenario): Map<string, ResolvedNode[]> {
  const bridges = new Map(clusters.map(({ name }) => [name, [] as ResolvedNode[]]));
  for (const node of nodes) if (node.types.includes('bridge')) bridges.get(node.cluster)!.push(node);
  return bridges;
}
