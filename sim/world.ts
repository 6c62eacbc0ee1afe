import { assert, AssertionFailure } from '../core/base/assert.ts';
import { DISK, OBSERVER, type Peer } from '../core/base/peers.ts';
import { NEVER_US, type Now } from '../core/base/time.ts';
import { sizeOfEnvelope } from '../core/machine/codec.ts';
import { Outbox, type Envelope } from '../core/machine/envelope.ts';
import { classOfKind, Inbox, stepCostUs } from '../core/machine/inbox.ts';
import { nameOfKind, STORED } from '../core/machine/kinds.ts';
import { boot, receive, wake } from '../core/machine/node.ts';
import { DOWN, foldNode, READY } from '../core/machine/node-state.ts';
import { readClock, restartClock, worldUsAt } from './clocks.ts';
import { createMachines } from './configure.ts';
import { Checkpoint } from './checkpoint.ts';
import { answerOf } from './devices.ts';
import { completeWrite, losePower } from './devices/disk.ts';
import { Faults } from './faults.ts';
import { speakAlike } from './faults/node-faults.ts';
import { Identities } from './identities.ts';
import { sumChains, type Machine } from './machine.ts';
import { Villain } from './malice/villain.ts';
import { Network } from './network.ts';
import type { Part } from './partition.ts';
import { Schedule } from './schedule.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { createRoots, keyOfName, seedWordsOf, type Roots } from './seeds.ts';
import { Users } from './users.ts';
import { reverseMaps } from './wire.ts';
import { createTally, type Census, type Tally } from './tally.ts';
import { ARRIVE, ENTER, Transport } from './transport.ts';
import type { Fate, Watcher } from './watcher.ts';
import type { WorldEvent } from './world-events.ts';

export type { Fate, Watcher } from './watcher.ts';

/** Kinds of events in the schedule, besides those of the transport. */
const ALARM = 1;
const SERVE = 2;
const FAULT = 3;
const USER = 4;
const TICK = 5;
const VILLAIN = 7;

/** Faults act before all else at their time; ticks of the world's own bookkeeping after all else. */
const FAULT_SOURCE = -1;
const TICK_SOURCE = 0x7fffffff;

/** Between two canonical hashes of the state of every node. */
export const WINDOW_US = 10_000_000;

/** What handling an alarm costs a node of speed 1, µs; measured by `bench steps`, rounded up. */
const WAKE_COST_US = 10;

/** Nodes, network, users and faults in one event loop with virtual time. */
export class World {
  readonly scenario: ResolvedScenario;
  readonly roots: Roots;
  readonly identities: Identities;
  readonly machines: readonly Machine[];
  /** Those that run here: all of them, unless this is a part of a world. */
  readonly own: readonly Machine[];
  readonly network: Network;
  readonly users: Users;
  readonly faults: Faults;
  readonly villains: readonly Villain[];
  readonly tally: Tally;
  /** The digest of the run at the end of each window. */
  readonly windows: string[] = [];
  readonly schedule = new Schedule();
  readonly transport: Transport;
  nowUs = 0;
  events = 0;
  private readonly counters: number[] = [];
  private readonly keys: number[] = [];
  private readonly now: Now = { monoUs: 0, wallUs: 0 };
  private readonly out = new Outbox();
  private readonly part: Part | null;
  private watcher: Watcher | null;
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
    this.machines = createMachines(scenario, this.identities, (name) => this.addPeer(name), isChecking);
    this.own = this.machines.filter((machine) => this.owns(machine));
    this.users = new Users(this);
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

  /** Whether what happens to it happens here. */
  owns({ cluster }: { readonly cluster: number }): boolean {
    return this.part === null || this.part.owns(cluster);
  }

  /** A peer of the world that is no node: its source number orders the events it makes. */
  addPeer(name: string): Peer {
    const peer = this.identities.add(name);
    this.counters.push(0);
    this.keys.push(keyOfName(name));
    return peer;
  }

  keyOf(peer: Peer): number {
    return this.keys[peer];
  }

  regionOf(path: string): number {
    return this.regionIndex.get(path)!;
  }

  /** Everything that happens up to `untilUs`. */
  run(untilUs: number): void {
    const { schedule } = this;
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

  scheduleUser(atUs: number, source: Peer, slot: number): void {
    this.schedule.push(atUs, source, this.counters[source]++, USER, slot);
  }

  /** Boots a node, or boots it again. */
  bootMachine(machine: Machine): void {
    assert(this.owns(machine), 'a node runs in one part of a world');
    machine.isUp = true;
    machine.bootCount++;
    machine.lives++;
    machine.bootEvent = this.events;
    restartClock(machine.clock, this.nowUs);
    machine.busyUntilUs = this.nowUs;
    this.setClock(machine);
    const seedWords = seedWordsOf(this.roots.nodes, machine.key, machine.lives);
    machine.digest.word(0x600d).integer(machine.bootCount);
    boot(machine.node, this.now, { bootCount: machine.bootCount, seedWords }, this.out);
    this.finishStep(machine, 0);
  }

  /** Takes the power away: memory, inbox and what its devices were doing are gone, what is synced stays. */
  crashMachine(machine: Machine): void {
    machine.isUp = false;
    machine.alarmAtUs = NEVER_US;
    machine.servesAtUs = NEVER_US;
    machine.node.phase = DOWN;
    for (let slot = machine.inbox?.take(); slot !== undefined; slot = machine.inbox?.take()) {
      this.drop(slot, 'down');
    }
    for (const slot of machine.platter.held.splice(0)) this.drop(slot, 'down');
    losePower(machine);
    this.announce('node.down', machine.spec.name);
  }

  /** Lets a frozen node go on: what waits is served before alarms that are overdue. */
  resumeMachine(machine: Machine): void {
    if (!machine.isUp) return;
    machine.servesAtUs = NEVER_US;
    this.scheduleServing(machine);
    machine.alarmAtUs = NEVER_US;
    this.setAlarm(machine);
  }

  /** Lets a disk say what a stall has kept it from saying. */
  releaseHeld(machine: Machine): void {
    for (const slot of machine.platter.held.splice(0)) this.pushFrom(machine.peer, this.nowUs, ARRIVE, slot);
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
    this.watcher?.onAnnounced?.(this, event, subject);
  }

  /** How this run can be seen again up to where it stands, for a failure's message. */
  whereabouts(): string {
    return `scenario ${this.scenario.name}, seed ${this.scenario.seed}, event ${this.events}, ${this.nowUs} µs`;
  }

  /** Boots everything and lays the first events. */
  start(): void {
    for (const machine of this.own) this.bootMachine(machine);
    this.users.start();
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
        this.wakeMachine(this.machines[slot]);
        return;
      case SERVE:
        this.serve(this.machines[slot]);
        return;
      case FAULT:
        this.faults.act(slot);
        return;
      case USER:
        this.users.act(slot);
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
    if (envelope.to >= this.machines.length) {
      this.handled(envelope, slot);
      this.users.receive(envelope);
      this.transport.pool.release(slot);
      return;
    }
    const machine = this.machines[envelope.to];
    const isOfEarlierLife = envelope.from < 0 && this.transport.pool.causeOf(slot) < machine.bootEvent;
    if (!machine.isUp || isOfEarlierLife) {
      if (envelope.from >= this.machines.length) this.users.onConnectionRefused(envelope);
      this.drop(slot, 'down');
      return;
    }
    const fate = this.refusalOf(machine, envelope);
    if (fate !== null) {
      this.drop(slot, fate);
      return;
    }
    const isBusy = machine.pauses > 0 || this.nowUs < machine.busyUntilUs;
    if (isBusy || (machine.inbox !== null && machine.inbox.size > 0)) {
      machine.inbox ??= new Inbox<number>();
      if (machine.inbox.offer(classOfKind(envelope.kind), slot)) this.scheduleServing(machine);
      else this.drop(slot, 'inbox full');
      return;
    }
    this.deliver(machine, slot);
  }

  /** What becomes of an envelope that reaches a node, if it does not get in. */
  private refusalOf(machine: Machine, envelope: Envelope): Fate | null {
    const { from, kind } = envelope;
    if (from < 0)
      return from !== DISK || kind !== STORED || completeWrite(this, machine, envelope) ? null : 'down';
    const isOfNode = from < this.machines.length;
    if (isOfNode && !speakAlike(this.machines[from], machine)) return 'other version';
    return machine.villain === null || machine.villain.letsIn(envelope) ? null : 'withheld';
  }

  private serve(machine: Machine): void {
    if (machine.servesAtUs !== this.nowUs) return;
    machine.servesAtUs = NEVER_US;
    if (machine.pauses > 0) return;
    const slot = machine.inbox!.take();
    if (slot !== undefined) this.deliver(machine, slot);
    if (machine.inbox!.size > 0) this.scheduleServing(machine);
  }

  private scheduleServing(machine: Machine): void {
    const waits = machine.inbox !== null && machine.inbox.size > 0;
    if (!waits || machine.pauses > 0 || machine.servesAtUs !== NEVER_US) return;
    machine.servesAtUs = Math.max(this.nowUs, machine.busyUntilUs);
    this.pushFrom(machine.peer, machine.servesAtUs, SERVE, machine.index);
  }

  private deliver(machine: Machine, slot: number): void {
    const envelope = this.transport.pool.at(slot);
    const { kind, from, origin } = envelope;
    const fromRank = from < 0 ? from : this.identities.rank(from);
    machine.digest.word(kind).integer(fromRank).integer(this.identities.rank(origin));
    machine.digest.integer(envelope.n).integer(envelope.sizeBytes);
    this.handled(envelope, slot);
    const wasStarting = from < 0 && machine.node.phase !== READY;
    this.setClock(machine);
    machine.wire?.inward(envelope);
    try {
      receive(machine.node, this.now, envelope, this.out);
    } catch (error) {
      throw this.located(error, machine, envelope);
    }
    this.transport.pool.release(slot);
    this.finishStep(machine, stepCostUs(kind, machine.speedPpm));
    if (wasStarting && machine.node.phase === READY) this.announce('node.ready', machine.spec.name);
  }

  private wakeMachine(machine: Machine): void {
    if (machine.alarmAtUs !== this.nowUs) return;
    machine.alarmAtUs = NEVER_US;
    if (!machine.isUp || machine.pauses > 0) return;
    const hasWaiting = machine.inbox !== null && machine.inbox.size > 0;
    if (hasWaiting || this.nowUs < machine.busyUntilUs) {
      // What waits is served first; one µs later it is this alarm's turn, or again that of what waits.
      this.armAt(machine, Math.max(this.nowUs + 1, machine.busyUntilUs));
      return;
    }
    this.setClock(machine);
    try {
      wake(machine.node, this.now, this.out);
    } catch (error) {
      throw this.located(error, machine, null);
    }
    this.finishStep(machine, Math.ceil((WAKE_COST_US * 1_000_000) / machine.speedPpm));
  }

  /** Acts on what a step left in the outbox, once the step's own time has passed. */
  private finishStep(machine: Machine, costUs: number): void {
    const doneUs = this.nowUs + costUs;
    machine.busyUntilUs = doneUs;
    this.watcher?.onStep?.(this, machine, this.now.monoUs);
    for (let i = 0; i < this.out.count; i++) {
      const envelope = this.out.at(i);
      envelope.sizeBytes = sizeOfEnvelope(envelope);
      machine.wire?.outward(envelope);
      if (envelope.to === OBSERVER) this.watcher?.onNoted?.(this, envelope);
      else if (envelope.to < 0) this.sendToDevice(machine, envelope, doneUs);
      else if (machine.villain === null || machine.villain.letsOut(envelope))
        this.transport.sendFromNode(machine, envelope, doneUs);
    }
    this.out.clear();
    this.setAlarm(machine);
  }

  private sendToDevice(machine: Machine, envelope: Envelope, atUs: number): void {
    this.watcher?.onSent?.(this, envelope);
    const answer = answerOf(this, machine, envelope);
    const slot = this.transport.pool.take(envelope, this.events);
    const sent = this.transport.pool.at(slot);
    sent.kind = answer.kind;
    sent.body = answer.body;
    sent.from = envelope.to;
    sent.to = machine.peer;
    sent.sizeBytes = sizeOfEnvelope(sent);
    if (answer.delayUs === NEVER_US) machine.platter.held.push(slot);
    else this.pushFrom(machine.peer, atUs + answer.delayUs, ARRIVE, slot);
  }

  /** What both clocks of a node show now. */
  clockOf(machine: Machine): Now {
    const now: Now = { monoUs: 0, wallUs: 0 };
    readClock(machine.clock, this.nowUs, now);
    return now;
  }

  /** Sees to it that a node is woken when it wants to be, by its own clock. */
  setAlarm(machine: Machine): void {
    const { wakeAtUs } = machine.node;
    if (wakeAtUs === NEVER_US || !machine.isUp) return;
    const atUs = Math.max(this.nowUs, machine.busyUntilUs, worldUsAt(machine.clock, wakeAtUs));
    if (atUs < machine.alarmAtUs) this.armAt(machine, atUs);
  }

  private scheduleTick(machine: Machine): void {
    const tickUs = machine.villain?.tickUs ?? 0;
    if (tickUs > 0) this.pushFrom(machine.peer, this.nowUs + tickUs, VILLAIN, machine.index);
  }

  private armAt(machine: Machine, atUs: number): void {
    machine.alarmAtUs = atUs;
    this.pushFrom(machine.peer, atUs, ALARM, machine.index);
  }

  private setClock(machine: Machine): void {
    readClock(machine.clock, this.nowUs, this.now);
  }

  /** The source's next counter, for an event that another part schedules. */
  nextCount(source: Peer): number {
    return this.counters[source]++;
  }

  /** Schedules an event of a source, after all that the source has scheduled for then already. */
  pushFrom(source: Peer, atUs: number, kind: number, slot: number): void {
    this.schedule.push(atUs, source, this.counters[source]++, kind, slot);
  }

  private handled(envelope: Envelope, slot: number): void {
    this.tally.handled[envelope.kind]++;
    this.watcher?.onHandled?.(this, envelope, this.events, this.transport.pool.causeOf(slot));
  }

  private drop(slot: number, fate: Fate): void {
    this.countDrop(this.transport.pool.at(slot), fate);
    this.transport.pool.release(slot);
  }

  /** Counts an envelope that nobody will handle. */
  countDrop(envelope: Envelope, fate: Fate): void {
    if (envelope.from >= 0) this.tally.dropped[fate]++;
    this.watcher?.onDropped?.(this, envelope, fate);
  }

  private closeWindow(): void {
    for (const machine of this.own) {
      const state = foldNode(machine.node);
      machine.digest.word(state.high).word(state.low);
      if (machine.wire !== null) reverseMaps(machine.node);
    }
    this.windows.push(this.digest());
    this.schedule.push(this.nowUs + WINDOW_US, TICK_SOURCE, 0, TICK, 0);
  }

  private located(error: unknown, machine: Machine, envelope: Envelope | null): unknown {
    if (!(error instanceof AssertionFailure)) return error;
    const doing = envelope === null ? 'an alarm' : `${nameOfKind(envelope.kind)} from peer ${envelope.from}`;
    error.message += `\n  at ${machine.spec.name}, handling ${doing}; ${this.whereabouts()}`;
    return error;
  }
}
