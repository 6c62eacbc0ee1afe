import { Digest } from '../core/base/digest.ts';
import { NEVER_US } from '../core/base/time.ts';
import { WIRE_VERSION } from '../core/machine/codec.ts';
import type { Inbox } from '../core/machine/inbox.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Peer } from '../core/base/peers.ts';
import { createClock } from './clocks.ts';
import { createPlatter, type Platter } from './devices/disk.ts';
import type { ArmedFault } from './faults/harm.ts';
import type { Villain } from './malice/villain.ts';
import type { ResolvedNodeFault } from './scenario/resolved-node-faults.ts';
import type { Wire } from './wire.ts';
import type { ResolvedNode } from './scenario/resolved.ts';

/**
 * What the world keeps for one node: the computer that it runs on. There may be a million, most of them idle: what only some
 * need is made when it is first asked for.
 */
export class Machine {
  readonly index: number;
  /** Its number in the world; `node.self` is its own, which differs in runs that check. */
  readonly peer: Peer;
  /** Between the node and the world in runs that check. */
  readonly wire: Wire | null;
  readonly spec: ResolvedNode;
  readonly cluster: number;
  readonly region: number;
  /** Stands for the node in draws. */
  readonly key: number;
  readonly node: Node;
  /** Everything that the node was ever told, in one number, over all its boots. */
  readonly digest = new Digest();
  isUp = false;
  /** Faults that freeze it; it handles nothing while there is one. */
  pauses = 0;
  /** Faults that act on it, in the order in which they began. */
  readonly faults: ArmedFault<ResolvedNodeFault>[] = [];
  /** What its disk remembers of its boots; a wipe begins it anew. */
  bootCount = 0;
  /** All boots there were, and the event of the last one: what a device was asked before it is answered to nobody. */
  lives = 0;
  bootEvent = 0;
  readonly clock = createClock();
  /** How fast it is now, ppm. */
  speedPpm: number;
  /** The version of the wire format that it speaks: it refuses all others. */
  wireVersion = WIRE_VERSION;
  /** The step at work ends then. */
  busyUntilUs = 0;
  /** The alarm that will be heeded; others that lie in the schedule are stale. */
  alarmAtUs = NEVER_US;
  /** When the inbox will be served next; NEVER_US if that is not scheduled. */
  servesAtUs = NEVER_US;
  inbox: Inbox<number> | null = null;
  /** Who sits between the node and the network, if anybody does. */
  villain: Villain | null = null;
  private ownPlatter: Platter | null = null;
  private ownOffBy: Set<ArmedFault> | null = null;

  constructor(
    index: number,
    peer: Peer,
    wire: Wire | null,
    spec: ResolvedNode,
    cluster: number,
    region: number,
    key: number,
    node: Node,
  ) {
    this.index = index;
    this.peer = peer;
    this.wire = wire;
    this.spec = spec;
    this.cluster = cluster;
    this.region = region;
    this.key = key;
    this.node = node;
    this.speedPpm = spec.speedPpm;
  }

  /** Its disk. */
  get platter(): Platter {
    return (this.ownPlatter ??= createPlatter());
  }

  /** Faults that keep it without power; it can boot when there is none. */
  get offBy(): Set<ArmedFault> {
    return (this.ownOffBy ??= new Set());
  }
}

/** The digest of a run: the chains of its nodes, and that of its users, mixed with who they are. */
export function sumChains(machines: Iterable<Machine>, users: Digest): string {
  const sum = new Digest();
  const add = (key: number, chain: Digest): void => {
    const mixed = new Digest().word(key).word(chain.high).word(chain.low);
    sum.add(mixed.high, mixed.low);
  };
  for (const machine of machines) add(machine.key, machine.digest);
  add(0, users);
  return sum.hex();
}
