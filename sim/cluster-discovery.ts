import type { Join, Pending } from '../core/cluster/affiliation/affiliation-bodies.ts';
import { hasType, type Manifest, type NodeType } from '../core/cluster/manifest.ts';
import {
  CLUSTERS,
  FIND_CLUSTERS,
  JOIN,
  JOINED,
  LEAVE,
  LEFT,
  PENDING,
  type Clusters,
  type ListedCluster,
  type Refused,
} from '../core/machine/kinds.ts';
import type { Node } from '../core/machine/node-state.ts';
import { isStarted } from '../core/cluster/membership/detector.ts';
import { ERROR_CODES, isRetryable } from '../core/routing/outcomes.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import type { Certificate, Seed } from '../core/trust/documents.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** A cluster that was heard of (§5.1): hearing is not trusting. */
export interface Cluster {
  /** The hash of its genesis record: two clusters may have one name. */
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly exports: readonly string[];
  /** Since its own bridges spoke for it. */
  readonly ageUs: number;
  /** Whether requests may cross, and whether it is the node's own. */
  readonly isPeered: boolean;
  readonly isOwn: boolean;
}

/** §4.2, as far as it is a node's to say. */
export interface NodeManifest {
  readonly id: string;
  readonly type: readonly NodeType[];
  readonly cluster: string;
  readonly region: string;
}

/** A type of node, or the name of a model that it offers. */
export type Capability = string;

/** §5.1 of the specification, as written. */
export interface ClusterDiscovery {
  discoverClusters(): Promise<Cluster[]>;
  joinCluster(clusterId: string, manifest: NodeManifest): Promise<void>;
  leaveCluster(clusterId: string): Promise<void>;
  announceCapabilities(capabilities: readonly Capability[]): Promise<void>;
}

/** It was not done, and why. */
export class DiscoveryRefused extends Error {
  override readonly name = 'DiscoveryRefused';
  readonly code: string;
  readonly canBeTriedAgain: boolean;

  constructor(code: string, detail: string, canBeTriedAgain: boolean) {
    super(`${code}: ${detail}`);
    this.code = code;
    this.canBeTriedAgain = canBeTriedAgain;
  }
}

/** How whoever runs a node speaks with it: orders go in, and answers come back until `hear` says that it was the last. */
export interface NodeConsole {
  readonly node: Node;
  ask(kind: number, body: unknown, hear: (kind: number, body: unknown) => boolean): void;
}

export interface JoinOptions {
  /** Where to ask, besides where the node is configured to. */
  readonly seeds?: readonly Seed[];
  /** In the node's own numbers of peers. */
  readonly certificate?: Certificate | null;
  /** Told the ticket for which operators are to sign; the promise goes on waiting. */
  readonly onPending?: (pending: Pending) => void;
}

/** The interface of the specification over a node, simulated or live: the node does it, and this waits for its answers. */
export class NodeDiscovery implements ClusterDiscovery {
  private readonly console: NodeConsole;
  private readonly options: JoinOptions;

  constructor(console: NodeConsole, options: JoinOptions = {}) {
    this.console = console;
    this.options = options;
  }

  async discoverClusters(): Promise<Cluster[]> {
    const { manifest } = this.console.node.config;
    if (!hasType(manifest, 'gateway') && !hasType(manifest, 'bridge'))
      throw refusal('NO_CAPABLE_NODE', 'clusters are listed by gateways and bridges: ask one of them');
    const found: Cluster[] = [];
    for (;;) {
      const { clusters, total } = await this.request<Clusters>(
        FIND_CLUSTERS,
        { from: found.length },
        CLUSTERS,
      );
      found.push(...clusters.map(describe));
      if (clusters.length === 0 || found.length >= total) return found;
    }
  }

  async joinCluster(clusterId: string, manifest: NodeManifest): Promise<void> {
    this.checkCluster(clusterId);
    this.checkManifest(manifest);
    const { seeds = [], certificate = null } = this.options;
    const body: Join = { application: null, certificate, seeds: [...seeds] };
    await this.request(JOIN, body, JOINED);
  }

  async leaveCluster(clusterId: string): Promise<void> {
    this.checkCluster(clusterId);
    await this.request(LEAVE, {}, LEFT);
  }

  /** What a node can do it says with its manifest and with each heartbeat: this sees that it says all that is named. */
  announceCapabilities(capabilities: readonly Capability[]): Promise<void> {
    const { node } = this.console;
    const { manifest, installedModels } = node.config;
    const unknown = capabilities.find(
      (one) => !manifest.types.includes(one) && !installedModels.includes(one),
    );
    if (unknown !== undefined)
      return Promise.reject(
        refusal('NO_CAPABLE_NODE', `${unknown} is not in the manifest that the node has signed`),
      );
    return isStarted(node)
      ? Promise.resolve()
      : Promise.reject(refusal('NOT_ADMITTED', 'the node is in no cluster that it could announce them to'));
  }

  private request<T>(kind: number, body: unknown, wanted: number): Promise<T> {
    return new Promise((resolve, reject) => {
      this.console.ask(kind, body, (answer, said) => {
        if (answer === PENDING) {
          this.options.onPending?.(said as Pending);
          return false;
        }
        if (answer === wanted) resolve(said as T);
        else {
          const { code, detail } = said as Refused;
          reject(new DiscoveryRefused(ERROR_CODES[code], detail, isRetryable(code)));
        }
        return true;
      });
    });
  }

  private checkCluster(clusterId: string): void {
    const { pure, config } = this.console.node;
    const id = genesisHash(pure, config.genesis);
    if (clusterId !== id && clusterId !== config.genesis.cluster)
      throw refusal('NOT_ADMITTED', `the node is configured for ${config.genesis.cluster} (${id})`);
  }

  private checkManifest({ id, type, cluster, region }: NodeManifest): void {
    const { pure, config } = this.console.node;
    const own = manifestFor(config.manifest, pure.idOf(config.manifest.id));
    const isSame =
      id === own.id &&
      cluster === own.cluster &&
      region === own.region &&
      type.length === own.type.length &&
      type.every((one) => own.type.includes(one));
    if (!isSame) throw refusal('NOT_ADMITTED', 'this is not the manifest that the node has signed');
  }
}

/** A node's manifest in the words of §4.2. */
export function manifestFor({ types, cluster, region }: Manifest, id: string): NodeManifest {
  return { id, type: types as NodeType[], cluster, region };
}

/** The console of a simulated node. Promises resolve as the caller lets the world run on. */
export function consoleOf(world: World, machine: Machine): NodeConsole {
  return {
    node: machine.node,
    ask: (kind, body, hear) =>
      world.operators.order(machine, kind, body, ({ kind: answer, body: said }) => hear(answer, said)),
  };
}

function describe({ genesis, cluster, region, exports, ageUs, isPeered, isOwn }: ListedCluster): Cluster {
  return { id: genesis, name: cluster, region, exports, ageUs, isPeered, isOwn };
}

function refusal(code: string, detail: string): DiscoveryRefused {
  return new DiscoveryRefused(code, detail, false);
}
