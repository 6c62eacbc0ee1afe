import { assert } from '../core/base/assert.ts';
import { cloneNode } from '../core/machine/node-state.ts';
import type { Watcher, World } from './world.ts';

/**
 * A run at one moment, to go on from as often as wanted, while the run that it was taken from goes on undisturbed. It
 * lies in memory and shares with the world what never changes; a run that is to outlive its process is made again from
 * its scenario and its seed.
 */
export class Checkpoint {
  private readonly world: World;

  /** @param world not in the middle of a step. */
  constructor(world: World, watcher: Watcher | null) {
    this.world = copyWorld(world, watcher);
  }

  get nowUs(): number {
    return this.world.nowUs;
  }

  /** A world of its own, as it was at that moment; nobody watches it. */
  copy(): World {
    return copyWorld(this.world, null);
  }
}

function copyWorld(world: World, watcher: Watcher | null): World {
  const copier = new Copier();
  copier.shareAll(world.scenario);
  copier.share(world.roots);
  // Everybody has a number before the first event.
  copier.share(world.identities);
  // What is published was so from the start.
  copier.share(world.library);
  for (const machine of world.machines) {
    copier.share(machine.wire);
    copier.put(machine.node, cloneNode(machine.node));
  }
  // Bodies of envelopes never change.
  for (const { want, answer, refused } of world.users.requests) {
    copier.share(want);
    copier.share(answer);
    copier.share(refused);
  }
  copier.put(watcher, null);
  copier.put(world.users.onEnded, null);
  copier.put(world.podOwners.onEnded, null);
  return copier.copy(world);
}

/**
 * Copies all that can be reached from an object, each object once. It knows no field of the world by name: whatever is
 * added to the world is in its checkpoints, too, and what cannot be copied is refused.
 */
class Copier {
  private readonly copies = new Map<unknown, unknown>();

  /** Settles what the copy of an object is. */
  put(original: object | null, copy: unknown): void {
    if (original !== null) this.copies.set(original, copy);
  }

  share(object: object | null): void {
    this.put(object, object);
  }

  /** Shares an object and everything in it. */
  shareAll(object: object): void {
    this.share(object);
    for (const item of Object.values(object)) if (isObject(item)) this.shareAll(item);
  }

  copy<T>(value: T): T {
    if (this.copies.has(value)) return this.copies.get(value) as T;
    assert(typeof value !== 'function', 'a checkpoint holds no function: its state could not be copied');
    // What is frozen came out of a codec: a body, frozen through and through.
    if (!isObject(value) || Object.isFrozen(value)) return value;
    return this.copyObject(value) as T;
  }

  private copyObject(original: object): object {
    if (isClonable(original)) return this.note(original, original.clone());
    if (ArrayBuffer.isView(original)) return this.note(original, (original as Float64Array).slice());
    if (original instanceof Map) {
      const map = this.note(original, new Map<unknown, unknown>());
      for (const [key, item] of original) map.set(this.copy<unknown>(key), this.copy<unknown>(item));
      return map;
    }
    if (original instanceof Set) {
      const set = this.note(original, new Set<unknown>());
      for (const item of original) set.add(this.copy<unknown>(item));
      return set;
    }
    const copy = this.note(
      original,
      Array.isArray(original)
        ? new Array<unknown>(original.length)
        : (Object.create(Object.getPrototypeOf(original) as object | null) as object),
    );
    for (const key of Object.keys(original)) {
      (copy as Record<string, unknown>)[key] = this.copy((original as Record<string, unknown>)[key]);
    }
    return copy;
  }

  /** Before its fields are copied, which may lead back to it. */
  private note<T extends object>(original: object, copy: T): T {
    this.copies.set(original, copy);
    return copy;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Whoever has parts of its own that a copier should not see through knows how to copy itself. */
function isClonable(value: object): value is { clone(): object } {
  return 'clone' in value && typeof value.clone === 'function';
}
