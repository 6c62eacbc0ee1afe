import { endNothing, type ArmedFault, type Harm, type Harms } from './faults/harm.ts';
import { LINK_HARMS } from './faults/link-faults.ts';
import { NODE_HARMS } from './faults/node-faults.ts';
import type { ResolvedFault, ResolvedFlap } from './scenario/resolved-faults.ts';
import { drawKeyed, keyOfName, valueAtQuantile } from './seeds.ts';
import type { WorldEvent } from './world-events.ts';
import type { World } from './world.ts';

/** Every kind of harm there is. A new kind is an entry in one of these, and in the scenario language. */
const HARMS: Harms<ResolvedFault> = { ...LINK_HARMS, ...NODE_HARMS };

/** The harm of one fault: a kind and its fault always go together, which a type cannot tell here. */
function harmOf(fault: ResolvedFault): Harm<ResolvedFault> {
  return HARMS[fault.kind] as Harm<ResolvedFault>;
}

/** What is to be done with a fault; its slot in the schedule is four times its number, and this. */
const BEGIN = 0;
const END = 1;
/** It flaps: on if it is off, off if it is on. */
const TURN = 2;

/** The harm that a scenario plans, carried out: each fault is counted as armed, fired, and by what it touched. */
export class Faults {
  readonly counts: readonly ArmedFault[];
  private readonly world: World;
  /** Faults that wait for an event, by its kind, and how many of those that they wait for each has still to see. */
  private readonly waiting = new Map<string, Map<ArmedFault, number>>();

  constructor(world: World) {
    this.world = world;
    const keys = new Set<number>();
    this.counts = world.scenario.faults.map((fault, index) => ({
      index,
      fault,
      key: keyOf(fault, keys),
      label: labelOfFault(fault),
      kind: fault.kind,
      mustFire: fault.mustFire === true,
      armed: 1,
      fired: 0,
      beganUs: -1,
      endedUs: -1,
      affected: 0,
      isActing: false,
      isOn: false,
      turns: 0,
    }));
  }

  start(): void {
    for (const armed of this.counts) {
      const { fault } = armed;
      if (fault.after === undefined) {
        this.schedule(armed, fault.atUs, BEGIN);
        if ('untilUs' in fault && fault.untilUs !== null) this.schedule(armed, fault.untilUs, END);
        continue;
      }
      const { event, nth } = fault.after;
      const others = this.waiting.get(event);
      if (others === undefined) this.waiting.set(event, new Map([[armed, nth]]));
      else others.set(armed, nth);
    }
  }

  act(slot: number): void {
    const armed = this.counts[slot >> 2];
    switch (slot & 3) {
      case BEGIN:
        this.begin(armed);
        return;
      case END:
        if (armed.isActing) this.end(armed);
        return;
      case TURN:
        if (armed.isActing) this.turn(armed);
    }
  }

  /** Ends those that act and are meant. Returns how many they are. */
  endAll(isMeant: (armed: ArmedFault) => boolean): number {
    const meant = this.counts.filter((armed) => armed.isActing && isMeant(armed));
    for (const armed of meant) this.end(armed);
    return meant.length;
  }

  /** An event of the world has come, for which faults may wait. */
  onAnnounced(event: WorldEvent, subject: string): void {
    const waiting = this.waiting.get(event);
    if (waiting === undefined) return;
    const { nowUs } = this.world;
    for (const [armed, left] of waiting) {
      const { atUs, after } = armed.fault;
      const { of, delayUs, forUs } = after!;
      if (nowUs < atUs || (of.length > 0 && !of.includes(subject))) continue;
      if (left > 1) {
        waiting.set(armed, left - 1);
        continue;
      }
      waiting.delete(armed);
      // Never at once: faults come before all else at their time, and what happens now has begun.
      const beginsUs = nowUs + Math.max(1, delayUs);
      this.schedule(armed, beginsUs, BEGIN);
      if (forUs !== null) this.schedule(armed, beginsUs + forUs, END);
    }
  }

  private schedule({ index }: ArmedFault, atUs: number, what: number): void {
    this.world.scheduleFault(atUs, 4 * index + what);
  }

  private begin(armed: ArmedFault): void {
    armed.isActing = harmOf(armed.fault).end !== endNothing;
    armed.beganUs = this.world.nowUs;
    if (!armed.isActing) armed.endedUs = this.world.nowUs;
    this.announce('fault.begun', armed);
    this.turn(armed);
    if (!armed.isActing) armed.isOn = false;
  }

  /** Turns it on or off; one that flaps will turn again. */
  private turn(armed: ArmedFault): void {
    const { fault } = armed;
    armed.isOn = !armed.isOn;
    if (armed.isOn) {
      armed.fired++;
      harmOf(fault).begin(this.world, armed);
    } else harmOf(fault).end(this.world, armed);
    if (!('flap' in fault) || fault.flap === undefined) return;
    const turnUs = this.world.nowUs + this.turnUs(armed, fault.flap);
    armed.turns++;
    this.schedule(armed, turnUs, TURN);
  }

  /** How long it stays as it is. */
  private turnUs({ isOn, key, turns }: ArmedFault, { onUs, offUs }: ResolvedFlap): number {
    return valueAtQuantile(isOn ? onUs : offUs, drawKeyed(this.world.roots.nemesis, key, turns));
  }

  private end(armed: ArmedFault): void {
    armed.isActing = false;
    armed.endedUs = this.world.nowUs;
    if (armed.isOn) harmOf(armed.fault).end(this.world, armed);
    armed.isOn = false;
    this.announce('fault.ended', armed);
  }

  private announce(event: 'fault.begun' | 'fault.ended', { fault }: ArmedFault): void {
    if (fault.name !== undefined) this.world.announce(event, fault.name);
  }
}

/** What does not change what a fault does while it acts. */
const TIMES: readonly string[] = ['untilUs', 'flap', 'after', 'name', 'mustFire'];

/**
 * What stands for a fault in draws: neither where it stands among the others nor when it ends, so that another fault, or a
 * longer one, draws nothing anew. Of two that are alike the second has another key.
 */
function keyOf(fault: ResolvedFault, taken: Set<number>): number {
  const fields = Object.entries(fault)
    .filter(([name]) => !TIMES.includes(name))
    .sort(([left], [right]) => (left < right ? -1 : 1));
  let text = JSON.stringify(fields);
  while (taken.has(keyOfName(text))) text += '+';
  taken.add(keyOfName(text));
  return keyOfName(text);
}

/** A fault in a few words, for people. */
export function labelOfFault(fault: ResolvedFault): string {
  const label = harmOf(fault).label(fault);
  return fault.name === undefined ? label : `${fault.name}: ${label}`;
}
