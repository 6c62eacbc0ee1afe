import type { Envelope } from '../../core/machine/envelope.ts';
import type { Asked, Lineage } from '../lineage.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';

/** The code on the wire of a request that ended well; all others are errors. */
export const OK = 0;

/** What an invariant wants to see. What nobody watches costs nothing. */
export interface Watches {
  /** Kinds of envelopes, when a node or a user is about to handle them. */
  readonly handled?: readonly number[];
  /** Kinds of envelopes, when a node or a user sends them, whether they arrive or not; devices are asked, too. */
  readonly sent?: readonly number[];
  /** What nodes note to their observer. */
  readonly notes?: readonly number[];
  /** Every step of every node, after it. */
  readonly steps?: true;
  /** Once a simulated second. */
  readonly ticks?: true;
}

/** Something that must not happen, and when it did. */
export interface Breach {
  readonly atUs: number;
  readonly event: number;
  readonly what: string;
}

/** How many breaches are kept in full. */
const MAX_KEPT = 20;

/**
 * One promise, judged by what the world knows. It never calls the code that it judges, and nothing in the world depends on
 * it. `checked` counts the occasions on which the promise could have been broken: none, and the run says nothing about it.
 */
export abstract class Invariant {
  abstract readonly name: string;
  /** In a sentence. */
  abstract readonly promise: string;
  abstract readonly watches: Watches;
  checked = 0;
  violated = 0;
  readonly breaches: Breach[] = [];
  protected readonly lineage: Lineage;

  constructor(lineage: Lineage) {
    this.lineage = lineage;
  }

  /** @param cause the event whose handling sent the envelope */
  onHandled?(world: World, envelope: Envelope, cause: number): void;
  onSent?(world: World, envelope: Envelope): void;
  onNoted?(world: World, envelope: Envelope): void;
  /** @param monoUs what the node's steady clock showed */
  onStep?(world: World, machine: Machine, monoUs: number): void;
  onTick?(world: World): void;

  protected violate(world: World, what: string): void {
    this.violated++;
    if (this.breaches.length < MAX_KEPT) this.breaches.push({ atUs: world.nowUs, event: world.events, what });
  }
}

/** How a request is called in reports. */
export function labelOf(asked: Asked): string {
  return 'label' in asked ? asked.label : `request r${asked.index + 1} for ${asked.want.model}`;
}

/** A selector covers a region, and all regions below it: `eu` covers `eu/fr`, not `europe`. */
export function isCovered(region: string, selectors: readonly string[]): boolean {
  for (const selector of selectors) {
    if (!region.startsWith(selector)) continue;
    if (region.length === selector.length || region[selector.length] === '/') return true;
  }
  return false;
}

/** Whether the disk of a node, or of any, says somewhere in this run that it has synced what it has not. */
export function hasLied({ scenario }: World, name?: string): boolean {
  return scenario.faults.some(
    (fault) => fault.kind === 'lostWrite' && (name === undefined || fault.nodes.includes(name)),
  );
}

/** Whether the disk of a node may bring back what was: it lies about what it has synced, or a backup of it is put back. */
export function mayRegress(world: World, name: string): boolean {
  const isRestored = world.scenario.faults.some(
    ({ kind, ...fault }) => kind === 'restore' && 'nodes' in fault && fault.nodes.includes(name),
  );
  return isRestored || hasLied(world, name);
}

/** Which disks have rotted by now, or had a backup put back, and when. */
function rottedBy({ scenario, nowUs }: World): { readonly node: string; readonly atUs: number }[] {
  return scenario.faults.flatMap((fault) => {
    if (fault.kind !== 'bitRot' && fault.kind !== 'restore') return [];
    const isAtItsEnd = fault.kind === 'restore' && fault.untilUs !== null && fault.flap === undefined;
    const atUs = isAtItsEnd ? fault.untilUs : fault.atUs;
    return atUs <= nowUs ? fault.nodes.map((node) => ({ node, atUs })) : [];
  });
}

/** Whether the disk of a node was wiped, has rotted, or had a backup put back. */
export function isHarmedDisk(world: World, { lives, bootCount, spec }: Machine): boolean {
  return lives !== bootCount || rottedBy(world).some(({ node }) => node === spec.name);
}

/** Whether a disk lies, or more disks than one were lost before what they had was made good: what lies on two is promised no more. */
export function isBeyondOneDisk(world: World): boolean {
  const wiped = world.machines.filter(({ lives, bootCount }) => lives !== bootCount).length;
  return wiped > 1 || hasLied(world) || isRotten(world, wiped > 0);
}

/** So long after a disk has rotted others have made good what it had. */
const REFILL_US = 60_000_000;

/** Whether the disks of two hosts have rotted before either can have been made good, or of one when another's was wiped. */
function isRotten(world: World, isWiped: boolean): boolean {
  const rotted = rottedBy(world);
  if (isWiped) return rotted.length > 0;
  return rotted.some(({ node, atUs }) =>
    rotted.some((other) => other.node !== node && Math.abs(other.atUs - atUs) < REFILL_US),
  );
}
