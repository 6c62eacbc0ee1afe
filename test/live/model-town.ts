import { writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { expect } from 'chai';
import { READY } from '../../core/machine/node-state.ts';
import type { Parameters } from '../../core/machine/parameters.ts';
import { Caller } from '../../live/caller.ts';
import { LiveConsole } from '../../live/cluster-discovery.ts';
import { FEATURE_COUNT, INPUT_NAME } from '../../live/embedding-model.ts';
import { layOut, PUBLISHER_FOLDER, type Member } from '../../live/federation.ts';
import { GatewayUser } from '../../live/gateway-user.ts';
import { createHttp } from '../../live/http.ts';
import { openIdentity, openUser } from '../../live/identity.ts';
import { LiveNode } from '../../live/live-node.ts';
import { modelSyncOf } from '../../live/model-sync.ts';
import { encodeModel, type GraphNode } from '../../live/onnx-writer.ts';
import { Publisher, type Description, type Release } from '../../live/publisher.ts';
import type { NodeModels } from '../../sim/model-sync.ts';
import type { ResolvedNode } from '../../sim/scenario/resolved.ts';
import { makeFolder, pilotNode, pilotOf, removeFolder, until } from './pilot.ts';

export const MODEL = 'lifeos/sense-maker-v1';
/** The least that lies in a file and is fetched, so that small models have many chunks. */
export const CHUNK_BYTES = 1_114_112;

/** Pulls and trials are over soon, so that a test need not wait for more. */
const QUICK: Partial<Parameters> = {
  modelRoundUs: 300_000,
  pullWaitUs: 200_000,
  pullWaitMostUs: 1_000_000,
  chunkUs: 5_000_000,
  trialUs: 4_000_000,
  keepCopyUs: 4_000_000,
};

/** A model with the signature that accelerators expect, of at least so many bytes: layers, one after another, of pseudo-random weights. */
export function writeModel(path: string, leastBytes: number, seed = 1): void {
  const weights = FEATURE_COUNT * FEATURE_COUNT;
  const layers = Math.ceil(leastBytes / (4 * weights));
  let word = seed;
  const draw = (): number => {
    word = (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0;
    return (word / 2 ** 32 - 0.5) / 8;
  };
  const initializers = Array.from({ length: layers }, (_, i) => ({
    name: `weights-${i}`,
    shape: [FEATURE_COUNT, FEATURE_COUNT],
    data: Float32Array.from({ length: weights }, draw),
  }));
  const nodes: GraphNode[] = initializers.flatMap(({ name }, i) => [
    {
      name: `mix-${i}`,
      operator: 'MatMul',
      inputs: [i === 0 ? INPUT_NAME : `h-${i}`, name],
      outputs: [`m-${i}`],
    },
    {
      name: `squash-${i}`,
      operator: 'Tanh',
      inputs: [`m-${i}`],
      outputs: [i === layers - 1 ? 'output' : `h-${i + 1}`],
    },
  ]);
  writeGraph(path, initializers, nodes);
}

/** It loads, and its trial with an empty text does well; of any other text it makes what is no number. */
export function writeWrongModel(path: string): void {
  writeGraph(
    path,
    [],
    [
      { name: 'negate', operator: 'Neg', inputs: [INPUT_NAME], outputs: ['negated'] },
      { name: 'root', operator: 'Sqrt', inputs: ['negated'], outputs: ['output'] },
    ],
  );
}

function writeGraph(
  path: string,
  initializers: { name: string; shape: number[]; data: Float32Array }[],
  nodes: GraphNode[],
): void {
  const shape = ['batch', FEATURE_COUNT];
  const graph = {
    name: 'test',
    description: '',
    inputs: [{ name: INPUT_NAME, shape }],
    outputs: [{ name: 'output', shape }],
    initializers,
    nodes,
  };
  writeFileSync(path, encodeModel(graph));
}

/** What a publisher says of a version in tests. */
export function described(version: number, changes: Partial<Description> = {}): Description {
  return {
    name: MODEL,
    version,
    licence: 'Apache-2.0',
    purpose: 'SenseMaking stage execution',
    approvals: [],
    requiredMemoryBytes: 1e9,
    regions: ['eu'],
    keptIn: [],
    chunkBytes: CHUNK_BYTES,
    ...changes,
  };
}

export interface TownNode {
  readonly name: string;
  readonly live: LiveNode;
  readonly models: NodeModels;
  readonly url: string;
}

/** Live nodes of this process, a publisher, and what their parts of the federation know of one another. */
export class ModelTown {
  readonly folder: string;
  readonly nodes: readonly TownNode[];
  /** What went wrong on a node. */
  readonly failed: readonly Error[];
  /** Names of whoever a node has noted as a liar. */
  readonly lies: string[];
  /** Nodes of the pilot that a test runs by itself, and where the others listen, by id. */
  readonly apart: readonly Member[];
  readonly addresses: Readonly<Record<string, string>>;

  /**
   * Opens the nodes of a pilot. `wrap` may stand before the HTTP side of a node: a program that speaks the protocol and lies.
   */
  static async open(
    specs: ResolvedNode[],
    peerings: [string, string][] = [],
    wrap: (name: string, listener: RequestListener) => RequestListener = (_name, listener) => listener,
    apart: readonly string[] = [],
  ): Promise<ModelTown> {
    const folder = makeFolder();
    const pilot = pilotOf(specs, peerings);
    const scenario = { ...pilot, parameters: { ...pilot.parameters, ...QUICK } };
    const members = layOut(scenario, folder, { folder }, new Map());
    const failed: Error[] = [];
    const lies: string[] = [];
    const nodes: TownNode[] = [];
    const isApart = ({ config }: Member): boolean => apart.includes(config.name);
    for (const { folder: own, config } of members.filter((member) => !isApart(member))) {
      const live: LiveNode = await LiveNode.open(own, config, {
        onNoted: (envelope) => {
          const liar = live.liarIn(envelope);
          if (liar !== null) lies.push(liar);
        },
        onFailed: (error) => void failed.push(error),
      });
      const isGateway = live.driver.node.config.manifest.types.includes('gateway');
      const user = isGateway ? new GatewayUser(live, openUser(own), () => undefined) : null;
      live.user = user;
      live.handler = wrap(
        config.name,
        createHttp(live, user, null, (error) => {
          failed.push(error as Error);
        }) as RequestListener,
      );
      const models = modelSyncOf(new LiveConsole(live));
      nodes.push({ name: config.name, live, models, url: `http://127.0.0.1:${live.port}` });
    }
    const addresses = Object.fromEntries(nodes.map(({ live, url }) => [live.identity.id, url]));
    for (const { live } of nodes) live.start(addresses);
    // Whoever is not known yet is asked for nothing.
    const clusterOf = ({ live }: TownNode): string => live.driver.node.config.manifest.cluster;
    const isReady = (one: TownNode): boolean => {
      const { phase, membership } = one.live.driver.node;
      const fellows = nodes.filter((other) => clusterOf(other) === clusterOf(one));
      return phase === READY && membership!.table.liveCount === fellows.length;
    };
    expect(await until(() => nodes.every(isReady), 20_000)).to.equal(true);
    return new ModelTown(folder, nodes, failed, lies, members.filter(isApart), addresses);
  }

  private constructor(
    folder: string,
    nodes: TownNode[],
    failed: Error[],
    lies: string[],
    apart: readonly Member[],
    addresses: Readonly<Record<string, string>>,
  ) {
    this.apart = apart;
    this.addresses = addresses;
    this.folder = folder;
    this.nodes = nodes;
    this.failed = failed;
    this.lies = lies;
  }

  node(name: string): TownNode {
    return this.nodes.find((node) => node.name.endsWith(`/${name}`))!;
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Brings a version to a node, and points at it if it is to run. */
  async publish(
    to: string,
    path: string,
    described: Description,
    before: { sequence: number; id: string } | null,
    isPointed = true,
  ): Promise<Release> {
    const caller = await Caller.open(this.node(to).url, openIdentity(this.path(PUBLISHER_FOLDER)));
    try {
      const publisher = new Publisher(caller);
      const release = await publisher.release(path, described);
      await publisher.bring(release);
      if (isPointed) publisher.point(described.name, release.id, before);
      // What is said without an answer leaves before the connection ends.
      await publisher.listed(release.entry.name, release.id, isPointed);
      return release;
    } finally {
      caller.close();
    }
  }

  /** The number of the version that runs on a node; 0 none. */
  async versionAt(name: string): Promise<number> {
    return (await this.node(name).models.checkVersion(MODEL)).installedVersion;
  }

  /** Whether all that runs on a node lies on its disk. */
  isWhole(name: string): boolean {
    const { models } = this.node(name).live.driver.node;
    return models?.held.get(models.currents.get(MODEL)?.id ?? '')?.isWhole === true;
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ live }) => live.stop()));
    removeFolder(this.folder);
    expect(this.failed).to.deep.equal([]);
  }
}

export function townNode(name: string, region = 'eu/fr'): ResolvedNode {
  return { ...pilotNode(name, region, ['compute']), compute: { gpuMemoryBytes: 24e9, supportedModels: [] } };
}
