import { assert } from '../core/base/assert.ts';
import type { Peer } from '../core/base/peers.ts';
import { sizeOfEnvelope } from '../core/machine/codec.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { KINDS } from '../core/machine/kinds.ts';
import { visitRefs } from '../core/machine/shape.ts';
import { EnvelopePool } from './envelope-pool.ts';
import type { Machine } from './machine.ts';
import { CUT, HELD, LOST } from './network.ts';
import type { Part } from './partition.ts';
import type { Schedule } from './schedule.ts';
import { countTraffic, type Census } from './tally.ts';
import type { World } from './world.ts';

/** Kinds of events of the transport: an envelope arrives, or, having been held, enters its link again. */
export const ARRIVE = 0;
export const ENTER = 6;

/** Takes envelopes from who sends them to who is to have them: over the network, past what faults do there. */
export class Transport {
  /** Every envelope that has been sent and has not come to its end. */
  readonly pool = new EnvelopePool();
  private readonly world: World;
  private readonly part: Part | null;
  /** Of envelopes that were held and are let go, by slot: the word of chance that goes with each. */
  private readonly letGo = new Map<number, number>();

  constructor(world: World, part: Part | null) {
    this.world = world;
    this.part = part;
  }

  /** Sends what a user says. */
  sendFromUser(user: Peer, region: number, to: Machine, envelope: Envelope): void {
    const { world } = this;
    envelope.sizeBytes = sizeOfEnvelope(envelope);
    world.noteSent(envelope);
    const key = world.keyOf(user);
    const word = world.network.wordOf(envelope, key, to.key, key, world.nowUs);
    this.pushArrival(user, world.nowUs + world.network.delayUs(region, to.region, word), envelope);
  }

  /** Sends what a node says, at `atUs`. */
  sendFromNode(machine: Machine, envelope: Envelope, atUs: number): void {
    const { world } = this;
    const { network, machines, tally } = world;
    const { to } = envelope;
    world.noteSent(envelope);
    if (to === machine.peer) {
      this.pushArrival(to, atUs, envelope);
      return;
    }
    const originKey = envelope.origin === machine.peer ? machine.key : world.keyOf(envelope.origin);
    const word = network.wordOf(envelope, machine.key, world.keyOf(to), originKey, world.nowUs);
    const leftUs = atUs + transferUs(machine, envelope);
    if (to >= machines.length) {
      const delayUs = network.delayUs(machine.region, world.people(to).regionOf(to), word);
      this.pushArrival(machine.peer, leftUs + delayUs, envelope);
      return;
    }
    const { cluster, region } = machines[to];
    countTraffic(tally.traffic, tally, machine.cluster, cluster);
    if (!network.isClear(network.link(machine.cluster, cluster))) {
      this.cross(machine, envelope, word, leftUs, world.events);
      return;
    }
    this.pushArrival(machine.peer, leftUs + network.delayUs(machine.region, region, word), envelope);
  }

  /** Takes in what another part of the world has handed over, under the key that its event has there. */
  accept(envelope: Envelope, atUs: number, source: Peer, counter: number): void {
    const slot = this.pool.take(envelope, this.world.events);
    this.world.schedule.push(atUs, source, counter, ARRIVE, slot);
  }

  /** Lets an envelope go that was held, a moment later: whatever ends at the same time has ended by then. */
  sendOn(slot: number, word: number): void {
    this.letGo.set(slot, word);
    this.world.pushFrom(this.pool.at(slot).from, this.world.nowUs + 1, ENTER, slot);
  }

  /** It enters its link again: other faults may act there. */
  enter(slot: number): void {
    const envelope = this.pool.at(slot);
    const word = this.letGo.get(slot)!;
    this.letGo.delete(slot);
    const from = this.world.machines[envelope.from];
    this.cross(from, envelope, word, this.world.nowUs, this.pool.causeOf(slot));
    this.pool.release(slot);
  }

  /** Lets an envelope onto a link on which faults or chance act. */
  private cross(from: Machine, envelope: Envelope, word: number, atUs: number, cause: number): void {
    const { network, tally, machines } = this.world;
    const to = machines[envelope.to];
    const usualUs = network.delayUs(from.region, to.region, word);
    const secondUsualUs = network.delayUs(from.region, to.region, ~word);
    const link = network.link(from.cluster, to.cluster);
    const sizeBytes = bytesOf(envelope);
    const delayUs = network.pass(link, envelope, word, atUs, sizeBytes, usualUs, secondUsualUs);
    if (delayUs === HELD) {
      network.holder!.held.push({ slot: this.pool.take(envelope, cause), word });
      return;
    }
    if (delayUs < 0) {
      countTraffic(tally.untransmitted, tally, from.cluster, to.cluster);
      this.world.countDrop(envelope, delayUs === CUT ? 'cut' : delayUs === LOST ? 'lost' : 'queue full');
      return;
    }
    if (network.secondUs >= 0) {
      tally.duplicated++;
      this.pushArrival(from.peer, atUs + network.secondUs, envelope, cause);
    }
    this.pushArrival(from.peer, atUs + delayUs, envelope, cause);
  }

  private pushArrival(source: Peer, atUs: number, envelope: Envelope, cause = this.world.events): void {
    const { world, part } = this;
    if (part === null || part.owns(this.clusterOf(envelope.to)))
      world.pushFrom(source, atUs, ARRIVE, this.pool.take(envelope, cause));
    else part.handOver(this.clusterOf(envelope.to), envelope, atUs, source, world.nextCount(source));
  }

  private clusterOf(peer: Peer): number {
    const { machines } = this.world;
    return peer < machines.length ? machines[peer].cluster : this.world.people(peer).clusterOf(peer);
  }

  /** See `World.census`. */
  census(schedule: Schedule): Census {
    const { network, machines } = this.world;
    const found = { travelling: 0, held: 0, waiting: 0 };
    const elsewhere = new Set<number>();
    const isCounted = (slot: number): boolean => this.pool.at(slot).from >= 0;
    schedule.forEach((_time, _source, _counter, kind, slot) => {
      if (kind !== ARRIVE && kind !== ENTER) return;
      elsewhere.add(slot);
      if (isCounted(slot)) found.travelling++;
    });
    for (const slot of network.heldSlots()) {
      elsewhere.add(slot);
      found.held++;
    }
    // What a stalled disk has not said yet is kept, too, and crosses no network.
    for (const { platter } of machines) for (const slot of platter.held) elsewhere.add(slot);
    let waiting = 0;
    this.pool.forEachTaken((slot) => {
      if (elsewhere.has(slot)) return;
      waiting++;
      if (isCounted(slot)) found.waiting++;
    });
    const inInboxes = machines.reduce((sum, { inbox }) => sum + (inbox?.size ?? 0), 0);
    assert(waiting === inInboxes, 'an envelope that is kept is on its way, held by a fault, or in an inbox');
    return found;
  }
}

/** How long the envelope, and the contents that it names, take to leave the node. */
function transferUs(machine: Machine, envelope: Envelope): number {
  return Math.ceil((bytesOf(envelope) * 1_000_000) / machine.bandwidthBytesPerSecond);
}

/** The size of an envelope with the contents that it names. */
function bytesOf(envelope: Envelope): number {
  let { sizeBytes } = envelope;
  const entry = KINDS[envelope.kind]!;
  if (entry.hasRefs) visitRefs(entry.body, envelope.body, (content) => (sizeBytes += content.sizeBytes));
  return sizeBytes;
}
