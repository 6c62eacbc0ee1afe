import type { Peer } from '../base/peers.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import type { Node } from '../machine/node-state.ts';

/**
 * A gateway is where owners and the hosts of their agents meet (R4-6). It keeps nothing of an agent once it has begun: it
 * passes on what either side says, so a gateway that is new serves as well as one that was there.
 */

/** Passes on what an owner says to the host of an agent. */
export function passToHost(node: Node, out: Outbox, envelope: Envelope, host: Peer): void {
  pass(node, out, envelope, host);
}

/** Passes on what a host says to the owner of an agent. */
export function passToOwner(node: Node, out: Outbox, envelope: Envelope): void {
  pass(node, out, envelope, envelope.origin);
}

function pass(node: Node, out: Outbox, envelope: Envelope, to: Peer): void {
  const { kind, origin, originBoot, n, attempt, body } = envelope;
  out.send(kind, node.self, to, origin, originBoot, n, attempt, body);
}
