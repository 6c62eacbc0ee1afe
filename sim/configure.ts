import { Encoder } from '../core/machine/codec.ts';
import type { KnownModel, NodeConfig } from '../core/machine/config.ts';
import type { Attestation, Manifest } from '../core/cluster/manifest.ts';
import { attestationBytes } from '../core/trust/attestation.ts';
import type { Peer, Pure } from '../core/base/peers.ts';
import { admissionHash } from '../core/trust/admission.ts';
import type { Certificate, Genesis, Seed } from '../core/trust/documents.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import { createNode } from '../core/machine/node-state.ts';
import { agree } from './agreements.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { Identities } from './identities.ts';
import { Machine } from './machine.ts';
import type { ResolvedCluster, ResolvedNode, ResolvedScenario } from './scenario/resolved.ts';
import { keyOfName } from './seeds.ts';
import { renumberConfig, Wire } from './wire.ts';

/** What nodes have nothing of is one thing for all of them. */
const NONE: never[] = [];

/** Who stands where: the numbers of nodes, in the order of the scenario, and of attestor and operators of each cluster. */
export interface Cast {
  readonly nodes: readonly Peer[];
  readonly attestors: ReadonlyMap<string, Peer>;
  readonly operators: ReadonlyMap<string, readonly Peer[]>;
}

/** The machines of a scenario, in its order, with nodes that are down. */
export function createMachines(
  scenario: ResolvedScenario,
  identities: Identities,
  addPeer: (name: string) => Peer,
  isChecking: boolean,
): Machine[] {
  const nodes = scenario.nodes.map(({ name }) => addPeer(name));
  const attestors = new Map(scenario.clusters.map(({ name }) => [name, addPeer(`attestor of ${name}`)]));
  const operators = new Map(
    scenario.clusters.map((cluster) => [cluster.name, operatorNames(cluster).map((name) => addPeer(name))]),
  );
  const configs = configureNodes(scenario, { nodes, attestors, operators }, identities, (signer, hash) =>
    identities.mint(signer, hash),
  );
  return scenario.nodes.map((spec, i) => {
    const cluster = scenario.clusters.findIndex(({ name }) => name === spec.cluster);
    const region = scenario.regions.findIndex(({ path }) => path === spec.region);
    const key = keyOfName(spec.name);
    // Any bits will do, as long as no two nodes need have the same.
    const mask = isChecking ? (key & 0xfffff) | 1 : 0;
    const wire = isChecking ? new Wire(identities, mask) : null;
    const node = createNode(nodes[i] ^ mask, renumberConfig(configs[i], mask), wire?.view ?? identities);
    return new Machine(i, nodes[i], wire, spec, cluster, region, key, node);
  });
}

/** What each node is told at boot, in the order of the scenario. `sign` is asked for attestations and certificates. */
export function configureNodes(
  scenario: ResolvedScenario,
  cast: Cast,
  pure: Pure,
  sign: (signer: Peer, hash: string) => string,
  startWallUs = WALL_EPOCH_US,
  addressOf = ({ name }: ResolvedNode): string => name,
): NodeConfig[] {
  const encoder = new Encoder(pure);
  const models: KnownModel[] = scenario.models.map(({ name, requiredMemoryBytes }) => ({
    name,
    requiredMemoryBytes,
  }));
  const indexNodes = new Map<string, Peer[]>();
  const seeds = new Map<string, Seed[]>();
  const detectors = new Map(scenario.clusters.map(({ name, detector }) => [name, detector ?? 'swim']));
  for (const { name } of scenario.clusters) {
    indexNodes.set(
      name,
      cast.nodes.filter((_, i) => isOf(scenario.nodes[i], name, 'index')),
    );
    seeds.set(name, seedsOf(scenario, cast, name));
  }
  const geneses = new Map(
    scenario.clusters.map((cluster) => [cluster.name, genesisOf(cluster, cast.operators.get(cluster.name)!)]),
  );
  const numbers = new Map(scenario.nodes.map(({ name }, i) => [name, cast.nodes[i]]));
  const agreed = agree(scenario, {
    pure,
    geneses,
    peerOf: ({ name }) => numbers.get(name)!,
    addressOf,
    sign,
    startWallUs,
  });
  const attestors = new Map([...cast.attestors].map(([cluster, attestor]) => [cluster, [attestor]]));
  return scenario.nodes.map((node, i): NodeConfig => {
    const attestor = cast.attestors.get(node.cluster)!;
    const genesis = geneses.get(node.cluster)!;
    return {
      manifest: manifestOf(node, cast.nodes[i]),
      attestations: attestationsOf(node, cast.nodes[i], attestor, (attestation) =>
        sign(attestor, pure.hash(attestationBytes(encoder, attestation))),
      ),
      genesis,
      certificate:
        node.isAdmitted === false || node.joinsUs !== undefined
          ? null
          : certify(pure, genesis, cast.nodes[i], 0, ATTESTED_UNTIL_US, sign),
      address: node.name,
      orderedBy: cast.operators.get(node.cluster)!,
      attestors: attestors.get(node.cluster)!,
      detector: detectors.get(node.cluster)!,
      seeds: seeds.get(node.cluster)!,
      indexNodes: indexNodes.get(node.cluster)!,
      record: agreed.get(node.cluster)!.record,
      peerings: agreed.get(node.cluster)!.peerings,
      seedBridges: agreed.get(node.cluster)!.seedBridges,
      models,
      installedModels: node.installedModels,
      slots: node.slots,
      queueLimit: node.queueLimit,
      parameters: scenario.parameters,
    };
  });
}

function isOf(node: ResolvedNode, cluster: string, type: string): boolean {
  return node.cluster === cluster && node.types.includes(type);
}

/** Every index node of a cluster, and its first gateway. */
function seedsOf({ nodes }: ResolvedScenario, cast: Cast, cluster: string): Seed[] {
  const gateway = nodes.findIndex((node) => isOf(node, cluster, 'gateway'));
  return nodes.flatMap((node, i) =>
    i === gateway || isOf(node, cluster, 'index') ? [{ peer: cast.nodes[i], address: node.name }] : [],
  );
}

function manifestOf(node: ResolvedNode, id: Peer): Manifest {
  return {
    id,
    types: node.types as string[],
    cluster: node.cluster,
    region: node.region,
    podStorage: node.podStorage,
    compute: node.compute as Manifest['compute'],
    claimedTrust: node.claimedTrust,
    unknown: NONE,
  };
}

/** The operators of a cluster, by name. */
export function operatorNames({ name, operators }: ResolvedCluster): string[] {
  return Array.from({ length: operators?.count ?? 1 }, (_, i) => `operator ${i + 1} of ${name}`);
}

function genesisOf({ name, region, operators }: ResolvedCluster, keys: readonly Peer[]): Genesis {
  return { cluster: name, region, operators: [...keys], threshold: operators?.threshold ?? 1 };
}

/** A certificate signed by as many operators of a cluster as it takes. */
export function certify(
  pure: Pure,
  genesis: Genesis,
  subject: Peer,
  fromWallUs: number,
  untilWallUs: number,
  sign: (signer: Peer, hash: string) => string,
): Certificate {
  const genesisId = genesisHash(pure, genesis);
  const hash = admissionHash(pure, { genesis: genesisId, subject, fromWallUs, untilWallUs });
  const signers = genesis.operators.slice(0, genesis.threshold);
  return {
    genesis: genesisId,
    subject,
    fromWallUs,
    untilWallUs,
    signatures: signers.map((operator) => ({ operator, signature: sign(operator, hash) })),
  };
}

/** A year from the start of the world: how long what is attested and certified in a scenario holds. */
const ATTESTED_UNTIL_US = WALL_EPOCH_US + 365 * 24 * 3_600 * 1_000_000;

function attestationsOf(
  node: ResolvedNode,
  subject: Peer,
  issuer: Peer,
  sign: (attestation: Omit<Attestation, 'signature'>) => string,
): Attestation[] {
  if (node.attestedTrust <= 1) return [];
  const level = node.attestedTrust;
  const terms = { subject, level, issuer, fromWallUs: 0, untilWallUs: ATTESTED_UNTIL_US };
  const signature = sign(terms);
  // Field by field: an object that begins as a copy of another has a layout of its own in memory.
  return [{ subject, level, issuer, fromWallUs: 0, untilWallUs: ATTESTED_UNTIL_US, signature }];
}
