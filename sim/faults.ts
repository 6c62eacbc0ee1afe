import type { Machine } from './machine.ts';
import type { FaultCount, Link } from './network.ts';
import type { ResolvedFault } from './scenario/resolved.ts';
import type { World } from './world.ts';

type LinkFault = Extract<ResolvedFault, { readonly bothWays: boolean }>;

interface Armed extends FaultCount {
  readonly fault: ResolvedFault;
  isActing: boolean;
}

/** The harm that a scenario plans, carried out: each fault is counted as armed, fired, and by what it touched. */
export class Faults {
  readonly counts: readonly Armed[];
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
    this.counts = world.scenario.faults.map((fault) => ({
      fault,
      label: labelOfFault(fault),
      kind: fault.kind,
      armed: 1,
      fired: 0,
      affected: 0,
      isActing: false,
    }));
  }

  /** Slot 2i begins the i-th fault, slot 2i + 1 ends it. */
  start(): void {
    this.counts.forEach(({ fault }, i) => {
      this.world.scheduleFault(fault.atUs, 2 * i);
      if ('untilUs' in fault && fault.untilUs !== null) this.world.scheduleFault(fault.untilUs, 2 * i + 1);
    });
  }

  act(slot: number): void {
    const count = this.counts[slot >> 1];
    if ((slot & 1) === 0) this.begin(count);
    else if (count.isActing) this.end(count);
  }

  private begin(count: Armed): void {
    const { fault } = count;
    count.fired++;
    count.isActing = true;
    switch (fault.kind) {
      case 'heal':
        for (const other of this.counts) if (other.isActing && isLinkFault(other.fault)) this.end(other);
        return;
      case 'crash':
        for (const machine of this.machinesOf(fault.nodes)) {
          if (!machine.isUp) continue;
          count.affected++;
          this.world.crashMachine(machine);
        }
        return;
      case 'restart':
        for (const machine of this.machinesOf(fault.nodes)) {
          if (machine.isUp) this.world.crashMachine(machine);
          count.affected++;
          this.world.bootMachine(machine);
        }
        return;
      case 'pause':
        for (const machine of this.machinesOf(fault.nodes)) {
          if (machine.isUp) count.affected++;
          machine.pauses++;
        }
        return;
      default:
        for (const link of this.linksOf(fault)) layOn(link, fault, count);
    }
  }

  private end(count: Armed): void {
    const { fault } = count;
    count.isActing = false;
    switch (fault.kind) {
      case 'heal':
      case 'restart':
        return;
      case 'crash':
        for (const machine of this.machinesOf(fault.nodes))
          if (!machine.isUp) this.world.bootMachine(machine);
        return;
      case 'pause':
        for (const machine of this.machinesOf(fault.nodes)) {
          machine.pauses--;
          if (machine.pauses === 0) this.world.resumeMachine(machine);
        }
        return;
      default:
        for (const link of this.linksOf(fault)) liftFrom(link, count);
    }
  }

  private machinesOf(names: readonly string[]): Machine[] {
    return names.map((name) => this.world.machines.find(({ spec }) => spec.name === name)!);
  }

  private linksOf(fault: LinkFault): Link[] {
    const { clusters } = this.world.scenario;
    const indexOf = (name: string): number => clusters.findIndex((cluster) => cluster.name === name);
    return fault.from.flatMap((from) =>
      fault.to.flatMap((to) => {
        const [left, right] = [indexOf(from), indexOf(to)];
        const onward = this.world.network.link(left, right);
        return fault.bothWays && left !== right ? [onward, this.world.network.link(right, left)] : [onward];
      }),
    );
  }
}

function isLinkFault(fault: ResolvedFault): fault is LinkFault {
  return 'bothWays' in fault;
}

function layOn(link: Link, fault: LinkFault, count: Armed): void {
  switch (fault.kind) {
    case 'cut':
      link.cuts.add(count);
      return;
    case 'loss':
      link.losses.set(count, fault.ppm);
      return;
    case 'duplicate':
      link.duplicates.set(count, fault.ppm);
      return;
    case 'delay':
      link.delays.set(count, fault.addUs);
      return;
  }
}

function liftFrom(link: Link, count: Armed): void {
  link.cuts.delete(count);
  link.losses.delete(count);
  link.duplicates.delete(count);
  link.delays.delete(count);
}

/** A fault in a few words, for people. */
export function labelOfFault(fault: ResolvedFault): string {
  if (isLinkFault(fault)) {
    const arrow = fault.bothWays ? '↔' : '→';
    return `${fault.kind} ${fault.from.join(', ')} ${arrow} ${fault.to.join(', ')}`;
  }
  return fault.kind === 'heal' ? 'heal' : `${fault.kind} ${fault.nodes.join(', ')}`;
}
