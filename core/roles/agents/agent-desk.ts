import type { Peer } from '../../base/peers.ts';
import { hasMemberType, liveMembersOf } from '../../cluster/membership/detector.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { AGENTS, AGENTS_FOUND, REFUSED, type Refused } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { reply } from '../../machine/speech.ts';
import { NO_ELIGIBLE_NODE } from '../../routing/outcomes.ts';
import { MAX_ASKED } from './agent-plan.ts';

/**
 * A gateway is where owners and the hosts of their agents meet (R4-6). It keeps nothing of an agent once it has begun: it
 * passes on what either side says, so a gateway that is new serves as well as one that was there.
 */

/** An owner asks after its agents, or for something of one of them. */
export function onAsked(node: Node, out: Outbox, envelope: Envelope): void {
  if (envelope.kind === AGENTS) askAll(node, out, envelope);
  else askHost(node, out, envelope);
}

function askHost(node: Node, out: Outbox, envelope: Envelope): void {
  const { host } = envelope.body as { readonly host: Peer };
  if (hasMemberType(node, host, 'compute')) {
    pass(node, out, envelope, host);
    return;
  }
  const detail = 'no compute node of this cluster is known by that id';
  const body: Refused = { code: NO_ELIGIBLE_NODE, retryAfterUs: 0, detail, struck: [] };
  reply(node, out, envelope, REFUSED, body);
}

/** Each host answers for itself, and the owner is told who has been asked. */
function askAll(node: Node, out: Outbox, envelope: Envelope): void {
  const asked = liveMembersOf(node, 'compute').slice(0, MAX_ASKED);
  for (const host of asked) pass(node, out, envelope, host);
  reply(node, out, envelope, AGENTS_FOUND, { by: node.self, asked, agents: [] });
}

/** A host says something to the owner of an agent. False if it is no host. */
export function onSaidToOwner(node: Node, out: Outbox, envelope: Envelope): boolean {
  if (!hasMemberType(node, envelope.from, 'compute')) return false;
  pass(node, out, envelope, envelope.origin);
  return true;
}

function pass(node: Node, out: Outbox, envelope: Envelope, to: Peer): void {
  const { kind, origin, originBoot, n, attempt, body } = envelope;
  out.send(kind, node.self, to, origin, originBoot, n, attempt, body);
}
