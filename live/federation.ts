/** A whole pilot on one machine: each node of a scenario as a process of its own, with its own folder, key and port. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pino, { type Logger } from 'pino';
import type { Peer } from '../core/base/peers.ts';
import { hasType } from '../core/cluster/manifest.ts';
import { Encoder } from '../core/machine/codec.ts';
import type { NodeConfig } from '../core/machine/config.ts';
import { attestationBytes } from '../core/trust/attestation.ts';
import { certify, configureNodes, operatorNames } from '../sim/configure.ts';
import { plainConfig } from '../sim/shared-config.ts';
import type { FrameHeader } from '../sim/frame.ts';
import { headerOf } from '../sim/recorder.ts';
import type { ResolvedNode, ResolvedScenario } from '../sim/scenario/resolved.ts';
import type { FrameSource } from '../viz/frame-source.ts';
import type { ModelFile, Provider } from './accelerator.ts';
import { CONFIG_FILE, writeNodeConfig, type LiveConfig } from './config.ts';
import { MAX_POD_BYTES } from './contents.ts';
import { writeDurably } from './durable-file.ts';
import { hashFnv1a32, writeEmbeddingModel } from './embedding-model.ts';
import { removeFederationFile, writeFederationFile } from './federation-file.ts';
import { lockFolder } from './folder-lock.ts';
import {
  idOfConsole,
  LiveIds,
  openIdentity,
  openUser,
  signHash,
  type Identity,
  type RosterEntry,
} from './identity.ts';
import { FRAME_PERIOD_MS, LiveRecorder } from './live-recorder.ts';
import { NodeChild } from './node-child.ts';
import type { NodeView } from './node-view.ts';

export interface FederationOptions {
  /** Where nodes keep their keys, state, journals and logs; made if it is not there. */
  readonly folder: string;
  /** The first node listens there, the next one port further; without it, on any ports that are free. */
  readonly basePort?: number;
  /** Default `cpu`. */
  readonly provider?: Provider;
  /** ONNX files by the name of the model; models that are not named run the built-in embedding. */
  readonly modelFiles?: Readonly<Record<string, string>>;
  /** A node whose process has ended without being told to is started again after so long, in ms; without it, nobody does. */
  readonly restartAfterMs?: number;
  /** Told when a node's process has ended without being told to, and why if that is known. */
  readonly onLost?: (name: string, reason: string) => void;
  /** Breaks off the start, and stops what has started. */
  readonly signal?: AbortSignal;
}

export interface RunningNode {
  readonly name: string;
  readonly cluster: string;
  readonly types: readonly string[];
  readonly folder: string;
  readonly url: string;
  /** Of its process; it stands in a file `pid` in its folder, too. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** As it last said itself, while it runs; at most a second or so ago. */
  readonly view: NodeView | null;
}

export interface Federation {
  readonly nodes: readonly RunningNode[];
  readonly gatewayUrls: readonly string[];
  readonly source: FrameSource;
  /** Ends a node's process as a power cut would. */
  kill(name: string): Promise<void>;
  /** Starts a node again that was killed or has ended. */
  restart(name: string): Promise<void>;
  /** Stops every process, in order where that is possible, within about 4 s. Calling it again does no harm. */
  stop(): Promise<void>;
}

/** Of the key whose word on models counts, in the folder of the federation. */
export const PUBLISHER_FOLDER = join('publishers', '1');

const HOST = '127.0.0.1';
/** One process a node: more is for the simulator. */
const MAX_NODES = 64;
const PID_FILE = 'pid';
const MAX_RESTART_MS = 60_000;
const DAY_US = 24 * 3_600 * 1_000_000;

/**
 * Starts a federation, and resolves when every node is ready. Rejects, with nothing left running, and says which node
 * did not start and why: a missing provider or model, a port that is taken, a folder that cannot be used.
 */
export async function startFederation(
  scenario: ResolvedScenario,
  options: FederationOptions,
): Promise<Federation> {
  if (scenario.nodes.length > MAX_NODES)
    throw new Error(`${scenario.nodes.length} nodes: a live federation has at most ${MAX_NODES}`);
  const release = lockFolder(options.folder);
  let federation: LiveFederation;
  try {
    federation = await LiveFederation.create(scenario, options, release);
  } catch (error) {
    release();
    throw error;
  }
  const abort = (): void => void federation.stop();
  options.signal?.addEventListener('abort', abort);
  try {
    await federation.start();
    return federation;
  } catch (error) {
    await federation.stop();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', abort);
  }
}

export interface Member {
  readonly spec: ResolvedNode;
  readonly folder: string;
  readonly config: LiveConfig;
  readonly id: string;
  child: NodeChild | null;
  url: string;
  isKilled: boolean;
  view: NodeView | null;
}

class LiveFederation implements Federation {
  private readonly members: readonly Member[];
  private readonly recorder: LiveRecorder;
  private isStopping = false;
  private readonly onLost: (name: string, reason: string) => void;
  private readonly release: () => void;
  private readonly log: Logger;
  private readonly folder: string;
  private readonly restartAfterMs: number | null;

  static async create(
    scenario: ResolvedScenario,
    options: FederationOptions,
    release: () => void,
  ): Promise<LiveFederation> {
    const folder = resolve(options.folder);
    const models = await findModels(scenario, folder, options.modelFiles ?? {});
    const members = layOut(scenario, folder, options, models);
    const header: FrameHeader = {
      ...headerOf(scenario),
      source: 'live',
      faults: [],
      periodUs: FRAME_PERIOD_MS * 1_000,
    };
    const recorder = new LiveRecorder(
      header,
      members.map(({ id }) => id),
    );
    return new LiveFederation(members, recorder, options, release);
  }

  private constructor(
    members: readonly Member[],
    recorder: LiveRecorder,
    { folder, onLost, restartAfterMs }: FederationOptions,
    release: () => void,
  ) {
    this.folder = folder;
    this.restartAfterMs = restartAfterMs ?? null;
    removeFederationFile(folder);
    this.members = members;
    this.recorder = recorder;
    this.onLost = onLost ?? (() => undefined);
    this.release = release;
    this.log = pino(pino.destination({ dest: join(folder, 'federation.log'), sync: true }));
  }

  get source(): FrameSource {
    return this.recorder.source;
  }

  get nodes(): RunningNode[] {
    return this.members.map(({ spec, folder, url, child, view }) => ({
      name: spec.name,
      cluster: spec.cluster,
      types: spec.types,
      folder,
      url,
      pid: child?.pid ?? 0,
      isRunning: child?.isRunning ?? false,
      view,
    }));
  }

  get gatewayUrls(): string[] {
    return this.members.filter(({ spec }) => spec.types.includes('gateway')).map(({ url }) => url);
  }

  async start(): Promise<void> {
    await Promise.all(this.members.map((member) => this.open(member)));
    if (this.isStopping) throw new Error('the start was broken off');
    await Promise.all(this.members.map((member) => this.boot(member)));
    writeFederationFile(this.folder, this.nodes);
    this.log.info({ nodes: this.members.length }, 'every node is ready');
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    await Promise.all(this.members.map(({ child }) => child?.stop()));
    removeFederationFile(this.folder);
    this.recorder.close();
    this.log.info('stopped');
    this.release();
  }

  async kill(name: string): Promise<void> {
    const member = this.find(name);
    this.log.info({ node: name }, 'killed');
    const { child } = member;
    member.isKilled = true;
    await child?.kill();
  }

  async restart(name: string): Promise<void> {
    const member = this.find(name);
    if (member.child?.isRunning === true) throw new Error(`${name} is running`);
    // The others know it by its port: it gets the same one again.
    const port = Number(new URL(member.url).port);
    writeConfig(member.folder, { ...member.config, port });
    await this.open(member);
    await this.boot(member);
  }

  /** Starts the process of a member, up to where it listens. */
  private async open(member: Member): Promise<void> {
    const place = this.members.indexOf(member);
    this.recorder.onState(place, 'starting');
    const child = new NodeChild(member.spec.name, member.folder, (message) => {
      if (message.type === 'report') member.view = message.view;
      this.recorder.onMessage(place, message);
    });
    member.child = child;
    writeFileSync(join(member.folder, PID_FILE), `${child.pid}\n`);
    this.log.info({ node: member.spec.name, process: child.pid }, 'started');
    member.isKilled = false;
    void child.exited.then((inOrder) => {
      this.recorder.onState(place, 'down');
      member.view = null;
      if (this.isStopping || member.isKilled || !child.wasReady) return;
      const reason = child.reason ?? (inOrder ? 'it was told to stop' : 'its process ended');
      this.log.error({ node: member.spec.name, reason }, 'a node was lost');
      this.onLost(member.spec.name, reason);
      if (this.restartAfterMs !== null) this.restartLater(member, this.restartAfterMs);
    });
    const { port } = await child.waitFor('listening');
    member.url = `http://${HOST}:${port}`;
  }

  /** Tries again and again, each time after twice as long; its machine may be full, or its port taken for a while. */
  private restartLater({ spec: { name } }: Member, afterMs: number): void {
    const timer = setTimeout(() => {
      if (this.isStopping) return;
      this.restart(name).catch((error: Error) => {
        this.log.error({ node: name, reason: error.message }, 'a node did not start again');
        this.restartLater(this.find(name), Math.min(MAX_RESTART_MS, 2 * afterMs));
      });
    }, afterMs);
    timer.unref();
  }

  private async boot(member: Member): Promise<void> {
    if (this.isStopping || member.child === null) return;
    const isReady = member.child.waitFor('ready');
    const addresses = Object.fromEntries(this.members.map(({ id, url }) => [id, url]));
    member.child.send({ type: 'start', addresses });
    await isReady;
  }

  private find(name: string): Member {
    const member = this.members.find(({ spec }) => spec.name === name);
    if (member === undefined) throw new Error(`no node is called ${name}`);
    return member;
  }
}

/** Gives every node its folder, its key and its configuration. */
export function layOut(
  scenario: ResolvedScenario,
  folder: string,
  options: FederationOptions,
  models: ReadonlyMap<string, string>,
): Member[] {
  const folders = scenario.nodes.map(({ name }) => join(folder, 'nodes', name.replaceAll('/', '.')));
  const keys = folders.map(openIdentity);
  const attestors = new Map(
    scenario.clusters.map(({ name }) => [name, openIdentity(join(folder, 'attestors', name))]),
  );
  const operators = new Map(
    scenario.clusters.map((cluster) => [
      cluster.name,
      operatorNames(cluster).map((_, i) => openIdentity(join(folder, 'operators', cluster.name, `${i + 1}`))),
    ]),
  );
  const publisher = openIdentity(join(folder, PUBLISHER_FOLDER));
  const roster = [
    ...scenario.nodes.map(({ name, cluster }, i) => entryOf(keys[i]!, name, cluster)),
    ...scenario.nodes.flatMap(({ name, cluster, types }, i) =>
      types.includes('gateway') ? [entryOf(openUser(folders[i]!), `user of ${name}`, cluster)] : [],
    ),
    entryOf(publisher, 'publisher of models', ''),
    ...[...attestors].map(([cluster, key]) => entryOf(key, `attestor of ${cluster}`, cluster)),
    ...[...operators].flatMap(([cluster, operatorKeys]) =>
      operatorKeys.map((key, i) => entryOf(key, `operator ${i + 1} of ${cluster}`, cluster)),
    ),
  ];
  const ids = new LiveIds(roster);
  const configs = configureLive(scenario, ids, keys, attestors, operators, publisher, options.basePort);
  return scenario.nodes.map((spec, i): Member => {
    const config: LiveConfig = {
      format: 1,
      name: spec.name,
      host: HOST,
      port: options.basePort === undefined ? 0 : options.basePort + i,
      provider: options.provider ?? 'cpu',
      models: hasType(configs[i]!.manifest, 'compute')
        ? spec.installedModels.map((name): ModelFile => ({ name, path: models.get(name)! }))
        : [],
      roster,
      node: writeNodeConfig(configs[i]!, ids),
    };
    writeConfig(folders[i]!, config);
    return {
      spec,
      folder: folders[i]!,
      config,
      id: keys[i]!.id,
      child: null,
      url: '',
      isKilled: false,
      view: null,
    };
  });
}

/** The configurations of the scenario, with attestations and certificates that hold today, by this machine's calendar. */
function configureLive(
  scenario: ResolvedScenario,
  ids: LiveIds,
  keys: readonly Identity[],
  attestors: ReadonlyMap<string, Identity>,
  operators: ReadonlyMap<string, readonly Identity[]>,
  publisher: Identity,
  basePort?: number,
): NodeConfig[] {
  const cast = {
    nodes: keys.map(({ id }) => ids.peerOf(id)),
    attestors: new Map([...attestors].map(([cluster, { id }]) => [cluster, ids.peerOf(id)])),
    operators: new Map(
      [...operators].map(([cluster, those]) => [cluster, those.map(({ id }) => ids.peerOf(id))]),
    ),
    publishers: [ids.peerOf(publisher.id)],
  };
  const encoder = new Encoder(ids);
  const nowUs = Date.now() * 1_000;
  const signers = new Map(
    [...[...operators.values()].flat(), ...keys].map((identity) => [ids.peerOf(identity.id), identity]),
  );
  const term = { fromWallUs: nowUs - DAY_US, untilWallUs: nowUs + 365 * DAY_US };
  const sign = (signer: Peer, hash: string): string => {
    const key = signers.get(signer);
    // Attestations are signed below, with the dates that they get there.
    return key === undefined ? '' : signHash(key, hash);
  };
  // Ports that nobody knows yet cannot be signed: such addresses the driver is told when all listen.
  const addressOf = (node: ResolvedNode): string =>
    basePort === undefined ? '' : `http://${HOST}:${basePort + scenario.nodes.indexOf(node)}`;
  const configs = configureNodes(scenario, cast, ids, sign, nowUs, addressOf);
  return configs.map((config, i) => ({
    ...plainConfig(config),
    manifest: liveManifest(config.manifest),
    // It is where the node listens, on a port that may be free only then.
    address: '',
    // Whoever starts the nodes tells them where the others listen.
    seeds: config.seeds.map(({ peer }) => ({ peer, address: '' })),
    orderedBy: [...config.orderedBy, ids.peerOf(idOfConsole(ids.idOf(config.manifest.id)))],
    certificate:
      config.certificate === null
        ? null
        : certify(ids, config.genesis, config.manifest.id, term.fromWallUs, term.untilWallUs, sign),
    attestations: config.attestations.map((claimed) => {
      const attested = { ...claimed, ...term };
      const key = attestors.get(scenario.nodes[i]!.cluster)!;
      return { ...attested, signature: signHash(key, ids.hash(attestationBytes(encoder, attested))) };
    }),
  }));
}

/** What goes to another node at once has a bound, which a pod cannot exceed: the node declares that. */
function liveManifest(manifest: NodeConfig['manifest']): NodeConfig['manifest'] {
  const { podStorage } = manifest;
  if (podStorage === null) return manifest;
  return {
    ...manifest,
    podStorage: { ...podStorage, maxPodBytes: Math.min(podStorage.maxPodBytes, MAX_POD_BYTES) },
  };
}

function entryOf({ id, publicKey }: Identity, name: string, cluster: string): RosterEntry {
  return { id, name, cluster, publicKey };
}

function writeConfig(folder: string, config: LiveConfig): void {
  writeDurably(join(folder, CONFIG_FILE), `${JSON.stringify(config, null, 1)}\n`);
}

/** The file of each model; built-in embeddings, with weights drawn by the name of the model, are written here. */
async function findModels(
  scenario: ResolvedScenario,
  folder: string,
  files: Readonly<Record<string, string>>,
): Promise<Map<string, string>> {
  const names = scenario.models.map(({ name }) => name);
  const stray = Object.keys(files).find((name) => !names.includes(name));
  if (stray !== undefined) throw new Error(`model ${stray}: the scenario has no such model`);
  const found = new Map<string, string>();
  mkdirSync(join(folder, 'models'), { recursive: true });
  for (const name of names) {
    const given = files[name];
    if (given !== undefined && !existsSync(given))
      throw new Error(`model ${name}: there is no file ${given}`);
    const path = resolve(given ?? join(folder, 'models', `${name.replaceAll(/[^\w.-]/g, '_')}.onnx`));
    if (given === undefined) await writeEmbeddingModel(path, hashFnv1a32(name));
    found.set(name, path);
  }
  return found;
}
