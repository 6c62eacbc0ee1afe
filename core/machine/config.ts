import type { Peer } from '../base/peers.ts';
import type { Attestation, Manifest } from '../cluster/manifest.ts';
import type { Certificate, Genesis, Seed } from '../trust/documents.ts';
import type { Parameters } from './parameters.ts';

/** A model that the federation knows of, whoever offers it. */
export interface KnownModel {
  readonly name: string;
  readonly requiredMemoryBytes: number;
}

/** A bridge of a cluster that this cluster has a peering with. */
export interface PeeredBridge {
  readonly peer: Peer;
  readonly cluster: string;
  readonly region: string;
}

/** What an operator gives a node at boot. Never changed by a step; nodes may share parts of it. */
export interface NodeConfig {
  readonly manifest: Manifest;
  /** Of the cluster that it belongs to, or wants to. */
  readonly genesis: Genesis;
  /** That it belongs to the cluster; null: it has yet to be admitted. */
  readonly certificate: Certificate | null;
  /** Where others reach it. */
  readonly address: string;
  /** Where it asks to be let in, in turn (R5.1-1). */
  readonly seeds: readonly Seed[];
  readonly attestations: readonly Attestation[];
  /** Whose attestations count in this cluster (R4-4). */
  readonly attestors: readonly Peer[];
  readonly indexNodes: readonly Peer[];
  readonly peeredBridges: readonly PeeredBridge[];
  /** Models that the cluster offers to its peerings; `*` stands for all (R5.2-4: nothing unless said). */
  readonly exports: readonly string[];
  readonly models: readonly KnownModel[];
  /** On disk here, and held in memory from the start; sorted. */
  readonly installedModels: readonly string[];
  /** Jobs that the accelerator works on at once, and jobs that may wait. */
  readonly slots: number;
  readonly queueLimit: number;
  readonly parameters: Parameters;
}
