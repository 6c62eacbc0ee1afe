import type { OwnedPod, PodRequest } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { Invariant, isBeyondOneDisk } from './invariant.ts';
import { isReadable } from './pod-remains.ts';
import { nameOf } from './pods-at-home.ts';

const OK = 0;

/** R6.1-6. Fragile writes were said to be so; where more than one disk was wiped or has rotted, or a disk lies, nothing was promised. */
export class WritesSurvive extends Invariant {
  readonly name = 'writes-survive';
  readonly promise =
    'what was acknowledged as safe is on a disk, and the key to it if it is sealed, until its owner has written after it or deleted it';
  readonly watches = { ticks: true } as const;

  override onTick(world: World): void {
    if (world.podOwners.pods.length === 0 || isBeyondOneDisk(world)) return;
    for (const pod of world.podOwners.pods) {
      const last = lastSafeWrite(pod);
      if (last === null || pod.deletedUs < Infinity || isKept(pod)) continue;
      this.checked++;
      const { hash } = last.content!;
      if (!isReadable(world, hash))
        this.violate(world, `${nameOf(pod)}: ${hash} was acknowledged, and no disk has it any more`);
    }
  }
}

/** The last write that was acknowledged, if nothing was written after it that may have replaced it. */
export function lastSafeWrite({ requests }: OwnedPod): PodRequest | null {
  for (let i = requests.length - 1; i >= 0; i--) {
    if (requests[i].act !== 'write' || isRefused(requests[i])) continue;
    return requests[i].code === OK && !requests[i].isFragile ? requests[i] : null;
  }
  return null;
}

/** It surely had no effect: an error that is definite. Those of which nobody knows are numbers 11 and 12 on the wire. */
function isRefused({ code }: PodRequest): boolean {
  return code > OK && code !== 11 && code !== 12;
}

/** Whether the retention of the pod may delete it. */
function isKept({ policies }: OwnedPod): boolean {
  return policies.some(({ document }) => document.terms.policy.retention.maxDays !== null);
}
