import type { Peer } from '../base/peers.ts';
import type { ClusterRecord, Peering, Revocation } from '../cluster/border/border-documents.ts';
import type { Attestation, Manifest } from '../cluster/manifest.ts';
import type { Audit, Vouch } from '../trust/standing-documents.ts';
import type { Certificate, Genesis, Seed } from '../trust/documents.ts';
import type { Parameters } from './parameters.ts';

/** `swim`: members probe one another; `heartbeat`: they tell the index nodes that they are there. */
export const DETECTORS = ['swim', 'heartbeat'] as const;
export type DetectorName = (typeof DETECTORS)[number];

/** A model that the federation knows of, whoever offers it. */
export interface KnownModel {
  readonly name: string;
  readonly requiredMemoryBytes: number;
}

export interface SeedBridge {
  readonly peer: Peer;
  /** Where it listens, in the words of the driver. */
  readonly address: string;
}

/** A peering, and what withdraws it if it is over before its time. */
export interface AgreedPeering {
  readonly peering: Peering;
  readonly revocation: Revocation | null;
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
  /** Where it asks to be let in, and for the members of its cluster, besides those it knew last (R5.1-1). */
  readonly seeds: readonly Seed[];
  /** Who may tell it to join and to leave: whoever runs it. */
  readonly orderedBy: readonly Peer[];
  readonly attestations: readonly Attestation[];
  /** Whose attestations count in this cluster (R4-4). */
  readonly attestors: readonly Peer[];
  /** For whom it vouches, signed by itself: each is said once its time has come; and what auditors say of it (R8.1-3). */
  readonly vouches: readonly Vouch[];
  readonly audits: readonly Audit[];
  /** Whose audits count in this cluster. */
  readonly auditors: readonly Peer[];
  /** How the cluster finds out who (R5.2-2). */
  readonly detector: DetectorName;
  /** Whom it sends heartbeats where that is all that it does; else the index nodes are those among the members. */
  readonly indexNodes: readonly Peer[];
  /** What the cluster says of itself to others, signed by its operators; null: it speaks to no others. */
  readonly record: ClusterRecord | null;
  /** What it has agreed on with others (R5.2-4). Nothing else is exported. */
  readonly peerings: readonly AgreedPeering[];
  /** Bridges of other clusters to begin with: who else there is, records tell (R5.1-5). */
  readonly seedBridges: readonly SeedBridge[];
  readonly models: readonly KnownModel[];
  /** On disk here, and held in memory from the start; sorted. */
  readonly installedModels: readonly string[];
  /** Whose word on models counts (R7.1-1); nobody's: models do not move, and what is installed is all there is. */
  readonly publishers: readonly Peer[];
  /** Models that this node is to have, in the version that their publishers point at. */
  readonly wantedModels: readonly string[];
  /** Room for models on its disk. */
  readonly modelDiskBytes: number;
  /** Jobs that the accelerator works on at once, and jobs that may wait. */
  readonly slots: number;
  readonly queueLimit: number;
  readonly parameters: Parameters;
}
