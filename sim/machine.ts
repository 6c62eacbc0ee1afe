import { Digest } from '../core/base/digest.ts';
import { NEVER_US } from '../core/base/time.ts';
import { WIRE_VERSION } from '../core/machine/codec.ts';
import type { Inbox } from '../core/machine/inbox.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Shape } from '../core/machine/shape.ts';
import type { Peer } from '../core/base/peers.ts';
import type { Clock } from './clocks.ts';
import { Platter } from './devices/disk.ts';
import type { ArmedFault } from './faults/harm.ts';
import type { Villain } from './malice/villain.ts';
import type { ResolvedNodeFault } from './scenario/resolved-node-faults.ts';
import type { Wire } from './wire.ts';
import type { ResolvedNode } from './scenario/resolved.ts';

/** Numbers that every event of a machine reads and writes, side by side: eight of eight bytes, a line of the processor's cache. */
const BUSY_UNTIL = 0;
const ALARM_AT = 1;
const SERVES_AT = 2;
const ANCHOR = 3;
const ANCHOR_MONO = 4;
const DRIFT = 5;
const WALL_OFFSET = 6;
const BANDWIDTH = 7;
const NUMBERS = 8;

/** Room for the numbers of so many machines. */
export function createNumbers(machines: number): Float64Array {
  return new Float64Array(NUMBERS * machines);
}

/**
 * What the world keeps for one node: the computer that it runs on. There may be a million, most of them idle: what only some
 * need is made when it is first asked for.
 */
export class Machine implements Clock {
  // First what every event reads, side by side.
  readonly node: Node;
  private readonly numbers: Float64Array;
  readonly index: number;
  isUp = false;
  /** Faults that freeze it; it handles nothing while there is one. */
  pauses = 0;
  inbox: Inbox<number> | null = null;
  /** Who sits between the node and the network, if anybody does. */
  villain: Villain | null = null;
  /** Between the node and the world in runs that check. */
  readonly wire: Wire | null;
  /** The body that it sent last, its shape, and how many bytes that takes: most say the same over and over. */
  saidBody: unknown = null;
  saidShape: Shape | null = null;
  saidBytes = 0;
  /** How fast it is now, ppm. */
  speedPpm: number;
  readonly cluster: number;
  readonly region: number;
  /** Stands for the node in draws. */
  readonly key: number;
  /** Everything that the node was ever told, in one number, over all its boots. */
  readonly digest = new Digest();
  readonly spec: ResolvedNode;
  /** What its disk remembers of its boots; a wipe begins it anew. */
  bootCount = 0;
  /** All boots there were, and the event of the last one: what a device was asked before it is answered to nobody. */
  lives = 0;
  bootEvent = 0;
  /** The version of the wire format that it speaks: it refuses all others. */
  wireVersion = WIRE_VERSION;
  private ownPlatter: Platter | null = null;
  private ownOffBy: Set<ArmedFault> | null = null;
  private ownFaults: ArmedFault<ResolvedNodeFault>[] | null = null;

  /** @param numbers of all machines, this one's in the place of its index */
  constructor(
    index: number,
    numbers: Float64Array,
    wire: Wire | null,
    spec: ResolvedNode,
    cluster: number,
    region: number,
    key: number,
    node: Node,
  ) {
    this.index = index;
    this.numbers = numbers;
    this.alarmAtUs = NEVER_US;
    this.servesAtUs = NEVER_US;
    numbers[index * NUMBERS + BANDWIDTH] = spec.bandwidthBytesPerSecond;
    this.wire = wire;
    this.spec = spec;
    this.cluster = cluster;
    this.region = region;
    this.key = key;
    this.node = node;
    this.speedPpm = spec.speedPpm;
  }

  /** The step at work ends then. */
  get busyUntilUs(): number {
    return this.numbers[this.index * NUMBERS + BUSY_UNTIL];
  }

  set busyUntilUs(us: number) {
    this.numbers[this.index * NUMBERS + BUSY_UNTIL] = us;
  }

  /** The alarm that will be heeded; others that lie in the schedule are stale. */
  get alarmAtUs(): number {
    return this.numbers[this.index * NUMBERS + ALARM_AT];
  }

  set alarmAtUs(us: number) {
    this.numbers[this.index * NUMBERS + ALARM_AT] = us;
  }

  /** When the inbox will be served next; NEVER_US if that is not scheduled. */
  get servesAtUs(): number {
    return this.numbers[this.index * NUMBERS + SERVES_AT];
  }

  set servesAtUs(us: number) {
    this.numbers[this.index * NUMBERS + SERVES_AT] = us;
  }

  /** Its number in the world, which numbers nodes first; `node.self` is its own, which differs in runs that check. */
  get peer(): Peer {
    return this.index;
  }

  get bandwidthBytesPerSecond(): number {
    return this.numbers[this.index * NUMBERS + BANDWIDTH];
  }

  get clock(): Clock {
    return this;
  }

  get driftPpm(): number {
    return this.numbers[this.index * NUMBERS + DRIFT];
  }

  set driftPpm(ppm: number) {
    this.numbers[this.index * NUMBERS + DRIFT] = ppm;
  }

  get anchorUs(): number {
    return this.numbers[this.index * NUMBERS + ANCHOR];
  }

  set anchorUs(us: number) {
    this.numbers[this.index * NUMBERS + ANCHOR] = us;
  }

  get anchorMonoUs(): number {
    return this.numbers[this.index * NUMBERS + ANCHOR_MONO];
  }

  set anchorMonoUs(us: number) {
    this.numbers[this.index * NUMBERS + ANCHOR_MONO] = us;
  }

  get wallOffsetUs(): number {
    return this.numbers[this.index * NUMBERS + WALL_OFFSET];
  }

  set wallOffsetUs(us: number) {
    this.numbers[this.index * NUMBERS + WALL_OFFSET] = us;
  }

  /** Faults that act on it, in the order in which they began. */
  get faults(): ArmedFault<ResolvedNodeFault>[] {
    return (this.ownFaults ??= []);
  }

  /** Whether any does. */
  get isHarmed(): boolean {
    return this.ownFaults !== null && this.ownFaults.length > 0;
  }

  /** Its disk. */
  get platter(): Platter {
    return (this.ownPlatter ??= new Platter());
  }

  /** Faults that keep it without power; it can boot when there is none. */
  get offBy(): Set<ArmedFault> {
    return (this.ownOffBy ??= new Set());
  }
}

/** The digest of a run: the chains of its nodes, and that of its users, mixed with who they are. */
export function sumChains(machines: Iterable<Machine>, users: Digest): string {
  const sum = new Digest();
  const mixed = new Digest();
  const add = (key: number, chain: Digest): void => {
    mixed.clear().word(key).pair(chain.high, chain.low);
    sum.add(mixed.high, mixed.low);
  };
  for (const machine of machines) add(machine.key, machine.digest);
  add(0, users);
  return sum.hex();
}
