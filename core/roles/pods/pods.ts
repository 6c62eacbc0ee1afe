import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { LEASED, POD_RULE, POD_RULED, POD_WRITE, POD_WRITTEN } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import {
  createPodDesk,
  nextPodDeskUs,
  onPodAnswer,
  onPodDeskAlarm,
  onPodDeskLeased,
  onPodErrand,
} from './pod-desk.ts';
import { nextPodHostUs, onPodHostAlarm, onPods } from './pod-host.ts';

/** Both sides of pods in a node: the gateway's desk, and the host. */

/** What owners, gateways and pod hosts say of pods. False if it is none for this node. */
export function receivePods(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { pods, gateway, podDesk } = node;
  const { kind, from, origin } = envelope;
  if (gateway !== null && from === origin && kind >= POD_WRITE && kind <= POD_RULE) {
    onPodErrand(node, (node.podDesk ??= createPodDesk()), now, out, envelope);
    return true;
  }
  if (podDesk !== null) {
    if (kind === LEASED && onPodDeskLeased(node, podDesk, now, envelope)) return true;
    // Of a gateway that is a pod host, too, the errand itself comes by here on its way from the one to the other.
    const isAnswer = kind >= POD_WRITTEN && kind <= POD_RULED;
    if (isAnswer && onPodAnswer(node, podDesk, now, out, envelope)) return true;
  }
  return pods !== null && onPods(node, pods, now, out, envelope);
}

/** Of refusals: false if no errand about a pod waits for it. */
export function receivePodRefusal(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  return node.podDesk !== null && onPodAnswer(node, node.podDesk, now, out, envelope);
}

export function wakePods(node: Node, now: Now, out: Outbox): void {
  if (node.pods !== null) onPodHostAlarm(node, node.pods, now, out);
  if (node.podDesk !== null) onPodDeskAlarm(node, node.podDesk, now, out);
}

export function nextPodsUs({ pods, podDesk }: Node): number {
  const hostUs = pods === null ? NEVER_US : nextPodHostUs(pods);
  return podDesk === null ? hostUs : Math.min(hostUs, nextPodDeskUs(podDesk));
}
