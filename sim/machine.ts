import { Digest } from '../core/base/digest.ts';
import { NEVER_US } from '../core/base/time.ts';
import { WIRE_VERSION } from '../core/machine/codec.ts';
import type { Inbox } from '../core/machine/inbox.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Peer } from '../core/base/peers.ts';
import type { Clock } from './clocks.ts';
import { Platter, type Backup } from './devices/disk.ts';
import type { ArmedFault } from './faults/harm.ts';
import type { Guise } from './malice/malice.ts';
import type { ResolvedNodeFault } from './scenario/resolved-node-faults.ts';
import type { Wire } from './wire.ts';
import type { ResolvedNode } from './scenario/resolved.ts';

/**
 * Numbers that every event of a machine reads and writes, side by side: eight of eight bytes, a line of the processor's cache. The
 * last holds two words, its chain.
 */
const BUSY_UNTIL = 0;
const ALARM_AT = 1;
const SERVES_AT = 2;
const ANCHOR = 3;
const BANDWIDTH = 4;
const COUNTER = 5;
const BOOT_EVENT = 6;
const CHAIN = 7;
const NUMBERS = 8;

/** The rows of numbers of so many machines. */
export class Rows {
  readonly numbers: Float64Array;
  readonly words: Int32Array;

  constructor(machines: number) {
    this.numbers = new Float64Array(NUMBERS * machines);
    this.words = new Int32Array(this.numbers.buffer);
    const { high, low } = new Digest();
    for (let i = 0; i < machines; i++) {
      this.numbers[i * NUMBERS + ALARM_AT] = NEVER_US;
      this.numbers[i * NUMBERS + SERVES_AT] = NEVER_US;
      this.words[2 * (i * NUMBERS + CHAIN)] = high;
      this.words[2 * (i * NUMBERS + CHAIN) + 1] = low;
    }
  }

  /** The counter of a machine's next event, which is one more than the last. */
  takeCount(index: number): number {
    return this.numbers[index * NUMBERS + COUNTER]++;
  }

  /** Reads from a machine's row: the rest of it is then near, too. */
  touch(index: number): number {
    return this.numbers[index * NUMBERS];
  }

  /** What the copier of checkpoints asks for: both views are of one memory. */
  clone(): Rows {
    const copy = new Rows(0);
    const numbers = this.numbers.slice();
    return Object.assign(copy, { numbers, words: new Int32Array(numbers.buffer) });
  }
}

/** What only few machines have: of very many, nearly all are as they were made. */
class Oddities {
  villain: Guise | null = null;
  wire: Wire | null = null;
  wireVersion = WIRE_VERSION;
  offBy: Set<ArmedFault> | null = null;
  faults: ArmedFault<ResolvedNodeFault>[] = [];
  /** Of its disk, by the fault at whose end it is put back. */
  backups = new Map<ArmedFault, Backup>();
  driftPpm = 0;
  anchorMonoUs = 0;
  wallOffsetUs = 0;
}

/**
 * What the world keeps for one node: the computer that it runs on. There may be a million, most of them idle: what only some
 * need is made when it is first asked for.
 */
export class Machine implements Clock {
  // First what every event reads, side by side.
  readonly node: Node;
  private readonly rows: Rows;
  readonly index: number;
  private odd: Oddities | null = null;
  isUp = false;
  /** Faults that freeze it; it handles nothing while there is one. */
  pauses = 0;
  inbox: Inbox<number> | null = null;
  /** How fast it is now, ppm. */
  speedPpm: number;
  readonly cluster: number;
  readonly region: number;
  /** Stands for the node in draws. */
  readonly key: number;
  readonly spec: ResolvedNode;
  /** What its disk remembers of its boots; a wipe begins it anew. */
  bootCount = 0;
  /** All boots there were. */
  lives = 0;
  private ownPlatter: Platter | null = null;

  /** @param rows of all machines, this one's in the place of its index */
  constructor(
    index: number,
    rows: Rows,
    wire: Wire | null,
    spec: ResolvedNode,
    cluster: number,
    region: number,
    key: number,
    node: Node,
  ) {
    this.node = node;
    this.rows = rows;
    this.index = index;
    rows.numbers[index * NUMBERS + BANDWIDTH] = spec.bandwidthBytesPerSecond;
    if (wire !== null) this.oddities.wire = wire;
    this.speedPpm = spec.speedPpm;
    this.cluster = cluster;
    this.region = region;
    this.key = key;
    this.spec = spec;
  }

  /** The step at work ends then. */
  get busyUntilUs(): number {
    return this.rows.numbers[this.index * NUMBERS + BUSY_UNTIL];
  }

  set busyUntilUs(us: number) {
    this.rows.numbers[this.index * NUMBERS + BUSY_UNTIL] = us;
  }

  /** The alarm that will be heeded; others that lie in the schedule are stale. */
  get alarmAtUs(): number {
    return this.rows.numbers[this.index * NUMBERS + ALARM_AT];
  }

  set alarmAtUs(us: number) {
    this.rows.numbers[this.index * NUMBERS + ALARM_AT] = us;
  }

  /** When the inbox will be served next; NEVER_US if that is not scheduled. */
  get servesAtUs(): number {
    return this.rows.numbers[this.index * NUMBERS + SERVES_AT];
  }

  set servesAtUs(us: number) {
    this.rows.numbers[this.index * NUMBERS + SERVES_AT] = us;
  }

  /** The event of its last boot: what a device was asked before it is answered to nobody. */
  get bootEvent(): number {
    return this.rows.numbers[this.index * NUMBERS + BOOT_EVENT];
  }

  set bootEvent(event: number) {
    this.rows.numbers[this.index * NUMBERS + BOOT_EVENT] = event;
  }

  /** Its number in the world, which numbers nodes first; `node.self` is its own, which differs in runs that check. */
  get peer(): Peer {
    return this.index;
  }

  get bandwidthBytesPerSecond(): number {
    return this.rows.numbers[this.index * NUMBERS + BANDWIDTH];
  }

  /** Everything that the node was ever told, in one number, over all its boots: copied into a digest, for `keepChain` to put back. */
  copyChain(into: Digest): Digest {
    const { words } = this.rows;
    const at = 2 * (this.index * NUMBERS + CHAIN);
    into.high = words[at];
    into.low = words[at + 1];
    return into;
  }

  keepChain({ high, low }: Digest): void {
    const { words } = this.rows;
    const at = 2 * (this.index * NUMBERS + CHAIN);
    words[at] = high;
    words[at + 1] = low;
  }

  get clock(): Clock {
    return this;
  }

  get anchorUs(): number {
    return this.rows.numbers[this.index * NUMBERS + ANCHOR];
  }

  set anchorUs(us: number) {
    this.rows.numbers[this.index * NUMBERS + ANCHOR] = us;
  }

  get driftPpm(): number {
    return this.odd === null ? 0 : this.odd.driftPpm;
  }

  set driftPpm(ppm: number) {
    if (ppm !== this.driftPpm) this.oddities.driftPpm = ppm;
  }

  get anchorMonoUs(): number {
    return this.odd === null ? 0 : this.odd.anchorMonoUs;
  }

  set anchorMonoUs(us: number) {
    if (us !== this.anchorMonoUs) this.oddities.anchorMonoUs = us;
  }

  get wallOffsetUs(): number {
    return this.odd === null ? 0 : this.odd.wallOffsetUs;
  }

  set wallOffsetUs(us: number) {
    if (us !== this.wallOffsetUs) this.oddities.wallOffsetUs = us;
  }

  /** Who sits between the node and the network, if anybody does. */
  get villain(): Guise | null {
    return this.odd === null ? null : this.odd.villain;
  }

  set villain(villain: Guise) {
    this.oddities.villain = villain;
  }

  /** Between the node and the world in runs that check. */
  get wire(): Wire | null {
    return this.odd === null ? null : this.odd.wire;
  }

  /** The version of the wire format that it speaks: it refuses all others. */
  get wireVersion(): number {
    return this.odd === null ? WIRE_VERSION : this.odd.wireVersion;
  }

  set wireVersion(version: number) {
    if (version !== this.wireVersion) this.oddities.wireVersion = version;
  }

  /** Faults that act on it, in the order in which they began. */
  get faults(): ArmedFault<ResolvedNodeFault>[] {
    return this.oddities.faults;
  }

  /** Backups of its disk, each by the fault at whose end it is put back. */
  get backups(): Map<ArmedFault, Backup> {
    return this.oddities.backups;
  }

  /** Whether any does. */
  get isHarmed(): boolean {
    return this.odd !== null && this.odd.faults.length > 0;
  }

  /** Its disk. */
  get platter(): Platter {
    return (this.ownPlatter ??= new Platter());
  }

  /** Faults that keep it without power; it can boot when there is none. */
  get offBy(): Set<ArmedFault> {
    return (this.oddities.offBy ??= new Set());
  }

  /** Whether there is anything odd about it: a villain, a fault, a clock that is not a true one. */
  get isOdd(): boolean {
    return this.odd !== null;
  }

  private get oddities(): Oddities {
    return (this.odd ??= new Oddities());
  }
}

/** The digest of a run: the chains of its nodes, and that of its users, mixed with who they are. */
export function sumChains(machines: Iterable<Machine>, users: Digest): string {
  const sum = new Digest();
  const mixed = new Digest();
  const chain = new Digest();
  const add = (key: number, { high, low }: Digest): void => {
    mixed.clear().word(key).pair(high, low);
    sum.add(mixed.high, mixed.low);
  };
  for (const machine of machines) add(machine.key, machine.copyChain(chain));
  add(0, users);
  return sum.hex();
}
