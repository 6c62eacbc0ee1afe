import type { DetectorName } from '../../core/machine/config.ts';
import type { Parameters } from '../../core/machine/parameters.ts';
import type { ResolvedAudit } from './resolved-audits.ts';
import type { ResolvedVouch } from './resolved-vouches.ts';
import type { ResolvedAgents } from './resolved-agents.ts';
import type { ResolvedPods } from './resolved-pods.ts';
import type { ResolvedCalm, ResolvedExpectations } from './resolved-expectations.ts';
import type { ResolvedFault } from './resolved-faults.ts';
import type { ResolvedMalice } from './resolved-malice.ts';
import type { ResolvedSwarm } from './resolved-swarm.ts';

export type { FaultKind, ResolvedFault } from './resolved-faults.ts';
export type { MaliciousRole, ResolvedMalice } from './resolved-malice.ts';
export type { ResolvedSwarm } from './resolved-swarm.ts';
export type {
  ResolvedCalm,
  ResolvedExpectations,
  ResolvedGoal,
  ResolvedLevel,
} from './resolved-expectations.ts';

/**
 * A scenario with nothing left to guess: every name resolved, every count unfolded, every unit an integer
 * (µs, bytes, parts per million). A run is (version, resolved scenario, seed).
 */
export interface ResolvedScenario {
  readonly format: 1;
  readonly name: string;
  readonly about: string;
  readonly seed: number;
  readonly durationUs: number;
  readonly parameters: Parameters;
  readonly regions: readonly ResolvedRegion[];
  readonly network: ResolvedNetwork;
  readonly models: readonly ResolvedModel[];
  readonly clusters: readonly ResolvedCluster[];
  /** In the order of clusters, then as listed: the order in which the world numbers them. */
  readonly nodes: readonly ResolvedNode[];
  readonly peerings: readonly ResolvedPeering[];
  /** In order of time; absent: none. */
  readonly rollouts?: readonly ResolvedRollout[];
  /** Publishers whose word on models counts besides that of the scenario's own models; absent: none. */
  readonly publishers?: readonly string[];
  readonly workloads: readonly ResolvedWorkload[];
  /** Who vouches for whom; absent: nobody. */
  readonly vouches?: readonly ResolvedVouch[];
  /** Who has been audited; absent: nobody. */
  readonly audits?: readonly ResolvedAudit[];
  /** Who has agents act for them; absent: nobody. */
  readonly agents?: readonly ResolvedAgents[];
  /** Who entrusts pods to a cluster; absent: nobody. */
  readonly pods?: readonly ResolvedPods[];
  /** In order of time. */
  readonly faults: readonly ResolvedFault[];
  /** Nodes that are malicious; absent: none. */
  readonly malice?: readonly ResolvedMalice[];
  /** Within which bounds some of the faults and malice were drawn by the seed; absent: none were. Nothing is drawn of it again. */
  readonly swarm?: ResolvedSwarm;
  readonly expectations: ResolvedExpectations;
  /** Absent: the run ends as it goes on. */
  readonly calm?: ResolvedCalm;
}

export interface ResolvedRegion {
  /** `eu/fr`. */
  readonly path: string;
  readonly label: string;
  readonly latitude: number;
  readonly longitude: number;
}

export interface ResolvedNetwork {
  /** [from][to] in the order of `regions`: the 95th percentile of the one-way delay, µs. The diagonal is inside a region. */
  readonly oneWayP95Us: readonly (readonly number[])[];
  /** How much of that figure is fixed (propagation); the rest follows an exponential whose 95th percentile reaches the figure. */
  readonly fixedPpm: number;
  /** Chance that an envelope between two nodes is lost, or delivered twice, when no fault acts. */
  readonly lossPpm: number;
  readonly duplicatePpm: number;
}

export interface ResolvedModel {
  readonly name: string;
  readonly requiredMemoryBytes: number;
  /** Tokens a second that an accelerator of speed 1 reads and writes for one request. */
  readonly readTokensPerSecond: number;
  readonly writeTokensPerSecond: number;
  /** How it moves between nodes; absent: it lies where it is installed, for good. */
  readonly moves?: MovingModel;
}

export interface MovingModel {
  readonly chunkBytes: number;
  readonly licence: string;
  readonly purpose: string;
  /** Where copies may be, and who is promised to keep one. */
  readonly regions: readonly string[];
  readonly keptIn: readonly string[];
  /** From version 1 on; each is so many times slower than the rates say, and fails so often, ppm. */
  readonly versions: readonly {
    readonly sizeBytes: number;
    readonly slowPpm: number;
    readonly failsPpm: number;
  }[];
}

/** What a publisher or an operator does with a model. */
export interface ResolvedRollout {
  readonly atUs: number;
  readonly model: string;
  /** What the stable channel is to point at, or what is withdrawn; 0 of orders. */
  readonly version: number;
  /** Withdrawn: nobody serves it from so long after; null: released. */
  readonly withdrawUs: number | null;
  /** An order to one node, see MODEL_ORDERS; null: the publisher speaks. */
  readonly node: string;
  readonly order: number | null;
}

export interface ResolvedOperators {
  readonly count: number;
  readonly threshold: number;
  /** What they sign holds so long, and is renewed so long before it ends; absent: a year, and nobody need renew it. */
  readonly termUs?: number;
  readonly renewBeforeUs?: number;
}

export interface ResolvedCluster {
  readonly name: string;
  readonly label: string;
  readonly region: string;
  /** Models offered to peered clusters, `*` for all, where a peering says nothing else. */
  readonly exports: readonly string[];
  /** Clusters whose bridges it begins with, besides those that it has a peering with; absent: none. */
  readonly seedClusters?: readonly string[];
  /** Who admits nodes, and how many of them it takes; absent: one. */
  readonly operators?: ResolvedOperators;
  /** Whose audits count in it; absent: nobody’s. */
  readonly auditors?: readonly string[];
  /** How it finds out who is there; absent: `swim`. */
  readonly detector?: DetectorName;
}

/** What two clusters have agreed on, and both have signed. Nothing else is exported (R5.2-4). */
export interface ResolvedPeering {
  readonly between: readonly [string, string];
  /** What each of them exports to the other, in the order of `between`; `*` for all. */
  readonly exports: readonly [readonly string[], readonly string[]];
  /** In force from then until then; null: to the end. */
  readonly fromUs: number;
  readonly untilUs: number | null;
  /** Requests of the one that the other works on at once; null: as many as come. */
  readonly maxInFlight: number | null;
}

export interface ResolvedNode {
  /** `france/compute-1`: unique in the scenario. */
  readonly name: string;
  readonly cluster: string;
  readonly region: string;
  readonly types: readonly string[];
  /** 1 experimental … 4 verified: what its manifest claims, and what the cluster's attestor has attested. */
  readonly claimedTrust: number;
  readonly attestedTrust: number;
  /** The organisation that runs it, as its attestor says; absent: not told. */
  readonly runBy?: string;
  readonly podStorage: {
    readonly availableBytes: number;
    readonly maxPodBytes: number;
    /** Whether its manifest declares encryption (R6.1-4). */
    readonly encryption: boolean;
  } | null;
  readonly compute: { readonly gpuMemoryBytes: number; readonly supportedModels: readonly string[] } | null;
  readonly installedModels: readonly string[];
  /** Models that move: those of which the first version lies on its disk from the start, and those that it is to have; absent: none. */
  readonly stockedModels?: readonly string[];
  readonly wantedModels?: readonly string[];
  /** Models of which a publisher has put every version on its disk before the start, released or not; absent: none. */
  readonly publishedModels?: readonly string[];
  /** Room for them on its disk; absent: enough. */
  readonly modelDiskBytes?: number;
  readonly slots: number;
  readonly queueLimit: number;
  readonly bandwidthBytesPerSecond: number;
  /** 1,000,000: as fast as the costs in the protocol table and the models' token rates say. */
  readonly speedPpm: number;
  /** Its operator tells it to join then, and to leave; absent: it is there from the start, and stays. */
  readonly joinsUs?: number;
  readonly leavesUs?: number;
  /** It joins without a certificate, and its operators sign its ticket so long after; absent: they have signed before. */
  readonly approvedAfterUs?: number;
  /** Its operators let its admission run out; absent: they renew it. */
  readonly isRenewed?: false;
  /** Nobody can dial it: it stands behind a wall. */
  readonly isUnreachable?: true;
  /** False: its cluster's operators have not admitted it, and it has no certificate. Absent: they have. */
  readonly isAdmitted?: false;
}

/** Users of one cluster who ask for answers. */
export interface ResolvedWorkload {
  readonly cluster: string;
  readonly users: number;
  readonly fromUs: number;
  readonly untilUs: number;
  /** Between two requests of the whole group: mean, and the distribution around it. */
  readonly meanGapUs: number;
  readonly gapQuantiles: QuantileTable;
  readonly contextTokens: QuantileTable;
  readonly generatedTokens: QuantileTable;
  /** Bytes of a prompt or an answer per token. */
  readonly bytesPerToken: number;
  readonly deadlineUs: number;
  readonly asks: readonly ResolvedAsk[];
}

/** Values at evenly spaced quantiles, the first at 0 and the last at 1; between them it is linear. For gaps: ppm of the mean. */
export type QuantileTable = readonly number[];

export interface ResolvedAsk {
  readonly model: string;
  /** Share among the asks of the workload. */
  readonly weight: number;
  readonly minTrust: number;
  readonly allowedRegions: readonly string[];
}
