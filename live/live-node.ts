/** One live node in this process: its core, its driver, its devices and its sockets. */
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { addressOf } from '../core/cluster/membership/detector.ts';
import { ACCELERATOR, DISK, NETWORK } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { CONTENT_FALSE, NOTE_LIED, type Noted } from '../core/machine/kinds.ts';
import type { ContentFalse } from '../core/models/model-bodies.ts';
import type { Boot } from '../core/machine/node.ts';
import { createNode } from '../core/machine/node-state.ts';
import { Accelerator } from './accelerator.ts';
import { AcceleratorDevice } from './accelerator-device.ts';
import { readNodeConfig, type LiveConfig } from './config.ts';
import { Contents, MAX_POD_BYTES } from './contents.ts';
import type { Device } from './device.ts';
import { Disk, takeBootCount } from './disk.ts';
import { Driver } from './driver.ts';
import { LiveIds, namesOf, openIdentity, signHash, type Identity } from './identity.ts';
import { fieldsOf } from './json-shape.ts';
import { JOURNAL_FORMAT, JournalWriter } from './journal.ts';
import { Keys } from './keys.ts';
import { NetworkDevice } from './network-device.ts';
import { PodContexts } from './pod-contexts.ts';
import { Transport } from './transport.ts';
import { VERSION } from '../sim/version.ts';

export interface LiveNodeEvents {
  onNoted(envelope: Envelope, wallUs: number): void;
  /** The node is at its end: its disk failed, or our own code broke a promise. */
  onFailed(error: Error): void;
  /** Its disk is a backup that was put back, or a copy: it goes on as one that was away, under a past that outranks all that it has said. */
  onPutBack?(): void;
}

/** Who asks a node from inside its process. */
export interface LocalUser {
  readonly peer: number;
  receive(envelope: Envelope): void;
  /** The node stops: whoever still waits is told so. */
  close(): void;
}

/** People with keys of their own, who come and go. */
export interface Visitors {
  /** False: it is for none of them. */
  receive(envelope: Envelope): boolean;
  close(): void;
}

export class LiveNode {
  readonly config: LiveConfig;
  readonly identity: Identity;
  readonly ids: LiveIds;
  /** By id, for people. */
  readonly names: ReadonlyMap<string, string>;
  readonly contents = new Contents();
  /** Answers HTTP requests; socket.io takes its own before. */
  handler: RequestListener = (_request, response) => response.writeHead(404).end();
  readonly http: HttpServer;
  readonly driver: Driver;
  readonly transport: Transport;
  readonly bootCount: number;
  readonly journal: JournalWriter;
  /** Who has handed out what is not true of a model, by name, and how often. */
  readonly lies = new Map<string, number>();
  /** Set before `start` by whoever asks through this node. */
  user: LocalUser | null = null;
  /** Whoever gives it orders from inside its process. */
  console: LocalUser | null = null;
  /** Whoever asks through this node in a name of their own. */
  visitors: Visitors | null = null;
  private readonly accelerator: Accelerator | null;
  private readonly boot: Boot;
  private readonly events: LiveNodeEvents;
  private readonly podContexts: PodContexts;
  private readonly disk: Device;
  private readonly keys: Device;
  private readonly network: Device;
  private readonly acceleratorDevice: Device | null;

  /**
   * Opens everything that the node needs and listens, but says nothing yet. Rejects if the folder cannot be used, the
   * configuration is wrong, the provider or a model is missing, or the port is taken.
   */
  static async open(folder: string, config: LiveConfig, events: LiveNodeEvents): Promise<LiveNode> {
    const { provider, models } = config;
    // The models are tried before the boot is counted: a node without its accelerator does not start.
    const isUsed = models.length > 0 || hasMovingModels(config);
    const accelerator = isUsed ? await Accelerator.create({ provider, models }) : null;
    const http = createServer();
    try {
      // What the node says of itself, its address, must be known before it says anything.
      await listen(http, config);
      return new LiveNode(folder, config, accelerator, http, events);
    } catch (error) {
      http.close();
      await accelerator?.close();
      throw error;
    }
  }

  private constructor(
    folder: string,
    config: LiveConfig,
    accelerator: Accelerator | null,
    http: HttpServer,
    events: LiveNodeEvents,
  ) {
    this.http = http.on('request', (request, response) => this.handler(request, response));
    this.config = config;
    this.events = events;
    this.accelerator = accelerator;
    this.identity = openIdentity(folder);
    this.ids = new LiveIds(config.roster);
    this.names = namesOf(config.roster);
    if (!this.ids.knows(this.identity.id)) throw new Error(`${config.name}: its key is not on the roster`);
    const nodeJson = withAddress(config, this.port);
    const nodeConfig = readNodeConfig(nodeJson, this.ids);
    const self = this.ids.peerOf(this.identity.id);
    if (nodeConfig.manifest.id !== self) throw new Error(`${config.name}: its manifest is of another node`);
    const maxPodBytes = nodeConfig.manifest.podStorage?.maxPodBytes ?? 0;
    if (maxPodBytes > MAX_POD_BYTES)
      throw new Error(
        `${config.name}: maxPodBytes is ${maxPodBytes}; a live pod has at most ${MAX_POD_BYTES}`,
      );
    this.bootCount = takeBootCount(folder);
    const boot = { bootCount: this.bootCount, seedWords: drawSeedWords() };
    this.journal = new JournalWriter(join(folder, `journal-${this.bootCount}.jsonl`), {
      format: JOURNAL_FORMAT,
      version: VERSION,
      name: config.name,
      self: this.identity.id,
      startedWallUs: Date.now() * 1_000,
      boot,
      roster: config.roster,
      node: nodeJson,
    });
    this.boot = boot;
    this.disk = new Disk(
      folder,
      this.ids,
      this.contents,
      (error) => this.fail(error),
      () => this.events.onPutBack?.(),
    );
    this.keys = new Keys(folder, this.identity, this.contents, (error) => this.fail(error));
    this.acceleratorDevice =
      accelerator === null
        ? null
        : new AcceleratorDevice(accelerator, this.contents, join(folder, LOADED_FOLDER), ({ hash }) =>
            this.podContexts.used(hash),
          );
    this.driver = new Driver(createNode(self, nodeConfig, this.ids), {
      journal: this.journal,
      deviceOf: (envelope) => this.deviceOf(envelope),
      send: (envelope, bytes) => this.send(envelope, bytes),
      onNoted: (envelope, wallUs) => {
        const liar = this.liarIn(envelope);
        if (liar !== null) this.lies.set(liar, (this.lies.get(liar) ?? 0) + 1);
        this.events.onNoted(envelope, wallUs);
      },
      onBroken: (error) => this.fail(error instanceof Error ? error : new Error(String(error))),
    });
    this.podContexts = new PodContexts(this.driver.node, this.contents);
    this.transport = new Transport({
      http: this.http,
      identity: this.identity,
      ids: this.ids,
      contents: this.contents,
      address: nodeConfig.address,
      addressOf: (id) => addressOf(this.driver.node, this.ids.peerOf(id)),
      deliver: (envelope, bytes) => {
        this.podContexts.hear(envelope);
        return this.driver.deliver(envelope, bytes);
      },
      onFalse: (envelope) => this.tellFalse(envelope),
    });
    this.network = new NetworkDevice(this.ids, this.transport);
  }

  /** Where it listens. */
  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** Boots the node. `addresses` are URLs of those who are known to begin with, by id. */
  start(addresses: Readonly<Record<string, string>>): void {
    for (const [id, url] of Object.entries(addresses)) this.transport.route(id, url);
    this.driver.start(this.boot);
  }

  /** Stops in order: nothing more is heard, the journal is sealed, the sockets are closed. */
  async stop(): Promise<void> {
    this.driver.stop();
    this.journal.close((hash) => signHash(this.identity, hash));
    this.user?.close();
    this.console?.close();
    this.visitors?.close();
    this.podContexts.close();
    // Last answers leave before their connections end.
    await nextTurn();
    this.http.closeAllConnections();
    await Promise.all([this.transport.close(), this.accelerator?.close()]);
  }

  private send(envelope: Envelope, bytes: Uint8Array): void {
    if (envelope.to === this.user?.peer) this.user.receive(envelope);
    else if (envelope.to === this.console?.peer) this.console.receive(envelope);
    else if (this.visitors?.receive(envelope) !== true) this.transport.send(envelope, bytes);
  }

  private deviceOf(envelope: Envelope): Device {
    if (envelope.to === DISK) return this.disk;
    if (envelope.to === NETWORK) return this.network;
    if (envelope.to === ACCELERATOR) return this.acceleratorDevice ?? NO_ACCELERATOR;
    return this.keys;
  }

  /** The name of whom a note says that it has handed out what is not true of a model; null: it says something else. */
  liarIn({ body }: Envelope): string | null {
    const { note, chosen } = body as Noted;
    if (note !== NOTE_LIED) return null;
    const id = this.ids.idOf(chosen);
    return this.names.get(id) ?? id;
  }

  /** The node hears from NETWORK that what it was to be sent was not what it was called. */
  private tellFalse({ from, origin, originBoot, n, attempt }: Envelope): void {
    const told = new Envelope();
    const body: ContentFalse = { peer: from };
    const to = this.driver.node.self;
    Object.assign(told, { kind: CONTENT_FALSE, from: NETWORK, to, origin, originBoot, n, attempt, body });
    this.driver.deliverOwn(told);
  }

  private fail(error: Error): void {
    this.driver.stop();
    this.journal.leave();
    this.events.onFailed(error);
  }
}

/** Versions of models that move, while they are loaded. */
const LOADED_FOLDER = 'loaded';

/** Whether a node may be told to run models that it pulls. */
function hasMovingModels({ node }: LiveConfig): boolean {
  const fields = fieldsOf(node, 'node');
  const { types } = fieldsOf(fields['manifest'], 'node.manifest') as { types?: unknown };
  const { publishers } = fields;
  const isCompute = Array.isArray(types) && types.includes('compute');
  return isCompute && Array.isArray(publishers) && publishers.length > 0;
}

/** A node without models has no accelerator, and its manifest offers none: nothing is asked of it. */
const NO_ACCELERATOR: Device = { handle: () => undefined };

function listen(http: HttpServer, { host, port }: LiveConfig): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, host, () => {
      http.off('error', reject);
      resolve();
    });
  });
}

/** NodeConfig as JSON; one that does not say where others reach the node is completed by where it listens. */
function withAddress({ host, node }: LiveConfig, port: number): unknown {
  const fields = fieldsOf(node, 'node');
  return fields['address'] === '' ? { ...fields, address: `http://${host}:${port}` } : fields;
}

function drawSeedWords(): number[] {
  const bytes = randomBytes(16);
  return [0, 4, 8, 12].map((offset) => bytes.readUInt32LE(offset));
}
