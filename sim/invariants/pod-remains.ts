import type { Machine } from '../machine.ts';
import type { OwnedPod } from '../owned-pod.ts';
import type { World } from '../world.ts';

/** What lies of a pod on disks, by the world's own account of what is sealed with what. */

/** Whether a disk has a content, as it was written or sealed. */
export function hasCopy({ vault }: Pick<World, 'vault'>, { platter }: Machine, hash: string): boolean {
  return platter.holds(hash) || vault.sealsOf(hash).some((sealed) => platter.holds(sealed));
}

/** Whether a disk has a key of a pod. */
export function hasKey({ platter }: Machine, { id }: OwnedPod): boolean {
  for (const of of platter.keys.values()) if (of === id) return true;
  return false;
}

/** Whether a content can be read by whoever has all disks in hand: as it was written, or sealed, and there is the key. */
export function isReadable({ vault, machines }: World, hash: string): boolean {
  if (machines.some(({ platter }) => platter.holds(hash))) return true;
  return vault.sealsOf(hash).some((sealed) => {
    const { keyId } = vault.sealed.get(sealed)!;
    const isKept = machines.some(({ platter }) => platter.holds(sealed));
    return isKept && machines.some(({ platter }) => platter.keys.has(keyId));
  });
}

/** Whether one machine alone can read a content that lies there. */
export function canRead({ vault }: World, { platter }: Machine, hash: string): boolean {
  const isOpen = (sealed: string): boolean =>
    platter.holds(sealed) && platter.keys.has(vault.sealed.get(sealed)!.keyId);
  return platter.holds(hash) || vault.sealsOf(hash).some(isOpen);
}
