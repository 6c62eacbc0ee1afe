import type { Peer } from '../core/base/peers.ts';
import type { Attestation, Manifest } from '../core/cluster/manifest.ts';
import type { NodeConfig } from '../core/machine/config.ts';
import type { Certificate } from '../core/trust/documents.ts';
import type { Audit, Vouch } from '../core/trust/standing-documents.ts';
import type { ResolvedNode } from './scenario/resolved.ts';

/** Room enough on a disk for any models. */
const ROOM_BYTES = 2 ** 50;
const NONE: never[] = [];

/** Who writes and signs what is said of one node alone. */
export interface Office {
  manifestOf(node: ResolvedNode, peer: Peer): Manifest;
  attestationsOf(node: ResolvedNode, peer: Peer): readonly Attestation[];
  certificateOf(node: ResolvedNode, peer: Peer): Certificate | null;
  vouchesOf(node: ResolvedNode, peer: Peer): readonly Vouch[];
  auditsOf(node: ResolvedNode, peer: Peer): readonly Audit[];
}

type Alike = Pick<
  NodeConfig,
  | 'genesis'
  | 'orderedBy'
  | 'attestors'
  | 'auditors'
  | 'detector'
  | 'seeds'
  | 'indexNodes'
  | 'record'
  | 'peerings'
  | 'seedBridges'
  | 'models'
  | 'publishers'
  | 'parameters'
>;

/** What all nodes of a cluster are told alike, and who writes the rest. */
export interface ClusterConfig extends Alike {
  readonly office: Office;
}

/**
 * The configuration of a node of a scenario. What is the same in its cluster it has from there, and what is said of it alone is
 * written when first asked for: of a million nodes few ever show all their papers.
 */
export class SharedConfig implements NodeConfig {
  private readonly node: ResolvedNode;
  private readonly peer: Peer;
  private readonly cluster: ClusterConfig;
  private ownManifest: Manifest | null = null;
  private ownAttestations: readonly Attestation[] | null = null;

  constructor(node: ResolvedNode, peer: Peer, cluster: ClusterConfig) {
    this.node = node;
    this.peer = peer;
    this.cluster = cluster;
  }

  get manifest(): Manifest {
    return (this.ownManifest ??= this.cluster.office.manifestOf(this.node, this.peer));
  }

  get attestations(): readonly Attestation[] {
    return (this.ownAttestations ??= this.cluster.office.attestationsOf(this.node, this.peer));
  }

  get certificate(): Certificate | null {
    return this.cluster.office.certificateOf(this.node, this.peer);
  }

  get vouches(): readonly Vouch[] {
    return this.cluster.office.vouchesOf(this.node, this.peer);
  }

  get audits(): readonly Audit[] {
    return this.cluster.office.auditsOf(this.node, this.peer);
  }

  get auditors(): NodeConfig['auditors'] {
    return this.cluster.auditors;
  }

  get address(): string {
    return this.node.name;
  }

  get installedModels(): readonly string[] {
    return this.node.installedModels;
  }

  get publishers(): readonly Peer[] {
    return this.cluster.publishers;
  }

  get wantedModels(): readonly string[] {
    return this.node.wantedModels ?? NONE;
  }

  get modelDiskBytes(): number {
    return this.node.modelDiskBytes ?? ROOM_BYTES;
  }

  get slots(): number {
    return this.node.slots;
  }

  get queueLimit(): number {
    return this.node.queueLimit;
  }

  get genesis(): NodeConfig['genesis'] {
    return this.cluster.genesis;
  }

  get orderedBy(): NodeConfig['orderedBy'] {
    return this.cluster.orderedBy;
  }

  get attestors(): NodeConfig['attestors'] {
    return this.cluster.attestors;
  }

  get detector(): NodeConfig['detector'] {
    return this.cluster.detector;
  }

  get seeds(): NodeConfig['seeds'] {
    return this.cluster.seeds;
  }

  get indexNodes(): NodeConfig['indexNodes'] {
    return this.cluster.indexNodes;
  }

  get record(): NodeConfig['record'] {
    return this.cluster.record;
  }

  get peerings(): NodeConfig['peerings'] {
    return this.cluster.peerings;
  }

  get seedBridges(): NodeConfig['seedBridges'] {
    return this.cluster.seedBridges;
  }

  get models(): NodeConfig['models'] {
    return this.cluster.models;
  }

  get parameters(): NodeConfig['parameters'] {
    return this.cluster.parameters;
  }
}

/** The same with nothing behind it: a record that can be taken as the ground of another. */
export function plainConfig(config: NodeConfig): NodeConfig {
  const { manifest, genesis, certificate, address, seeds, orderedBy, attestations, attestors } = config;
  const { detector, indexNodes, record, peerings, seedBridges, models, installedModels } = config;
  const { vouches, audits, auditors } = config;
  const { publishers, wantedModels, modelDiskBytes, slots, queueLimit, parameters } = config;
  return {
    ...{ manifest, genesis, certificate, address, seeds, orderedBy, attestations, attestors },
    ...{ detector, indexNodes, record, peerings, seedBridges, models, installedModels },
    ...{ vouches, audits, auditors },
    ...{ publishers, wantedModels, modelDiskBytes, slots, queueLimit, parameters },
  };
}
