import { Digest } from '../core/base/digest.ts';
import { NEVER_US } from '../core/base/time.ts';
import { Inbox } from '../core/machine/inbox.ts';
import type { StoredState } from '../core/machine/kinds.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Peer } from '../core/base/peers.ts';
import type { Wire } from './wire.ts';
import type { ResolvedNode } from './scenario/resolved.ts';

/** What the world keeps for one node: the computer that it runs on. */
export interface Machine {
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
  readonly digest: Digest;
  isUp: boolean;
  /** Faults that freeze it; it handles nothing while there is one. */
  pauses: number;
  bootCount: number;
  /** When it was last booted, by the world's clock: its steady clock shows the time since. */
  bootedAtUs: number;
  /** The step at work ends then. */
  busyUntilUs: number;
  /** The alarm that will be heeded; others that lie in the schedule are stale. */
  alarmAtUs: number;
  /** When the inbox will be served next; NEVER_US if that is not scheduled. */
  servesAtUs: number;
  inbox: Inbox<number> | null;
  /** What its disk holds, crash or not. */
  disk: StoredState | null;
}

export function createMachine(
  index: number,
  peer: Peer,
  wire: Wire | null,
  spec: ResolvedNode,
  cluster: number,
  region: number,
  key: number,
  node: Node,
): Machine {
  return {
    index,
    peer,
    wire,
    spec,
    cluster,
    region,
    key,
    node,
    digest: new Digest(),
    isUp: false,
    pauses: 0,
    bootCount: 0,
    bootedAtUs: 0,
    busyUntilUs: 0,
    alarmAtUs: NEVER_US,
    servesAtUs: NEVER_US,
    inbox: null,
    disk: null,
  };
}
