/** One live node in this process: its core, its driver, its devices and its sockets. */
import { randomBytes } from 'node:crypto';
import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ACCELERATOR, DISK } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import type { Boot } from '../core/machine/node.ts';
import { createNode } from '../core/machine/node-state.ts';
import { Accelerator } from './accelerator.ts';
import { AcceleratorDevice } from './accelerator-device.ts';
import { readNodeConfig, type LiveConfig } from './config.ts';
import { Contents } from './contents.ts';
import type { Device } from './device.ts';
import { Disk, takeBootCount } from './disk.ts';
import { Driver } from './driver.ts';
import { LiveIds, namesOf, openIdentity, signHash, type Identity } from './identity.ts';
import { JOURNAL_FORMAT, JournalWriter } from './journal.ts';
import { Keys } from './keys.ts';
import { Transport } from './transport.ts';
import { VERSION } from '../sim/version.ts';

export interface LiveNodeEvents {
  onNoted(envelope: Envelope, wallUs: number): void;
  /** The node is at its end: its disk failed, or our own code broke a promise. */
  onFailed(error: Error): void;
}

/** Who asks a node from inside its process. */
export interface LocalUser {
  readonly peer: number;
  receive(envelope: Envelope): void;
  /** The node stops: whoever still waits is told so. */
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
  readonly http: HttpServer = createServer((request, response) => this.handler(request, response));
  readonly driver: Driver;
  readonly transport: Transport;
  readonly bootCount: number;
  readonly journal: JournalWriter;
  /** Set before `start` by whoever asks through this node. */
  user: LocalUser | null = null;
  private readonly accelerator: Accelerator | null;
  private readonly boot: Boot;
  private readonly events: LiveNodeEvents;
  private readonly disk: Device;
  private readonly keys: Device;
  private readonly acceleratorDevice: Device | null;

  /**
   * Opens everything that the node needs, listens nowhere and says nothing yet. Rejects if the folder cannot be used, the
   * configuration is wrong, or the provider or a model is missing.
   */
  static async open(folder: string, config: LiveConfig, events: LiveNodeEvents): Promise<LiveNode> {
    const { provider, models } = config;
    // The models are tried before the boot is counted: a node without its accelerator does not start.
    const accelerator = models.length === 0 ? null : await Accelerator.create({ provider, models });
    try {
      return new LiveNode(folder, config, accelerator, events);
    } catch (error) {
      await accelerator?.close();
      throw error;
    }
  }

  private constructor(
    folder: string,
    config: LiveConfig,
    accelerator: Accelerator | null,
    events: LiveNodeEvents,
  ) {
    this.config = config;
    this.events = events;
    this.accelerator = accelerator;
    this.identity = openIdentity(folder);
    this.ids = new LiveIds(config.roster);
    this.names = namesOf(config.roster);
    if (!this.ids.knows(this.identity.id)) throw new Error(`${config.name}: its key is not on the roster`);
    const nodeConfig = readNodeConfig(config.node, this.ids);
    const self = this.ids.peerOf(this.identity.id);
    if (nodeConfig.manifest.id !== self) throw new Error(`${config.name}: its manifest is of another node`);
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
      node: config.node,
    });
    this.boot = boot;
    this.disk = new Disk(folder, this.ids, this.contents, (error) => this.fail(error));
    this.keys = new Keys(this.identity);
    this.acceleratorDevice = accelerator === null ? null : new AcceleratorDevice(accelerator, this.contents);
    this.driver = new Driver(createNode(self, nodeConfig, this.ids), {
      journal: this.journal,
      deviceOf: (envelope) => this.deviceOf(envelope),
      send: (envelope, bytes) => this.send(envelope, bytes),
      onNoted: (envelope, wallUs) => this.events.onNoted(envelope, wallUs),
      onBroken: (error) => this.fail(error instanceof Error ? error : new Error(String(error))),
    });
    this.transport = new Transport({
      http: this.http,
      identity: this.identity,
      ids: this.ids,
      contents: this.contents,
      deliver: (envelope, bytes) => this.driver.deliver(envelope, bytes),
    });
  }

  /** Starts to listen. Resolves to the port; rejects if it is taken. */
  listen(): Promise<number> {
    const { host, port } = this.config;
    return new Promise((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        resolve((this.http.address() as AddressInfo).port);
      });
    });
  }

  /** Boots the node. `addresses` are URLs of the others by id. */
  start(addresses: Readonly<Record<string, string>>): void {
    this.transport.setAddresses(addresses);
    this.driver.start(this.boot);
  }

  /** Stops in order: nothing more is heard, the journal is sealed, the sockets are closed. */
  async stop(): Promise<void> {
    this.driver.stop();
    this.journal.close((hash) => signHash(this.identity, hash));
    this.user?.close();
    // Last answers leave before their connections end.
    await nextTurn();
    this.http.closeAllConnections();
    await Promise.all([this.transport.close(), this.accelerator?.close()]);
  }

  private send(envelope: Envelope, bytes: Uint8Array): void {
    if (this.user !== null && envelope.to === this.user.peer) this.user.receive(envelope);
    else this.transport.send(envelope, bytes);
  }

  private deviceOf(envelope: Envelope): Device {
    if (envelope.to === DISK) return this.disk;
    if (envelope.to === ACCELERATOR) return this.acceleratorDevice ?? NO_ACCELERATOR;
    return this.keys;
  }

  private fail(error: Error): void {
    this.driver.stop();
    this.journal.leave();
    this.events.onFailed(error);
  }
}

/** A node without models has no accelerator, and its manifest offers none: nothing is asked of it. */
const NO_ACCELERATOR: Device = { handle: () => undefined };

function drawSeedWords(): number[] {
  const bytes = randomBytes(16);
  return [0, 4, 8, 12].map((offset) => bytes.readUInt32LE(offset));
}
