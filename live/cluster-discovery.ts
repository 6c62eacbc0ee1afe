/** The console of a live node inside its own process, and the interface of §5.1 over it. */
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { PENDING } from '../core/machine/kinds.ts';
import type { Node } from '../core/machine/node-state.ts';
import { NodeDiscovery, type JoinOptions, type NodeConsole } from '../sim/cluster-discovery.ts';
import { idOfConsole } from './identity.ts';
import type { LiveNode, LocalUser } from './live-node.ts';

/** Orders under way at most; the one that has waited longest is given up. */
const MAX_ORDERS = 64;

type Hear = (kind: number, body: unknown) => boolean;

/** Whoever runs a node, in the process of the node: it takes orders from here as from its operator. */
export class LiveConsole implements NodeConsole, LocalUser {
  readonly peer: Peer;
  readonly node: Node;
  private readonly live: LiveNode;
  private readonly waiting = new Map<number, Hear>();
  private nextN = 1;

  constructor(live: LiveNode) {
    this.live = live;
    this.node = live.driver.node;
    this.peer = live.ids.peerOf(idOfConsole(live.identity.id));
    live.console = this;
  }

  ask(kind: number, body: unknown, hear: Hear): void {
    const n = this.nextN++;
    if (this.waiting.size >= MAX_ORDERS) this.waiting.delete(this.waiting.keys().next().value!);
    this.waiting.set(n, hear);
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.from = envelope.origin = this.peer;
    envelope.to = this.node.self;
    envelope.originBoot = this.live.bootCount;
    envelope.n = n;
    envelope.body = body;
    this.live.driver.deliverOwn(envelope);
  }

  receive({ kind, n, body }: Envelope): void {
    const hear = this.waiting.get(n);
    const isLast = hear?.(kind, body) ?? true;
    if (isLast && kind !== PENDING) this.waiting.delete(n);
  }

  close(): void {
    this.waiting.clear();
  }
}

/** §5.1 over a running node of this process. */
export function discoveryOf(console: LiveConsole, options: JoinOptions = {}): NodeDiscovery {
  return new NodeDiscovery(console, options);
}
