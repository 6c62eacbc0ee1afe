import { Encoder } from '../core/machine/codec.ts';
import type { KnownModel, NodeConfig, PeeredBridge } from '../core/machine/config.ts';
import type { Attestation, Manifest } from '../core/cluster/manifest.ts';
import { attestationBytes } from '../core/trust/attestation.ts';
import type { Peer } from '../core/base/peers.ts';
import { createNode } from '../core/machine/node-state.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { Identities } from './identities.ts';
import { createMachine, type Machine } from './machine.ts';
import type { ResolvedNode, ResolvedScenario } from './scenario/resolved.ts';
import { keyOfName } from './seeds.ts';
import { renumberConfig, Wire } from './wire.ts';

/** Who stands where: the numbers of nodes, in the order of the scenario, and of the attestor of each cluster. */
export interface Cast {
  readonly nodes: readonly Peer[];
  readonly attestors: ReadonlyMap<string, Peer>;
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
  const configs = configureNodes(
    scenario,
    { nodes, attestors },
    new Encoder(identities),
    (bytes) => identities.hash(bytes),
    (signer, hash) => identities.mint(signer, hash),
  );
  return scenario.nodes.map((spec, i) => {
    const cluster = scenario.clusters.findIndex(({ name }) => name === spec.cluster);
    const region = scenario.regions.findIndex(({ path }) => path === spec.region);
    const key = keyOfName(spec.name);
    // Any bits will do, as long as no two nodes need have the same.
    const mask = isChecking ? (key & 0xfffff) | 1 : 0;
    const wire = isChecking ? new Wire(identities, mask) : null;
    const node = createNode(nodes[i] ^ mask, renumberConfig(configs[i], mask), wire?.view ?? identities);
    return createMachine(i, nodes[i], wire, spec, cluster, region, key, node);
  });
}

/** What each node is told at boot, in the order of the scenario. `sign` is asked for the attestations. */
export function configureNodes(
  scenario: ResolvedScenario,
  cast: Cast,
  encoder: Encoder,
  hash: (bytes: Uint8Array) => string,
  sign: (signer: Peer, hash: string) => string,
): NodeConfig[] {
  const models: KnownModel[] = scenario.models.map(({ name, requiredMemoryBytes }) => ({
    name,
    requiredMemoryBytes,
  }));
  const indexNodes = new Map<string, Peer[]>();
  const bridges = new Map<string, PeeredBridge[]>();
  for (const { name } of scenario.clusters) {
    indexNodes.set(
      name,
      peersOf(scenario, cast, name, 'index').map(({ peer }) => peer),
    );
    bridges.set(name, peersOf(scenario, cast, name, 'bridge'));
  }
  const peered = new Map(
    scenario.clusters.map(({ name }) => [
      name,
      peeringsOf(scenario, name).flatMap((other) => bridges.get(other)!),
    ]),
  );
  const exportsOf = new Map(scenario.clusters.map(({ name, exports }) => [name, exports]));
  return scenario.nodes.map((node, i): NodeConfig => {
    const attestor = cast.attestors.get(node.cluster)!;
    return {
      manifest: manifestOf(node, cast.nodes[i]),
      attestations: attestationsOf(node, cast.nodes[i], attestor, (attestation) =>
        sign(attestor, hash(attestationBytes(encoder, attestation))),
      ),
      attestors: [attestor],
      indexNodes: indexNodes.get(node.cluster)!,
      peeredBridges: node.types.includes('bridge') ? peered.get(node.cluster)! : [],
      exports: exportsOf.get(node.cluster)!,
      models,
      installedModels: node.installedModels,
      slots: node.slots,
      queueLimit: node.queueLimit,
      parameters: scenario.parameters,
    };
  });
}

function peersOf(scenario: ResolvedScenario, cast: Cast, cluster: string, type: string): PeeredBridge[] {
  return scenario.nodes.flatMap((node, i) =>
    node.cluster === cluster && node.types.includes(type)
      ? [{ peer: cast.nodes[i], cluster, region: node.region }]
      : [],
  );
}

function peeringsOf(scenario: ResolvedScenario, cluster: string): string[] {
  return scenario.peerings.flatMap(({ between: [left, right] }) =>
    left === cluster ? [right] : right === cluster ? [left] : [],
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
    unknown: [],
  };
}

/** A year, in µs: how long the attestations of a scenario hold. */
const YEAR_US = 365 * 24 * 3_600 * 1_000_000;

function attestationsOf(
  node: ResolvedNode,
  subject: Peer,
  issuer: Peer,
  sign: (attestation: Omit<Attestation, 'signature'>) => string,
): Attestation[] {
  if (node.attestedTrust <= 1) return [];
  const attestation = {
    subject,
    issuer,
    level: node.attestedTrust,
    fromWallUs: 0,
    untilWallUs: WALL_EPOCH_US + YEAR_US,
  };
  return [{ ...attestation, signature: sign(attestation) }];
}
