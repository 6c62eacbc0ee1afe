import { ACCELERATOR, DISK, KEYS, NETWORK, OBSERVER, type Peer } from '../core/base/peers.ts';
import type { Now } from '../core/base/time.ts';
import type { Manifest } from '../core/cluster/manifest.ts';
import type { DetectorName, NodeConfig } from '../core/machine/config.ts';
import { copyEnvelope, Envelope, Outbox } from '../core/machine/envelope.ts';
import type { DiskRecord } from '../core/machine/disk-records.ts';
import * as kinds from '../core/machine/kinds.ts';
import { boot, receive, wake } from '../core/machine/node.ts';
import { createNode, type Node } from '../core/machine/node-state.ts';
import { DEFAULT_PARAMETERS, type Parameters } from '../core/machine/parameters.ts';
import { REFUSALS } from '../core/machine/refusals.ts';
import type { Want } from '../core/routing/want.ts';
import { admissionHash } from '../core/trust/admission.ts';
import type { Certificate, Genesis } from '../core/trust/documents.ts';
import { genesisHash } from '../core/trust/genesis.ts';
import { agreedFor } from './agreements.ts';
import { Vault } from '../sim/vault.ts';
import { Cast } from './cast.ts';
import { pageOf, storeIn } from './sound-disk.ts';
import { Keyring } from './keyring.ts';
import { attest, vouchFor, type VouchSpec } from './vouches.ts';
import { deepFreeze } from './frozen.ts';
export { attest } from './vouches.ts';
export { pageOf } from './sound-disk.ts';
export { deepFreeze } from './frozen.ts';

/** The wall clock at the start, µs. */
export const WALL_START_US = 2 ** 40;
export const SECOND_US = 1_000_000;

/** A node of a test; what is left out is the plainest thing that works. */
export interface NodeSpec {
  readonly name: string;
  readonly cluster: string;
  readonly region: string;
  readonly types: readonly string[];
  readonly models?: readonly string[];
  readonly gpuMemoryBytes?: number;
  /** Names of those whose word on models counts, and models that move that it is to have. */
  readonly publishers?: readonly string[];
  readonly wants?: readonly string[];
  readonly modelDiskBytes?: number;
  /** Of a pod host: false, it declares no encryption. */
  readonly encryption?: boolean;
  readonly claimedTrust?: number;
  /** 0: no attestation at all. */
  readonly attestedTrust?: number;
  /** The organisation that runs it, and for whom it vouches, by name. */
  readonly runBy?: string;
  readonly vouches?: readonly VouchSpec[];
  readonly slots?: number;
  readonly queueLimit?: number;
  readonly exports?: readonly string[];
  /** Names of the bridges of other clusters that a peering names. */
  readonly peered?: readonly string[];
  /** What its operators have signed, where it is not the plainest. */
  readonly agreements?: (cast: Cast) => Partial<Pick<NodeConfig, 'record' | 'peerings' | 'seedBridges'>>;
  readonly detector?: DetectorName;
  readonly parameters?: Partial<Parameters>;
  /** Names of nodes that it asks to be let in. */
  readonly seeds?: readonly string[];
  /** Operators of its cluster, all of whom must sign; 1. */
  readonly operators?: number;
  /** False: without a certificate. */
  readonly isAdmitted?: false;
  /** Its certificate holds so long from the start; for years. */
  readonly admittedForUs?: number;
}

/** Two clusters, peered: France offers `a`, Brazil offers `a` and `b`. */
export const FEDERATION: readonly NodeSpec[] = [
  {
    name: 'front',
    cluster: 'france',
    region: 'eu/fr',
    types: ['gateway', 'index', 'bridge'],
    exports: ['*'],
    peered: ['brazil-front'],
  },
  { name: 'compute-1', cluster: 'france', region: 'eu/fr', types: ['compute'], models: ['a'] },
  { name: 'compute-2', cluster: 'france', region: 'eu/fr', types: ['compute'], models: ['a'] },
  {
    name: 'brazil-front',
    cluster: 'brazil',
    region: 'americas/br',
    types: ['gateway', 'index', 'bridge'],
    exports: ['*'],
    peered: ['front'],
  },
  {
    name: 'brazil-compute',
    cluster: 'brazil',
    region: 'americas/br',
    types: ['compute'],
    models: ['a', 'b'],
  },
];

/** The models that the federation of a test knows, `c` offered by nobody. */
export const MODELS = ['a', 'b', 'c'].map((name) => ({ name, requiredMemoryBytes: 8e9 }));

/** A node, and what its driver keeps for it. */
export interface Station {
  readonly name: string;
  readonly node: Node;
  bootCount: number;
  bootedAtUs: number;
  isUp: boolean;
  readonly disk: Map<string, DiskRecord>;
  readonly keyring: Keyring;
  /** What the accelerator has been asked and has not answered. */
  readonly inferring: Envelope[];
}

/**
 * A few nodes driven by hand, without the simulator: no latency, no costs, one queue. Bodies and configurations are
 * frozen, so a step that changes what it has received, sent or been given throws.
 */
export class Rig {
  readonly cast: Cast;
  /** What has been sealed. */
  readonly vault = new Vault();
  readonly stations = new Map<Peer, Station>();
  /** Sent and not yet delivered, in order. */
  readonly wire: Envelope[] = [];
  /** What users and strangers have received. */
  readonly mail: Envelope[] = [];
  readonly notes: Envelope[] = [];
  /** Everything that nodes have sent, devices and notes included. */
  readonly sent: Envelope[] = [];
  nowUs = SECOND_US;
  wallOffsetUs = WALL_START_US;
  /** Whether accelerators answer by themselves, as soon as nothing else is under way. */
  isInferring = true;
  /** Whether an envelope is lost. */
  drops: (envelope: Envelope) => boolean = () => false;
  /** What a disk says of a write that fails; null: it takes it. */
  failsToStore: (envelope: Envelope) => number | null = () => null;
  /** Names of nodes that nobody can dial. */
  readonly unreachable = new Set<string>();
  private readonly out = new Outbox();

  /** `order` is the order of numbers; names in it that are no nodes are users and attestors. */
  constructor(specs: readonly NodeSpec[] = FEDERATION, order: readonly string[] = namesOf(specs)) {
    this.cast = new Cast(order);
    for (const spec of specs) {
      const self = this.cast.peer(spec.name);
      const config = deepFreeze(configOf(this.cast, specs, spec));
      this.stations.set(self, {
        name: spec.name,
        node: createNode(self, config, this.cast),
        bootCount: 0,
        bootedAtUs: 0,
        isUp: false,
        disk: new Map(),
        keyring: new Keyring(this.vault, spec.name),
        inferring: [],
      });
    }
  }

  peer(name: string): Peer {
    return this.cast.peer(name);
  }

  station(name: string): Station {
    return this.stations.get(this.peer(name))!;
  }

  node(name: string): Node {
    return this.station(name).node;
  }

  nowOf(station: Station): Now {
    return { monoUs: this.nowUs - station.bootedAtUs, wallUs: this.nowUs + this.wallOffsetUs };
  }

  /** Boots a node and leaves what it asks on the wire. */
  boot(name: string): Envelope[] {
    const station = this.station(name);
    station.isUp = true;
    station.bootCount++;
    station.bootedAtUs = this.nowUs;
    station.inferring.length = 0;
    this.dropFromWire(({ from, to }) => from < 0 && to === station.node.self);
    const word = this.cast.rank(station.node.self) % 0x7fffffff;
    const given = { bootCount: station.bootCount, seedWords: [word, station.bootCount, 3, 4] };
    return this.step(station, (now, out) => boot(station.node, now, given, out));
  }

  crash(name: string): void {
    const station = this.station(name);
    station.isUp = false;
    station.inferring.length = 0;
  }

  /** Boots all and runs until each node knows what the others offer. */
  start(): this {
    for (const { name } of this.stations.values()) this.boot(name);
    this.pump();
    this.advance(8 * SECOND_US);
    return this;
  }

  /** One call of a node, and what it sent. */
  step(station: Station, call: (now: Now, out: Outbox) => void): Envelope[] {
    this.out.clear();
    call(this.nowOf(station), this.out);
    const sent: Envelope[] = [];
    for (let i = 0; i < this.out.count; i++) sent.push(copyEnvelope(this.out.at(i), new Envelope()));
    for (const envelope of sent) {
      deepFreeze(envelope.body);
      this.sent.push(envelope);
      this.route(station, envelope);
    }
    return sent;
  }

  /** Hands an envelope to the node it is for, at once, whatever lies on the wire; returns what the node sent. */
  deliver(envelope: Envelope): Envelope[] {
    const station = this.stations.get(envelope.to);
    if (station === undefined) {
      this.mail.push(envelope);
      return [];
    }
    if (!station.isUp) return [];
    return this.step(station, (now, out) => receive(station.node, now, envelope, out));
  }

  wake(name: string): Envelope[] {
    const station = this.station(name);
    return this.step(station, (now, out) => wake(station.node, now, out));
  }

  /** Delivers the oldest envelope of the wire. False if there is none. */
  pumpOne(): boolean {
    const envelope = this.wire.shift();
    if (envelope === undefined) return false;
    if (!this.drops(envelope)) this.deliver(envelope);
    return true;
  }

  /** Delivers until all is quiet. */
  pump(): void {
    for (let i = 0; i < 100_000; i++) {
      if (this.pumpOne()) continue;
      if (!this.isInferring || !this.inferAll()) return;
    }
    throw new Error('the rig does not come to rest');
  }

  /** Lets time pass: alarms ring when they should, and all that is sent arrives at once. */
  advance(us: number): void {
    const untilUs = this.nowUs + us;
    for (let i = 0; i < 100_000; i++) {
      const next = this.nextAlarm();
      if (next === null || next.atUs > untilUs) {
        this.nowUs = untilUs;
        return;
      }
      this.nowUs = Math.max(this.nowUs, next.atUs);
      this.wake(next.station.name);
      this.pump();
    }
    throw new Error('an alarm rings without end');
  }

  /** Answers the oldest job of an accelerator. False if there is none. */
  infer(name: string, error = ''): boolean {
    const station = this.station(name);
    const asked = station.inferring.shift();
    if (asked === undefined) return false;
    const { maxTokens, prompt, model } = asked.body as kinds.Infer;
    const answer = { hash: `${model}(${prompt.hash})`.slice(0, 100), sizeBytes: maxTokens * 4, keyId: 0 };
    this.answerDevice(asked, kinds.INFERRED, {
      answer: error === '' ? answer : null,
      generatedTokens: error === '' ? maxTokens : 0,
      provider: 'rig',
      computedUs: 1_000,
      error,
    });
    return true;
  }

  /** Puts a user's request on the wire. */
  ask(user: string, gateway: string, n: number, changes: Partial<Want> = {}): Envelope {
    const envelope = envelopeOf(kinds.ASK, this.peer(user), this.peer(gateway), this.want(changes), {
      origin: this.peer(user),
      n,
    });
    this.wire.push(envelope);
    return envelope;
  }

  want(changes: Partial<Want> = {}): Want {
    return {
      model: 'a',
      prompt: { hash: 'prompt', sizeBytes: 400, keyId: 0 },
      contextTokens: 100,
      maxTokens: 10,
      minTrust: 1,
      allowedRegions: ['eu', 'americas'],
      pods: [],
      timeLeftUs: 30 * SECOND_US,
      notAfterWallUs: this.nowUs + this.wallOffsetUs + (changes.timeLeftUs ?? 30 * SECOND_US),
      ...changes,
    };
  }

  /** What a user got for its request, in order: answers and refusals, not signs of life. */
  outcomes(user: string, n: number): Envelope[] {
    const peer = this.peer(user);
    return this.mail.filter(
      ({ kind, to, n: of }) => to === peer && of === n && (kind === kinds.ANSWER || kind === kinds.REFUSED),
    );
  }

  private route(station: Station, envelope: Envelope): void {
    switch (envelope.to) {
      case DISK:
        if (envelope.kind === kinds.LOAD) {
          const { after } = envelope.body as kinds.Load;
          this.answerDevice(envelope, kinds.LOADED, pageOf(station.disk, after));
        }
        if (envelope.kind !== kinds.STORE) return;
        return this.answerDevice(envelope, kinds.STORED, {
          condition: this.failsToStore(envelope) ?? storeIn(station.disk, envelope.body as kinds.Store),
        });
      case KEYS: {
        if (envelope.kind !== kinds.SIGN) {
          const answer = station.keyring.answer(envelope);
          if (answer !== null) this.answerDevice(envelope, ...answer);
          return;
        }
        const signature = this.cast.sign(envelope.from, (envelope.body as kinds.Sign).hash);
        return this.answerDevice(envelope, kinds.SIGNED, { signature });
      }
      case ACCELERATOR:
        if (envelope.kind === kinds.INFER) station.inferring.push(envelope);
        else if (envelope.kind === kinds.LOAD_MODEL)
          this.answerDevice(envelope, kinds.MODEL_LOADED, { id: idOf(envelope), error: '', isUnread: false });
        else if (envelope.kind === kinds.UNLOAD_MODEL)
          this.answerDevice(envelope, kinds.MODEL_UNLOADED, { id: idOf(envelope) });
        return;
      case NETWORK:
        if (envelope.kind !== kinds.DIAL) return;
        return this.answerDevice(envelope, kinds.DIALLED, this.dial(envelope.body as kinds.Dial));
      case OBSERVER:
        this.notes.push(envelope);
        return;
      default:
        this.wire.push(envelope);
    }
  }

  /** Who listens at an address: the node of that name, if it is up. */
  private dial({ peer, address }: kinds.Dial): kinds.Dialled {
    const found = [...this.stations.values()].find(
      ({ name, isUp }) => name === address && isUp && !this.unreachable.has(name),
    );
    if (found === undefined) return { peer: null, isReached: false, detail: `nobody answers at ${address}` };
    const { self } = found.node;
    if (peer === null || peer === self) return { peer: self, isReached: true, detail: '' };
    return { peer: self, isReached: false, detail: `another node answers at ${address}` };
  }

  private answerDevice(asked: Envelope, kind: number, body: unknown): void {
    const { origin, originBoot, n, attempt } = asked;
    this.wire.push(envelopeOf(kind, asked.to, asked.from, body, { origin, originBoot, n, attempt }));
  }

  private inferAll(): boolean {
    let some = false;
    for (const { name, isUp } of this.stations.values()) while (isUp && this.infer(name)) some = true;
    return some;
  }

  private nextAlarm(): { station: Station; atUs: number } | null {
    let next: { station: Station; atUs: number } | null = null;
    for (const station of this.stations.values()) {
      const atUs = station.bootedAtUs + station.node.wakeAtUs;
      if (station.isUp && (next === null || atUs < next.atUs)) next = { station, atUs };
    }
    return next;
  }

  private dropFromWire(isGone: (envelope: Envelope) => boolean): void {
    const kept = this.wire.filter((envelope) => !isGone(envelope));
    this.wire.splice(0, this.wire.length, ...kept);
  }
}

function idOf({ body }: Envelope): string {
  return (body as { id: string }).id;
}

/** How often a node has refused something for one of these reasons; for any, if none is named. */
export function countRefusals(
  { refusals }: Pick<Node, 'refusals'>,
  ...reasons: readonly (typeof REFUSALS)[number][]
): number {
  const counted =
    reasons.length === 0 ? refusals : reasons.map((reason) => refusals[REFUSALS.indexOf(reason)]);
  return counted.reduce((sum, count) => sum + count, 0);
}

/** The nodes, one attestor a cluster, its operators, two users and a stranger. */
export function namesOf(specs: readonly NodeSpec[]): string[] {
  const clusters = new Set(specs.map(({ cluster }) => cluster));
  const attestors = [...clusters].map((cluster) => `attestor of ${cluster}`);
  const operators = specs.flatMap(({ cluster, operators: count = 1 }) =>
    Array.from({ length: count }, (_, i) => `operator ${i + 1} of ${cluster}`),
  );
  return [
    ...specs.map(({ name }) => name),
    ...attestors,
    ...new Set(operators),
    'ann',
    'ben',
    'mallory',
    'auditor',
  ];
}

export function envelopeOf(
  kind: number,
  from: Peer,
  to: Peer,
  body: unknown,
  changes: Partial<Envelope> = {},
): Envelope {
  const id = { origin: from, originBoot: 0, n: 1, attempt: 0 };
  return Object.assign(new Envelope(), { kind, from, to, body: deepFreeze(body) }, id, changes);
}

export function manifestOf(cast: Cast, spec: NodeSpec): Manifest {
  const isCompute = spec.types.includes('compute');
  const supportedModels = [...(spec.models ?? [])];
  return {
    id: cast.peer(spec.name),
    types: [...spec.types],
    cluster: spec.cluster,
    region: spec.region,
    podStorage: spec.types.includes('pod-host')
      ? { availableBytes: 1e12, maxPodBytes: 1e9, encryption: spec.encryption ?? true }
      : null,
    compute: isCompute ? { gpuMemoryBytes: spec.gpuMemoryBytes ?? 24e9, supportedModels } : null,
    claimedTrust: spec.claimedTrust ?? 4,
    unknown: [],
  };
}

/** The genesis record of a node's cluster: as many operators as it says, all of them needed. */
export function genesisOf(
  cast: Cast,
  { cluster, region, operators = 1 }: Pick<NodeSpec, 'cluster' | 'region' | 'operators'>,
): Genesis {
  const keys = Array.from({ length: operators }, (_, i) => cast.peer(`operator ${i + 1} of ${cluster}`));
  return { cluster, region, operators: keys, threshold: operators };
}

/** A certificate of admission, signed by the operators of the cluster. */
export function certifyFor(
  cast: Cast,
  genesis: Genesis,
  subject: Peer,
  changes: Partial<Certificate> = {},
): Certificate {
  const { signatures, ...changed } = changes;
  const terms = {
    genesis: genesisHash(cast, genesis),
    subject,
    fromWallUs: 0,
    untilWallUs: WALL_START_US + 1e15,
    ...changed,
  };
  const hash = admissionHash(cast, terms);
  const signed = genesis.operators.map((operator) => ({ operator, signature: cast.sign(operator, hash) }));
  return { ...terms, signatures: signatures ?? signed };
}

function termOf({ admittedForUs }: NodeSpec): Partial<Certificate> {
  return admittedForUs === undefined ? {} : { untilWallUs: WALL_START_US + admittedForUs };
}

export function configOf(cast: Cast, specs: readonly NodeSpec[], spec: NodeSpec): NodeConfig {
  const attestor = cast.peer(`attestor of ${spec.cluster}`);
  // A cluster lies where its first node does.
  const { region } = specs.find(({ cluster }) => cluster === spec.cluster)!;
  const genesis = genesisOf(cast, { ...spec, region });
  const level = spec.attestedTrust ?? 4;
  const self = cast.peer(spec.name);
  return {
    manifest: manifestOf(cast, spec),
    attestations: level === 0 ? [] : [attest(cast, self, attestor, { level, runBy: spec.runBy ?? '' })],
    attestors: [attestor],
    vouches: (spec.vouches ?? []).map((terms) => vouchFor(cast, self, terms)),
    audits: [],
    auditors: [cast.peer('auditor')],
    genesis,
    certificate: spec.isAdmitted === false ? null : certifyFor(cast, genesis, self, termOf(spec)),
    address: spec.name,
    detector: spec.detector ?? 'swim',
    seeds: (
      spec.seeds ??
      specs
        .filter(({ cluster, types }) => cluster === spec.cluster && types.includes('index'))
        .map(({ name }) => name)
    ).map((name) => ({ peer: cast.peer(name), address: name })),
    orderedBy: [cast.peer(`operator 1 of ${spec.cluster}`)],
    indexNodes: specs
      .filter(({ cluster, types }) => cluster === spec.cluster && types.includes('index'))
      .map(({ name }) => cast.peer(name)),
    ...agreedFor(cast, specs, spec),
    models: MODELS,
    installedModels: [...(spec.models ?? [])],
    publishers: (spec.publishers ?? []).map((name) => cast.peer(name)),
    wantedModels: [...(spec.wants ?? [])],
    modelDiskBytes: spec.modelDiskBytes ?? 1e12,
    slots: spec.slots ?? 2,
    queueLimit: spec.queueLimit ?? 4,
    parameters: { ...DEFAULT_PARAMETERS, ...spec.parameters },
  };
}

/** A rig of clusters that only hear heartbeats: nobody there knows who is a member, so strangers are heard. */
export class OpenRig extends Rig {
  constructor(specs: readonly NodeSpec[] = FEDERATION, order: readonly string[] = namesOf(specs)) {
    super(
      specs.map((spec) => ({ ...spec, detector: 'heartbeat' })),
      order,
    );
  }
}
