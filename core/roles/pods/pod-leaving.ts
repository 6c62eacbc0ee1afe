import type { Now } from '../../base/time.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { NOTE_POD_ASTRAY } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { noteWhy } from '../../machine/speech.ts';
import { entriesInOrder, type PodEntry } from './pod-state.ts';

/**
 * A pod host that leaves hands its pods over first (R5.1-3). It says so with each lease; then it counts as a holder for nobody, so others
 * are to hold what it has, it brings it to them, and lets go when they have it (see pod-copies).
 */
export function beginLeaving({ pods }: Node, now: Now): void {
  if (pods === null) return;
  pods.nextRepairUs = now.monoUs;
  pods.repairedTo = '';
}

function isHeld({ copy, wanted, keys, minting, destroying }: PodEntry): boolean {
  return copy !== null || wanted !== null || keys.length > 0 || minting !== 0 || destroying !== 0;
}

/** Whether nothing of any pod is left here, and nobody waits for anything. */
export function hasHandedOver({ pods }: Node): boolean {
  if (pods === null) return true;
  if (pods.works.size > 0) return false;
  for (const entry of pods.entries.values()) if (isHeld(entry)) return false;
  return true;
}

/** Tells which pods stay on the disk of a host that goes: nobody else may have them, or nobody took them in time. */
export function noteStaying(node: Node, out: Outbox): string[] {
  if (node.pods === null) return [];
  const staying = entriesInOrder(node.pods).filter(isHeld);
  for (const { pod } of staying)
    noteWhy(
      node,
      out,
      NOTE_POD_ASTRAY,
      pod,
      node.self,
      'its host leaves the cluster, and no other has taken it',
    );
  return staying.map(({ pod }) => pod);
}
