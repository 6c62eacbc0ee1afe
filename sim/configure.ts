import { Encoder } from '../core/machine/codec.ts';
import type { KnownModel, NodeConfig } from '../core/machine/config.ts';
import type { Attestation, Manifest } from '../core/cluster/manifest.ts';
import { attestationBytes } from '../core/trust/attestation.ts';
import { hashAudit, hashVouch, type Audit, type Vouch } from '../core/trust/standing-documents.ts';
import type { ResolvedAudit } from './scenario/resolved-audits.ts';
import type { ResolvedVouch } from './scenario/resolved-vouches.ts';
import type { Peer, Pure } from '../core/base/peers.ts';
import { admissionHash } from '../core/trust/admission.ts';
import type { Certificate, Genesis, Seed } from '../core/trust/documents.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import { createNode } from '../core/machine/node-state.ts';
import type { Parameters } from '../core/machine/parameters.ts';
import { agree } from './agreements.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { Identities } from './identities.ts';
import { PUBLISHER } from './library.ts';
import { Machine, type Rows } from './machine.ts';
import type {
  ResolvedCluster,
  ResolvedNode,
  ResolvedOperators,
  ResolvedScenario,
} from './scenario/resolved.ts';
import { keyOfName } from './seeds.ts';
import { SharedConfig, type ClusterConfig, type Office } from './shared-config.ts';
import { renumberConfig, Wire } from './wire.ts';

/** What nodes have nothing of is one thing for all of them. */
const NONE: never[] = [];

/** Who stands where: the numbers of nodes, in the order of the scenario, and of attestor and operators of each cluster. */
export interface Cast {
  readonly nodes: readonly Peer[];
  readonly attestors: ReadonlyMap<string, Peer>;
  readonly operators: ReadonlyMap<string, readonly Peer[]>;
  /** By name, whose audits there are; absent: none. */
  readonly auditors?: ReadonlyMap<string, Peer>;
  /** Whose word on models counts; absent: nobody's. */
  readonly publishers?: readonly Peer[];
}

/** The machines of a scenario, in its order, with nodes that are down. */
export function createMachines(
  scenario: ResolvedScenario,
  identities: Identities,
  addPeer: (name: string) => Peer,
  rows: Rows,
  isChecking: boolean,
): Machine[] {
  const nodes = scenario.nodes.map(({ name }) => addPeer(name));
  const attestors = new Map(scenario.clusters.map(({ name }) => [name, addPeer(`attestor of ${name}`)]));
  const operators = new Map(
    scenario.clusters.map((cluster) => [cluster.name, operatorNames(cluster).map((name) => addPeer(name))]),
  );
  const own = scenario.models.some(({ moves }) => moves !== undefined) ? [PUBLISHER] : NONE;
  const publishers = [...own, ...(scenario.publishers ?? NONE)].map((name) => addPeer(name));
  const auditors = new Map(auditorNames(scenario).map((name) => [name, addPeer(`auditor ${name}`)]));
  const cast = { nodes, attestors, operators, publishers, auditors };
  const configs = configureNodes(scenario, cast, identities, (signer, hash) => identities.mint(signer, hash));
  const clusters = new Map(scenario.clusters.map(({ name }, i) => [name, i]));
  const regions = new Map(scenario.regions.map(({ path }, i) => [path, i]));
  return scenario.nodes.map((spec, i) => {
    const cluster = clusters.get(spec.cluster)!;
    const region = regions.get(spec.region)!;
    const key = keyOfName(spec.name);
    // Any bits will do, as long as no two nodes need have the same.
    const mask = isChecking ? (key & 0xfffff) | 1 : 0;
    const wire = isChecking ? new Wire(identities, mask) : null;
    const node = createNode(nodes[i] ^ mask, renumberConfig(configs[i], mask), wire?.view ?? identities);
    return new Machine(i, rows, wire, spec, cluster, region, key, node);
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
  const models: KnownModel[] = scenario.models.map(({ name, requiredMemoryBytes }) => ({
    name,
    requiredMemoryBytes,
  }));
  const geneses = new Map(
    scenario.clusters.map((cluster) => [cluster.name, genesisOf(cluster, cast.operators.get(cluster.name)!)]),
  );
  const bridges = new Map(
    scenario.nodes.flatMap((node, i) => (node.types.includes('bridge') ? [[node.name, cast.nodes[i]]] : [])),
  );
  const agreed = agree(scenario, {
    pure,
    geneses,
    peerOf: ({ name }) => bridges.get(name)!,
    addressOf,
    sign,
    startWallUs,
  });
  const listed = listSeeds(scenario, cast);
  const office = createOffice(scenario, cast, geneses, pure, sign, startWallUs);
  const clusters = new Map(
    scenario.clusters.map(
      ({ name, operators, auditors = NONE, detector = 'swim' }): [string, ClusterConfig] => [
        name,
        {
          genesis: geneses.get(name)!,
          orderedBy: cast.operators.get(name)!,
          attestors: [cast.attestors.get(name)!],
          auditors: auditors.flatMap((auditor: string) => cast.auditors?.get(auditor) ?? NONE),
          detector,
          ...listed.get(name)!,
          ...agreed.get(name)!,
          models,
          publishers: cast.publishers ?? NONE,
          parameters: parametersFor(scenario, operators),
          office,
        },
      ],
    ),
  );
  return scenario.nodes.map((node, i) => new SharedConfig(node, cast.nodes[i], clusters.get(node.cluster)!));
}

/** What an applicant gets holds as long as what all others have. */
function parametersFor(
  { parameters }: ResolvedScenario,
  operators: ResolvedOperators | undefined,
): Parameters {
  return operators?.termUs === undefined ? parameters : { ...parameters, admissionUs: operators.termUs };
}

function createOffice(
  scenario: ResolvedScenario,
  cast: Cast,
  geneses: ReadonlyMap<string, Genesis>,
  pure: Pure,
  sign: (signer: Peer, hash: string) => string,
  startWallUs: number,
): Office {
  const encoder = new Encoder(pure);
  const vouches = new Map<string, readonly Vouch[]>();
  const audits = new Map<string, Audit[]>();
  const terms = new Map(scenario.clusters.map(({ name, operators }) => [name, operators?.termUs]));
  let certified: Certificate | null = null;
  const lies = new Map(
    (scenario.malice ?? []).flatMap(({ as, node, region }) =>
      as === 'region-lying-host' ? [[node, region]] : [],
    ),
  );
  return {
    manifestOf: (node, peer) => manifestOf({ ...node, region: lies.get(node.name) ?? node.region }, peer),
    attestationsOf(node, peer) {
      const attestor = cast.attestors.get(node.cluster)!;
      return attestationsOf(node, peer, attestor, (attestation) =>
        sign(attestor, pure.hash(attestationBytes(encoder, attestation))),
      );
    },
    certificateOf(node, peer) {
      if (node.isAdmitted === false || node.joinsUs !== undefined) return null;
      const termUs = terms.get(node.cluster);
      const untilWallUs = termUs === undefined ? ATTESTED_UNTIL_US : startWallUs + termUs;
      // A node asks for its own a few times when it starts, and hardly ever again.
      if (certified?.subject !== peer)
        certified = certify(pure, geneses.get(node.cluster)!, peer, 0, untilWallUs, sign);
      return certified;
    },
    auditsOf(node, peer) {
      if (scenario.audits === undefined) return NONE;
      let own = audits.get(node.name);
      if (own === undefined) audits.set(node.name, (own = audit(scenario.audits, node, peer)));
      return own;
    },
    vouchesOf(node, peer) {
      if (scenario.vouches === undefined) return NONE;
      let own = vouches.get(node.name);
      if (own === undefined) vouches.set(node.name, (own = vouch(scenario, node, peer)));
      return own;
    },
  };

  function audit(all: readonly ResolvedAudit[], { name }: ResolvedNode, peer: Peer): Audit[] {
    const own = all.filter(({ subject }) => subject === name);
    return own.map(({ by, promisedPpm, disclosure, fromUs, untilUs }) => {
      const auditor = cast.auditors!.get(by)!;
      const dates = { fromWallUs: startWallUs + fromUs, untilWallUs: startWallUs + untilUs };
      const terms = { auditor, subject: peer, disclosure, promisedPpm, ...dates };
      return { ...terms, signature: sign(auditor, hashAudit(pure, terms)) };
    });
  }

  function vouch(
    { vouches: all = NONE, nodes }: ResolvedScenario,
    { name }: ResolvedNode,
    peer: Peer,
  ): Vouch[] {
    const own = all.filter(({ by }) => by === name);
    return own.flatMap((one) => {
      const subject = cast.nodes[nodes.findIndex((node) => node.name === one.subject)];
      return termsOf(one, peer, subject, startWallUs).map((terms) => ({
        ...terms,
        signature: sign(peer, hashVouch(pure, terms)),
      }));
    });
  }
}

/** Everybody who audits, or whose audits would count. */
function auditorNames({ audits = NONE, clusters }: ResolvedScenario): string[] {
  const names = [...audits.map(({ by }) => by), ...clusters.flatMap(({ auditors = NONE }) => auditors)];
  return [...new Set(names)];
}

/** A vouch, and what takes it back once its time has come: under a higher version, for nothing, as long as the first would hold. */
function termsOf(
  { level, fromUs, untilUs, withdrawnUs }: ResolvedVouch,
  voucher: Peer,
  subject: Peer,
  startWallUs: number,
): Omit<Vouch, 'signature'>[] {
  const untilWallUs = untilUs === null ? ATTESTED_UNTIL_US : startWallUs + untilUs;
  const terms = { voucher, subject, version: 1, level, fromWallUs: startWallUs + fromUs, untilWallUs };
  if (withdrawnUs === null) return [terms];
  return [terms, { ...terms, version: 2, level: 0, fromWallUs: startWallUs + withdrawnUs }];
}

/** By cluster: its index nodes, and whom its nodes ask first: those, and its first gateway. */
function listSeeds(
  { nodes, clusters }: ResolvedScenario,
  cast: Cast,
): Map<string, { readonly indexNodes: Peer[]; readonly seeds: Seed[] }> {
  const lists = new Map(
    clusters.map(({ name }) => [name, { indexNodes: [] as Peer[], seeds: [] as Seed[] }]),
  );
  const withGateway = new Set<string>();
  nodes.forEach(({ name, cluster, types }, i) => {
    const { indexNodes, seeds } = lists.get(cluster)!;
    const isIndex = types.includes('index');
    const isFirstGateway = types.includes('gateway') && !withGateway.has(cluster);
    if (isFirstGateway) withGateway.add(cluster);
    if (isIndex) indexNodes.push(cast.nodes[i]);
    if (isIndex || isFirstGateway) seeds.push({ peer: cast.nodes[i], address: name });
  });
  return lists;
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
  const runBy = node.runBy ?? '';
  const terms = { subject, level, issuer, fromWallUs: 0, untilWallUs: ATTESTED_UNTIL_US, runBy };
  const signature = sign(terms);
  // Field by field: an object that begins as a copy of another has a layout of its own in memory.
  return [{ subject, level, issuer, fromWallUs: 0, untilWallUs: ATTESTED_UNTIL_US, runBy, signature }];
}
