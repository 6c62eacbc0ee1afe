import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { ERRANDS, LEASED, POD_FOUND, POD_KEY_GIVEN, POD_READ, POD_WRITTEN } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import {
  createPodDesk,
  nextPodDeskUs,
  onPodAnswer,
  onPodDeskAlarm,
  onPodDeskKeys,
  onPodDeskLeased,
  onPodErrand,
} from './pod-desk.ts';
import { onPodGiven } from '../compute.ts';
import { nextPodHostUs, onPodHostAlarm, onPodKeys, onPods } from './pod-host.ts';

/** Both sides of pods in a node: the gateway's desk, and the host. */

/** What owners, gateways and pod hosts say of pods. False if it is none for this node. */
export function receivePods(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { pods, gateway, podDesk } = node;
  const { kind, from, origin } = envelope;
  const isErrand = from === node.self ? isOwnReading(node, envelope) : gateway !== null;
  if (isErrand && from === origin && ERRANDS.includes(kind)) {
    onPodErrand(node, (node.podDesk ??= createPodDesk()), now, out, envelope);
    return true;
  }
  if (podDesk !== null) {
    if (kind === LEASED && onPodDeskLeased(node, podDesk, now, envelope)) return true;
    // Of a gateway that is a pod host, too, the errand itself comes by here on its way from the one to the other.
    const isAnswer = kind >= POD_WRITTEN && kind <= POD_KEY_GIVEN;
    if (isAnswer && onPodAnswer(node, podDesk, now, out, envelope)) return true;
  }
  if (kind === POD_FOUND && node.compute !== null && from === node.self && origin === node.self)
    return onPodGiven(node, node.compute, now, out, envelope);
  return pods !== null && onPods(node, pods, now, out, envelope);
}

/** What KEYS answers of the keys of pods. False if nobody here has asked. */
export function receiveKeys(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { pods, podDesk } = node;
  if (podDesk !== null) onPodDeskKeys(node, podDesk, now, out, envelope);
  if (pods !== null) onPodKeys(node, pods, now, out, envelope);
  return podDesk !== null || pods !== null;
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

/** A compute node fetches what a request may use as a gateway would, for itself: its first word goes to its own desk. */
function isOwnReading({ self, compute }: Node, { kind, from, attempt }: Envelope): boolean {
  return compute !== null && kind === POD_READ && from === self && attempt === 0;
}
