import { AssertionFailure } from '../core/base/assert.ts';
import { Digest } from '../core/base/digest.ts';
import { OBSERVER, type Peer } from '../core/base/peers.ts';
import { NEVER_US, type Now } from '../core/base/time.ts';
import { sizeOfEnvelope } from '../core/machine/codec.ts';
import { Outbox, type Envelope } from '../core/machine/envelope.ts';
import { classOfKind, Inbox, stepCostUs } from '../core/machine/inbox.ts';
import { KINDS, nameOfKind } from '../core/machine/kinds.ts';
import { boot, receive, wake } from '../core/machine/node.ts';
import { DOWN, foldNode } from '../core/machine/node-state.ts';
import { visitRefs } from '../core/machine/shape.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import { createMachines } from './configure.ts';
import { answerOf } from './devices.ts';
import { EnvelopePool } from './envelope-pool.ts';
import { Faults } from './faults.ts';
import { Identities } from './identities.ts';
import type { Machine } from './machine.ts';
import { CUT, Network } from './network.ts';
import { Schedule } from './schedule.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { createRoots, keyOfName, seedWordsOf, type Roots } from './seeds.ts';
import { Users } from './users.ts';
import { reverseMaps } from './wire.ts';
import { countTraffic, createTally, type Tally } from './tally.ts';

/** Kinds of events in the schedule. */
const ARRIVE = 0;
const ALARM = 1;
const SERVE = 2;
const FAULT = 3;
const USER = 4;
const TICK = 5;

/** Faults act before all else at their time; ticks of the world's own bookkeeping after all else. */
const FAULT_SOURCE = -1;
const TICK_SOURCE = 0x7fffffff;

/** Between two canonical hashes of the state of every node. */
export const WINDOW_US = 10_000_000;

/** What handling an alarm costs a node of speed 1, µs; measured by `bench steps`, rounded up. */
const WAKE_COST_US = 10;

/** Why an envelope was not handled. */
export type Fate = 'cut' | 'lost' | 'down' | 'inbox full';

/** Who wants to see a run as it happens. All times are the world's, µs. Nothing in the world depends on it. */
export interface Watcher {
  /** An envelope was handled by a node or a user; `cause` is the event whose handling sent it. */
  onHandled?(world: World, envelope: Envelope, event: number, cause: number): void;
  onDropped?(world: World, envelope: Envelope, fate: Fate): void;
  onNoted?(world: World, envelope: Envelope): void;
}

/** Nodes, network, users and faults in one event loop with virtual time. */
export class World {
  readonly scenario: ResolvedScenario;
  readonly roots: Roots;
  readonly identities: Identities;
  readonly machines: readonly Machine[];
  readonly network: Network;
  readonly users: Users;
  readonly faults: Faults;
  readonly tally: Tally;
  /** The digest of the run at the end of each window. */
  readonly windows: string[] = [];
  nowUs = 0;
  events = 0;
  private readonly schedule = new Schedule();
  private readonly counters: number[] = [];
  private readonly keys: number[] = [];
  private readonly now: Now = { monoUs: 0, wallUs: 0 };
  private readonly out = new Outbox();
  private readonly pool = new EnvelopePool();
  private readonly watcher: Watcher | null;
  private readonly regionIndex: Map<string, number>;

  /**
   * @param isChecking each node has numbers of its own for its peers, every envelope crosses as bytes and arrives
   * frozen, and maps are turned around every window: slower, and the digest must be the same
   */
  constructor(scenario: ResolvedScenario, watcher: Watcher | null = null, isChecking = false) {
    this.scenario = scenario;
    this.watcher = watcher;
    this.roots = createRoots(scenario.seed);
    this.identities = new Identities(this.roots.keys);
    this.regionIndex = new Map(scenario.regions.map(({ path }, i) => [path, i]));
    this.tally = createTally(scenario);
    this.network = new Network(scenario.network, scenario.clusters.length, this.roots.network);
    this.machines = createMachines(scenario, this.identities, (name) => this.addPeer(name), isChecking);
    this.users = new Users(this);
    this.faults = new Faults(this);
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

  get pending(): number {
    return this.schedule.size;
  }

  /** The digest of the run so far: the chains of the nodes and of the users, mixed with who they are. */
  digest(): string {
    const sum = new Digest();
    const add = (key: number, chain: Digest): void => {
      const mixed = new Digest().word(key).word(chain.high).word(chain.low);
      sum.add(mixed.high, mixed.low);
    };
    for (const machine of this.machines) add(machine.key, machine.digest);
    add(0, this.users.digest);
    return sum.hex();
  }

  scheduleFault(atUs: number, slot: number): void {
    this.schedule.push(atUs, FAULT_SOURCE, slot, FAULT, slot);
  }

  scheduleUser(atUs: number, source: Peer, slot: number): void {
    this.schedule.push(atUs, source, this.counters[source]++, USER, slot);
  }

  /** Boots a node, or boots it again. */
  bootMachine(machine: Machine): void {
    machine.isUp = true;
    machine.bootCount++;
    machine.bootedAtUs = this.nowUs;
    machine.busyUntilUs = this.nowUs;
    this.setClock(machine);
    const seedWords = seedWordsOf(this.roots.nodes, machine.key, machine.bootCount);
    machine.digest.word(0x600d).integer(machine.bootCount);
    boot(machine.node, this.now, { bootCount: machine.bootCount, seedWords }, this.out);
    this.finishStep(machine, 0);
  }

  /** Takes the power away: memory, inbox and what its devices were doing are gone, the disk stays. */
  crashMachine(machine: Machine): void {
    machine.isUp = false;
    machine.alarmAtUs = NEVER_US;
    machine.servesAtUs = NEVER_US;
    machine.node.phase = DOWN;
    for (let slot = machine.inbox?.take(); slot !== undefined; slot = machine.inbox?.take()) {
      this.drop(slot, 'down');
    }
  }

  /** Lets a frozen node go on: what waits is served before alarms that are overdue. */
  resumeMachine(machine: Machine): void {
    if (!machine.isUp) return;
    machine.servesAtUs = NEVER_US;
    this.scheduleServing(machine);
    machine.alarmAtUs = NEVER_US;
    this.setAlarm(machine);
  }

  /** Sends what a user says. */
  sendFromUser(user: Peer, region: number, to: Machine, envelope: Envelope): void {
    const slot = this.takeSlot(envelope);
    const sent = this.pool.at(slot);
    sent.sizeBytes = sizeOfEnvelope(sent);
    this.tally.sent[sent.kind]++;
    const word = this.network.wordOf(sent, this.keys[user], to.key, this.keys[user], this.nowUs);
    const delayUs = this.network.delayUs(region, to.region, word);
    this.schedule.push(this.nowUs + delayUs, user, this.counters[user]++, ARRIVE, slot);
  }

  /** How this run can be seen again up to where it stands, for a failure's message. */
  whereabouts(): string {
    return `scenario ${this.scenario.name}, seed ${this.scenario.seed}, event ${this.events}, ${this.nowUs} µs`;
  }

  /** Boots everything and lays the first events. */
  start(): void {
    for (const machine of this.machines) this.bootMachine(machine);
    this.users.start();
    this.faults.start();
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
    }
  }

  private arrive(slot: number): void {
    const envelope = this.pool.at(slot);
    if (envelope.to >= this.machines.length) {
      this.handled(envelope, slot);
      this.users.receive(envelope);
      this.pool.release(slot);
      return;
    }
    const machine = this.machines[envelope.to];
    if (!machine.isUp || (envelope.from < 0 && envelope.originBoot !== machine.bootCount)) {
      if (envelope.from >= this.machines.length) this.users.onConnectionRefused(envelope);
      this.drop(slot, 'down');
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
    const envelope = this.pool.at(slot);
    const { kind, from, origin } = envelope;
    const fromRank = from < 0 ? from : this.identities.rank(from);
    machine.digest.word(kind).integer(fromRank).integer(this.identities.rank(origin));
    machine.digest.integer(envelope.n).integer(envelope.sizeBytes);
    this.handled(envelope, slot);
    this.setClock(machine);
    machine.wire?.inward(envelope);
    try {
      receive(machine.node, this.now, envelope, this.out);
    } catch (error) {
      throw this.located(error, machine, envelope);
    }
    this.pool.release(slot);
    this.finishStep(machine, stepCostUs(kind, machine.spec.speedPpm));
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
    this.finishStep(machine, Math.ceil((WAKE_COST_US * 1_000_000) / machine.spec.speedPpm));
  }

  /** Acts on what a step left in the outbox, once the step's own time has passed. */
  private finishStep(machine: Machine, costUs: number): void {
    const doneUs = this.nowUs + costUs;
    machine.busyUntilUs = doneUs;
    for (let i = 0; i < this.out.count; i++) {
      const envelope = this.out.at(i);
      envelope.sizeBytes = sizeOfEnvelope(envelope);
      machine.wire?.outward(envelope);
      if (envelope.to === OBSERVER) this.watcher?.onNoted?.(this, envelope);
      else if (envelope.to < 0) this.sendToDevice(machine, envelope, doneUs);
      else this.sendFromNode(machine, envelope, doneUs);
    }
    this.out.clear();
    this.setAlarm(machine);
  }

  private sendToDevice(machine: Machine, envelope: Envelope, atUs: number): void {
    const answer = answerOf(this, machine, envelope);
    const slot = this.takeSlot(envelope);
    const sent = this.pool.at(slot);
    sent.kind = answer.kind;
    sent.body = answer.body;
    sent.from = envelope.to;
    sent.to = machine.peer;
    sent.sizeBytes = sizeOfEnvelope(sent);
    this.pushFrom(machine.peer, atUs + answer.delayUs, ARRIVE, slot);
  }

  private sendFromNode(machine: Machine, envelope: Envelope, atUs: number): void {
    const { to, kind } = envelope;
    this.tally.sent[kind]++;
    if (to === machine.peer) {
      this.pushFrom(to, atUs, ARRIVE, this.takeSlot(envelope));
      return;
    }
    const word = this.network.wordOf(
      envelope,
      machine.key,
      this.keys[to],
      this.keyOf(envelope.origin),
      this.nowUs,
    );
    const isToUser = to >= this.machines.length;
    const toRegion = isToUser ? this.users.regionOf(to) : this.machines[to].region;
    let delayUs = this.network.delayUs(machine.region, toRegion, word) + this.transferUs(machine, envelope);
    if (!isToUser) {
      const toCluster = this.machines[to].cluster;
      const link = this.network.link(machine.cluster, toCluster);
      const passage = this.network.passage(link, word);
      countTraffic(this.tally, machine.cluster, toCluster, passage < 0);
      if (passage < 0) {
        this.countDrop(envelope, passage === CUT ? 'cut' : 'lost');
        return;
      }
      if (this.network.isDoubled(link, word)) {
        this.tally.duplicated++;
        const secondUs = this.network.delayUs(machine.region, toRegion, ~word);
        this.pushFrom(machine.peer, atUs + passage + secondUs, ARRIVE, this.takeSlot(envelope));
      }
      delayUs += passage;
    }
    this.pushFrom(machine.peer, atUs + delayUs, ARRIVE, this.takeSlot(envelope));
  }

  /** How long the envelope, and the contents that it names, take to leave the node. */
  private transferUs(machine: Machine, envelope: Envelope): number {
    let sizeBytes = envelope.sizeBytes;
    const entry = KINDS[envelope.kind]!;
    if (entry.hasRefs) visitRefs(entry.body, envelope.body, (content) => (sizeBytes += content.sizeBytes));
    return Math.ceil((sizeBytes * 1_000_000) / machine.spec.bandwidthBytesPerSecond);
  }

  private setAlarm(machine: Machine): void {
    const { wakeAtUs } = machine.node;
    if (wakeAtUs === NEVER_US || !machine.isUp) return;
    const atUs = Math.max(this.nowUs, machine.busyUntilUs, machine.bootedAtUs + wakeAtUs);
    if (atUs < machine.alarmAtUs) this.armAt(machine, atUs);
  }

  private armAt(machine: Machine, atUs: number): void {
    machine.alarmAtUs = atUs;
    this.pushFrom(machine.peer, atUs, ALARM, machine.index);
  }

  private setClock(machine: Machine): void {
    this.now.monoUs = this.nowUs - machine.bootedAtUs;
    this.now.wallUs = WALL_EPOCH_US + this.nowUs;
  }

  private pushFrom(source: Peer, atUs: number, kind: number, slot: number): void {
    this.schedule.push(atUs, source, this.counters[source]++, kind, slot);
  }

  private takeSlot(envelope: Envelope): number {
    return this.pool.take(envelope, this.events);
  }

  private handled(envelope: Envelope, slot: number): void {
    this.tally.handled[envelope.kind]++;
    this.watcher?.onHandled?.(this, envelope, this.events, this.pool.causeOf(slot));
  }

  private drop(slot: number, fate: Fate): void {
    this.countDrop(this.pool.at(slot), fate);
    this.pool.release(slot);
  }

  private countDrop(envelope: Envelope, fate: Fate): void {
    this.tally.dropped[fate]++;
    this.watcher?.onDropped?.(this, envelope, fate);
  }

  private closeWindow(): void {
    for (const machine of this.machines) {
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
