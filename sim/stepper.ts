import { assert, AssertionFailure } from '../core/base/assert.ts';
import { Digest } from '../core/base/digest.ts';
import { DISK, KEYS, OBSERVER } from '../core/base/peers.ts';
import { NEVER_US, type Now } from '../core/base/time.ts';
import { sizeOfEnvelope, sizeOfHead } from '../core/machine/codec.ts';
import { Outbox, type Envelope } from '../core/machine/envelope.ts';
import { classOfKind, Inbox, stepCostUs } from '../core/machine/inbox.ts';
import { nameOfKind, STORED } from '../core/machine/kinds.ts';
import { boot, receive, wake } from '../core/machine/node.ts';
import { DOWN, READY } from '../core/machine/node-state.ts';
import { readClock, restartClock, WALL_EPOCH_US, worldUsAt } from './clocks.ts';
import { BodySizes } from './body-sizes.ts';
import { answerOf } from './devices.ts';
import { completeWrite, losePower } from './devices/disk.ts';
import { completeKeys } from './devices/keys.ts';
import { speakAlike } from './faults/node-faults.ts';
import type { Machine } from './machine.ts';
import { seedWordsOf } from './seeds.ts';
import { ARRIVE } from './transport.ts';
import type { Fate } from './watcher.ts';
import { countRefused } from './tally.ts';
import type { World } from './world.ts';

/** Kinds of events of the machines: an alarm of a node is due, or its inbox is to be served. */
export const ALARM = 1;
export const SERVE = 2;

/** What handling an alarm costs a node of speed 1, µs; measured by `bench steps`, rounded up. */
const WAKE_COST_US = 10;

/** Lets the nodes take their steps. A step takes time; what reaches a node meanwhile waits in its inbox. */
export class Stepper {
  private readonly world: World;
  private readonly now: Now = { monoUs: 0, wallUs: 0 };
  private readonly out = new Outbox();
  private readonly chain = new Digest();
  private readonly sizes = new BodySizes();

  constructor(world: World) {
    this.world = world;
  }

  /** Boots a node, or boots it again. */
  boot(machine: Machine): void {
    const { world } = this;
    assert(world.owns(machine), 'a node runs in one part of a world');
    machine.isUp = true;
    countRefused(world.tally, machine.node.refusals);
    machine.bootCount++;
    machine.lives++;
    machine.bootEvent = world.events;
    restartClock(machine.clock, world.nowUs);
    machine.busyUntilUs = world.nowUs;
    this.setClock(machine);
    const seedWords = seedWordsOf(world.roots.nodes, machine.key, machine.lives);
    machine.keepChain(machine.copyChain(this.chain).word(0x600d).integer(machine.bootCount));
    boot(machine.node, this.now, { bootCount: machine.bootCount, seedWords }, this.out);
    this.finishStep(machine, 0);
  }

  /** Takes the power away: memory, inbox and what its devices were doing are gone, what is synced stays. */
  crash(machine: Machine): void {
    const { world } = this;
    machine.isUp = false;
    machine.alarmAtUs = NEVER_US;
    machine.servesAtUs = NEVER_US;
    machine.node.phase = DOWN;
    for (let slot = machine.inbox?.take(); slot !== undefined; slot = machine.inbox?.take()) {
      world.drop(slot, 'down');
    }
    for (const slot of machine.platter.takeHeld()) world.drop(slot, 'down');
    losePower(machine);
    world.announce('node.down', machine.spec.name);
  }

  /** Lets a frozen node go on: what waits is served before alarms that are overdue. */
  resume(machine: Machine): void {
    if (!machine.isUp) return;
    machine.servesAtUs = NEVER_US;
    this.scheduleServing(machine);
    machine.alarmAtUs = NEVER_US;
    this.setAlarm(machine);
  }

  /** Lets a disk say what a stall has kept it from saying. */
  releaseHeld(machine: Machine): void {
    for (const slot of machine.platter.takeHeld())
      this.world.pushFrom(machine.peer, this.world.nowUs, ARRIVE, slot);
  }

  /** Takes in what has come for a node, now or when its turn comes. */
  arrive(machine: Machine, slot: number): void {
    const { world } = this;
    const envelope = world.transport.pool.at(slot);
    const isOfEarlierLife = envelope.from < 0 && world.transport.pool.causeOf(slot) < machine.bootEvent;
    if (!machine.isUp || isOfEarlierLife) {
      if (envelope.from >= world.machines.length) world.people(envelope.from).onConnectionRefused(envelope);
      world.drop(slot, 'down');
      return;
    }
    const fate = this.refusalOf(machine, envelope);
    if (fate !== null) {
      world.drop(slot, fate);
      return;
    }
    const isBusy = machine.pauses > 0 || world.nowUs < machine.busyUntilUs;
    if (isBusy || (machine.inbox !== null && machine.inbox.size > 0)) {
      machine.inbox ??= new Inbox<number>();
      if (machine.inbox.offer(classOfKind(envelope.kind), slot)) this.scheduleServing(machine);
      else world.drop(slot, 'inbox full');
      return;
    }
    this.deliver(machine, slot);
  }

  /** What becomes of an envelope that reaches a node, if it does not get in. */
  private refusalOf(machine: Machine, envelope: Envelope): Fate | null {
    const { world } = this;
    const { from, kind } = envelope;
    if (from === KEYS) return completeKeys(world, machine, envelope) ? null : 'down';
    if (from < 0)
      return from !== DISK || kind !== STORED || completeWrite(world, machine, envelope) ? null : 'down';
    const isOfNode = from < world.machines.length;
    if (isOfNode && !speakAlike(world.machines[from], machine)) return 'other version';
    return machine.villain === null || machine.villain.letsIn(envelope) ? null : 'withheld';
  }

  /** Handles the next of what waits, if this event is the one that is to do so. */
  serve(machine: Machine): void {
    if (machine.servesAtUs !== this.world.nowUs) return;
    machine.servesAtUs = NEVER_US;
    if (machine.pauses > 0) return;
    const slot = machine.inbox!.take();
    if (slot !== undefined) this.deliver(machine, slot);
    if (machine.inbox!.size > 0) this.scheduleServing(machine);
  }

  private scheduleServing(machine: Machine): void {
    const waits = machine.inbox !== null && machine.inbox.size > 0;
    if (!waits || machine.pauses > 0 || machine.servesAtUs !== NEVER_US) return;
    machine.servesAtUs = Math.max(this.world.nowUs, machine.busyUntilUs);
    this.world.pushFrom(machine.peer, machine.servesAtUs, SERVE, machine.index);
  }

  private deliver(machine: Machine, slot: number): void {
    const { world } = this;
    const envelope = world.transport.pool.at(slot);
    const { kind, from, origin } = envelope;
    const fromRank = from < 0 ? from : world.identities.rank(from);
    const originRank = world.identities.rank(origin);
    const chain = machine.copyChain(this.chain);
    machine.keepChain(
      chain.pair(kind, envelope.sizeBytes).integer(fromRank).integer(originRank).integer(envelope.n),
    );
    world.noteHandled(envelope, slot);
    const wasStarting = from < 0 && machine.node.phase !== READY;
    this.setClock(machine);
    machine.wire?.inward(envelope);
    try {
      receive(machine.node, this.now, envelope, this.out);
    } catch (error) {
      throw this.located(error, machine, envelope);
    }
    world.transport.pool.release(slot);
    this.finishStep(machine, stepCostUs(kind, machine.speedPpm));
    if (wasStarting && machine.node.phase === READY) world.announce('node.ready', machine.spec.name);
  }

  /** An alarm that has not been overtaken by an earlier one wakes the node. */
  wake(machine: Machine): void {
    const { world } = this;
    if (machine.alarmAtUs !== world.nowUs) return;
    machine.alarmAtUs = NEVER_US;
    if (!machine.isUp || machine.pauses > 0) return;
    const hasWaiting = machine.inbox !== null && machine.inbox.size > 0;
    if (hasWaiting || world.nowUs < machine.busyUntilUs) {
      // What waits is served first; one µs later it is this alarm's turn, or again that of what waits.
      this.armAt(machine, Math.max(world.nowUs + 1, machine.busyUntilUs));
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
    const { world } = this;
    const doneUs = world.nowUs + costUs;
    machine.busyUntilUs = doneUs;
    world.watcher?.onStep?.(world, machine, this.now.monoUs);
    for (let i = 0; i < this.out.count; i++) {
      const envelope = this.out.at(i);
      envelope.sizeBytes = sizeOfHead(envelope) + this.sizes.of(machine.index, envelope);
      machine.wire?.outward(envelope);
      if (envelope.to === OBSERVER) world.watcher?.onNoted?.(world, envelope);
      else if (envelope.to < 0) this.sendToDevice(machine, envelope, doneUs);
      else if (machine.villain === null || machine.villain.letsOut(envelope))
        world.transport.sendFromNode(machine, envelope, doneUs);
    }
    this.out.clear();
    this.setAlarm(machine);
  }

  private sendToDevice(machine: Machine, envelope: Envelope, atUs: number): void {
    const { world } = this;
    world.watcher?.onSent?.(world, envelope);
    const answer = answerOf(world, machine, envelope);
    if (answer === null) return;
    const slot = world.transport.pool.take(envelope, world.events);
    const sent = world.transport.pool.at(slot);
    sent.kind = answer.kind;
    sent.body = answer.body;
    sent.from = envelope.to;
    sent.to = machine.peer;
    sent.sizeBytes = sizeOfEnvelope(sent);
    if (answer.delayUs === NEVER_US) machine.platter.held = [...machine.platter.held, slot];
    else world.pushFrom(machine.peer, atUs + answer.delayUs, ARRIVE, slot);
  }

  /** What both clocks of a node show now. */
  clockOf(machine: Machine): Now {
    const now: Now = { monoUs: 0, wallUs: 0 };
    readClock(machine.clock, this.world.nowUs, now);
    return now;
  }

  /** Sees to it that a node is woken when it wants to be, by its own clock. */
  setAlarm(machine: Machine): void {
    const { wakeAtUs } = machine.node;
    if (wakeAtUs === NEVER_US || !machine.isUp) return;
    const atUs = Math.max(
      this.world.nowUs,
      machine.busyUntilUs,
      machine.isOdd ? worldUsAt(machine.clock, wakeAtUs) : machine.anchorUs + wakeAtUs,
    );
    if (atUs < machine.alarmAtUs) this.armAt(machine, atUs);
  }

  private armAt(machine: Machine, atUs: number): void {
    machine.alarmAtUs = atUs;
    this.world.pushFrom(machine.peer, atUs, ALARM, machine.index);
  }

  private setClock(machine: Machine): void {
    if (machine.isOdd) readClock(machine.clock, this.world.nowUs, this.now);
    else {
      this.now.monoUs = this.world.nowUs - machine.anchorUs;
      this.now.wallUs = WALL_EPOCH_US + this.world.nowUs;
    }
  }

  private located(error: unknown, machine: Machine, envelope: Envelope | null): unknown {
    if (!(error instanceof AssertionFailure)) return error;
    const doing = envelope === null ? 'an alarm' : `${nameOfKind(envelope.kind)} from peer ${envelope.from}`;
    error.message += `\n  at ${machine.spec.name}, handling ${doing}; ${this.world.whereabouts()}`;
    return error;
  }
}
