import { assert } from '../core/base/assert.ts';
import { Digest } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { foldNode } from '../core/machine/node-state.ts';
import { createMachines } from './configure.ts';
import { Checkpoint } from './checkpoint.ts';
import { Dialogues } from './dialogues.ts';
import { Faults } from './faults.ts';
import { Identities } from './identities.ts';
import { Rows, sumChains, type Machine } from './machine.ts';
import { Villain } from './malice/villain.ts';
import { Library, PUBLISHER } from './library.ts';
import { Network } from './network.ts';
import type { Part } from './partition.ts';
import { ReadAhead } from './read-ahead.ts';
import { Schedule } from './schedule.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { createRoots, keyOfName, type Roots } from './seeds.ts';
import { stockDisk } from './devices/disk.ts';
import { ALARM, SERVE, Stepper } from './stepper.ts';
import { Operators } from './operators.ts';
import { Owners } from './owners.ts';
import { PodOwners } from './pod-owners.ts';
import { Rollouts } from './rollouts.ts';
import { Users } from './users.ts';
import { reverseMaps } from './wire.ts';
import { createTally, type Census, type Tally } from './tally.ts';
import { ARRIVE, ENTER, Transport } from './transport.ts';
import { Vault } from './vault.ts';
import type { Fate, Watcher } from './watcher.ts';
import type { WorldEvent } from './world-events.ts';

export type { Fate, Watcher } from './watcher.ts';

/** Kinds of events in the schedule, besides those of the transport and of the stepper. */
const FAULT = 3;
const USER = 4;
const TICK = 5;
const VILLAIN = 7;
const OPERATOR = 8;
const OWNER = 9;
const POD_OWNER = 10;
const DIALOGUE = 11;

/** Faults act before all else at their time; ticks of the world's own bookkeeping after all else. */
const FAULT_SOURCE = -1;
const TICK_SOURCE = 0x7fffffff;

/** Fewer lie in the processor's cache, where reading ahead costs a tenth of a run and gains nothing (`bench heartbeats`). */
const FAR_MACHINES = 5_000;

/** Between two canonical hashes of the state of every node. */
export const WINDOW_US = 10_000_000;

/** Nodes, network, users and faults in one event loop with virtual time. */
export class World {
  readonly scenario: ResolvedScenario;
  readonly roots: Roots;
  readonly identities: Identities;
  readonly machines: readonly Machine[];
  /** Those that run here: all of them, unless this is a part of a world. */
  readonly own: readonly Machine[];
  readonly network: Network;
  readonly operators: Operators;
  /** Models that move, as they truly are; null: there are none. */
  readonly library: Library | null;
  readonly rollouts: Rollouts;
  readonly users: Users;
  readonly owners: Owners;
  readonly podOwners: PodOwners;
  /** What has been sealed. */
  readonly vault = new Vault();
  readonly dialogues: Dialogues;
  readonly faults: Faults;
  readonly villains: readonly Villain[];
  readonly tally: Tally;
  /** The digest of the run at the end of each window. */
  readonly windows: string[] = [];
  readonly schedule = new Schedule();
  readonly transport: Transport;
  readonly stepper = new Stepper(this);
  nowUs = 0;
  events = 0;
  private readonly rows: Rows;
  /** Of those who are no nodes: the counters of their events, and what stands for them in draws. */
  private readonly counters: number[] = [];
  private readonly keys: number[] = [];
  private readonly part: Part | null;
  /** Whoever sees what happens. */
  watcher: Watcher | null;
  private readonly regionIndex: Map<string, number>;

  /**
   * @param isChecking each node has numbers of its own for its peers, every envelope crosses as bytes and arrives
   * frozen, and maps are turned around every window: slower, and the digest must be the same
   * @param part what of the world runs here, if not all of it
   */
  constructor(
    scenario: ResolvedScenario,
    watcher: Watcher | null = null,
    isChecking = false,
    part: Part | null = null,
  ) {
    this.scenario = scenario;
    this.watcher = watcher;
    this.part = part;
    this.transport = new Transport(this, part);
    this.roots = createRoots(scenario.seed);
    this.identities = new Identities(this.roots.keys);
    this.regionIndex = new Map(scenario.regions.map(({ path }, i) => [path, i]));
    this.tally = createTally(scenario);
    this.network = new Network(scenario.network, scenario.clusters.length, this.roots.network);
    this.rows = new Rows(scenario.nodes.length);
    const addPeer = (name: string): Peer => this.addPeer(name);
    this.machines = createMachines(scenario, this.identities, addPeer, this.rows, isChecking);
    this.own = this.machines.filter((machine) => this.owns(machine));
    this.library = this.openLibrary();
    this.rollouts = new Rollouts(this);
    this.operators = new Operators(this);
    this.users = new Users(this);
    this.owners = new Owners(this, this.identities.names.length);
    this.podOwners = new PodOwners(this, this.identities.names.length);
    this.dialogues = new Dialogues(this);
    this.faults = new Faults(this);
    this.villains = (scenario.malice ?? []).map((role) => {
      const machine = this.machines.find(({ spec }) => spec.name === role.node)!;
      return (machine.villain = new Villain(this, machine, role));
    });
  }

  /** Goes on from a checkpoint, as often as wanted. Nobody watches but `watcher`. */
  static restore(checkpoint: Checkpoint, watcher: Watcher | null = null): World {
    const world = checkpoint.copy();
    world.watcher = watcher;
    return world;
  }

  /** The world as it stands between two calls of `run`. */
  checkpoint(): Checkpoint {
    assert(this.part === null, 'a part of a world has no checkpoint of its own');
    return new Checkpoint(this, this.watcher);
  }

  /** The models that move, and their first versions on the disks of those that have them from the start. */
  private openLibrary(): Library | null {
    const { identities } = this;
    const publisher = identities.find(PUBLISHER);
    if (publisher === undefined) return null;
    const library = new Library(this.scenario, publisher, identities, (hash) =>
      identities.mint(publisher, hash),
    );
    for (const machine of this.own) stockDisk(machine, library);
    return library;
  }

  /** Whether what happens to it happens here. */
  owns({ cluster }: { readonly cluster: number }): boolean {
    return this.part === null || this.part.owns(cluster);
  }

  /** A peer of the world, nodes first: its source number orders the events it makes. */
  addPeer(name: string): Peer {
    const peer = this.identities.add(name);
    if (peer < this.scenario.nodes.length) return peer;
    this.counters.push(0);
    this.keys.push(keyOfName(name));
    return peer;
  }

  keyOf(peer: Peer): number {
    const { machines } = this;
    return peer < machines.length ? machines[peer].key : this.keys[peer - machines.length];
  }

  regionOf(path: string): number {
    return this.regionIndex.get(path)!;
  }

  /** Everything that happens up to `untilUs`. */
  run(untilUs: number): void {
    const { schedule } = this;
    if (schedule.onUpcoming === null && this.machines.length >= FAR_MACHINES) {
      const ahead = new ReadAhead(this.machines, this.rows, this.transport.pool, this.identities);
      schedule.onUpcoming = (slots, count, kinds) => ahead.look(slots, count, kinds);
    }
    while (schedule.peekTime() <= untilUs) {
      schedule.pop();
      this.nowUs = schedule.time;
      this.events++;
      this.handle(schedule.kind, schedule.slot);
    }
    this.nowUs = untilUs;
  }

  /** When the next event is due, µs; Infinity if none is. */
  get nextUs(): number {
    return this.schedule.peekTime();
  }

  get pending(): number {
    return this.schedule.size;
  }

  /**
   * Where the envelopes are that have not come to an end: see `countMissing`. Between two events, and of a whole world: in
   * parts of one some are on their way from part to part.
   */
  census(): Census {
    return this.transport.census(this.schedule);
  }

  /** The digest of the run so far: the chains of the nodes and of the users, mixed with who they are. */
  digest(): string {
    return sumChains(this.own, this.users.digest);
  }

  scheduleFault(atUs: number, slot: number): void {
    this.schedule.push(atUs, FAULT_SOURCE, slot, FAULT, slot);
  }

  scheduleOperator(atUs: number, source: Peer, slot: number): void {
    this.pushFrom(source, atUs, OPERATOR, slot);
  }

  scheduleUser(atUs: number, source: Peer, slot: number): void {
    this.pushFrom(source, atUs, USER, slot);
  }

  scheduleOwner(atUs: number, source: Peer, slot: number): void {
    this.pushFrom(source, atUs, OWNER, slot);
  }

  schedulePodOwner(atUs: number, source: Peer, slot: number): void {
    this.pushFrom(source, atUs, POD_OWNER, slot);
  }

  scheduleDialogue(atUs: number, source: Peer, slot: number): void {
    this.pushFrom(source, atUs, DIALOGUE, slot);
  }

  /** Those to whom somebody belongs who is no node: operators, users who ask, owners of agents and of pods. */
  people(peer: Peer): Operators | Users | Owners | PodOwners {
    if (peer >= this.podOwners.firstPeer) return this.podOwners;
    if (peer >= this.owners.firstPeer) return this.owners;
    return this.operators.holds(peer) ? this.operators : this.users;
  }

  /** Counts an envelope that a node or a user sends. */
  noteSent(envelope: Envelope): void {
    this.tally.sent[envelope.kind]++;
    this.watcher?.onSent?.(this, envelope);
  }

  /** Sends what a malicious role says; of what bears another's name only the count arrives. */
  sendFromVillain(machine: Machine, envelope: Envelope): void {
    if (envelope.from === machine.peer) {
      this.transport.sendFromNode(machine, envelope, this.nowUs);
      return;
    }
    this.tally.sent[envelope.kind]++;
    this.countDrop(envelope, 'forged');
  }

  /** Says that something has happened, to whom it may concern: faults that wait for it, and whoever watches. */
  announce(event: WorldEvent, subject: string): void {
    this.faults.onAnnounced(event, subject);
    if (event === 'node.ready') this.operators.onReady(subject);
    this.watcher?.onAnnounced?.(this, event, subject);
  }

  /** How this run can be seen again up to where it stands, for a failure's message. */
  whereabouts(): string {
    return `scenario ${this.scenario.name}, seed ${this.scenario.seed}, event ${this.events}, ${this.nowUs} µs`;
  }

  /** Boots everything and lays the first events. */
  start(): void {
    for (const machine of this.own) this.stepper.boot(machine);
    this.operators.start();
    this.users.start();
    this.owners.start();
    this.podOwners.start();
    this.faults.start();
    for (const machine of this.own) this.scheduleTick(machine);
    this.schedule.push(WINDOW_US, TICK_SOURCE, 0, TICK, 0);
  }

  private handle(kind: number, slot: number): void {
    switch (kind) {
      case ARRIVE:
        this.arrive(slot);
        return;
      case ALARM:
        this.stepper.wake(this.machines[slot]);
        return;
      case SERVE:
        this.stepper.serve(this.machines[slot]);
        return;
      case FAULT:
        this.faults.act(slot);
        return;
      case USER:
        this.users.act(slot);
        return;
      case OPERATOR:
        this.operators.act(slot);
        return;
      case OWNER:
        this.owners.act(slot);
        return;
      case POD_OWNER:
        this.podOwners.act(slot);
        return;
      case DIALOGUE:
        this.dialogues.act(slot);
        return;
      case TICK:
        this.closeWindow();
        return;
      case VILLAIN:
        this.machines[slot].villain!.tick();
        this.scheduleTick(this.machines[slot]);
        return;
      case ENTER:
        this.transport.enter(slot);
        return;
    }
  }

  private arrive(slot: number): void {
    const envelope = this.transport.pool.at(slot);
    if (envelope.to < this.machines.length) {
      this.stepper.arrive(this.machines[envelope.to], slot);
      return;
    }
    this.noteHandled(envelope, slot);
    this.people(envelope.to).receive(envelope);
    this.transport.pool.release(slot);
  }

  private scheduleTick(machine: Machine): void {
    const tickUs = machine.villain?.tickUs ?? 0;
    if (tickUs > 0) this.pushFrom(machine.peer, this.nowUs + tickUs, VILLAIN, machine.index);
  }

  /** The source's next counter, for an event that another part schedules. */
  nextCount(source: Peer): number {
    const { length } = this.machines;
    return source < length ? this.rows.takeCount(source) : this.counters[source - length]++;
  }

  /** Schedules an event of a source, after all that the source has scheduled for then already. */
  pushFrom(source: Peer, atUs: number, kind: number, slot: number): void {
    this.schedule.push(atUs, source, this.nextCount(source), kind, slot);
  }

  /** Counts an envelope that a node or a user takes in. */
  noteHandled(envelope: Envelope, slot: number): void {
    this.tally.handled[envelope.kind]++;
    this.watcher?.onHandled?.(this, envelope, this.events, this.transport.pool.causeOf(slot));
  }

  /** Ends an envelope that nobody will handle. */
  drop(slot: number, fate: Fate): void {
    this.countDrop(this.transport.pool.at(slot), fate);
    this.transport.pool.release(slot);
  }

  /** Counts an envelope that nobody will handle. */
  countDrop(envelope: Envelope, fate: Fate): void {
    if (envelope.from >= 0) this.tally.dropped[fate]++;
    this.watcher?.onDropped?.(this, envelope, fate);
  }

  private closeWindow(): void {
    const chain = new Digest();
    for (const machine of this.own) {
      const ranking = machine.wire === null ? this.identities.ranking : undefined;
      const state = foldNode(machine.node, ranking);
      machine.keepChain(machine.copyChain(chain).word(state.high).word(state.low));
      if (machine.wire !== null) reverseMaps(machine.node);
    }
    this.windows.push(this.digest());
    this.schedule.push(this.nowUs + WINDOW_US, TICK_SOURCE, 0, TICK, 0);
  }
}
