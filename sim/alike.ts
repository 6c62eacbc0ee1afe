import { Digest } from '../core/base/digest.ts';
import { diffValues, foldValue, type Rank } from '../core/machine/snapshot.ts';
import type { Shape } from '../core/machine/shape.ts';

const PLACES = 1 << 12;

/**
 * Holds once what many hold alike: of a million nodes that begin together nearly all keep the same on their disks and say the same
 * of themselves. It remembers one value a place, and finds it by its hash; what it has forgotten is held twice, and nothing else
 * comes of it. So what it remembers is no state of the world, and whoever looks through the world does not see it.
 */
export class Alike {
  readonly #values = new Array<object | null>(PLACES).fill(null);
  readonly #shapes = new Array<Shape | null>(PLACES).fill(null);
  readonly #digest = new Digest();
  private readonly rank: Rank;

  constructor(rank: Rank) {
    this.rank = rank;
  }

  /** An equal value that was handed in before, or this one, which must never change. */
  once<T extends object>(shape: Shape<T>, value: T): T {
    foldValue(shape, value, this.#digest.clear(), this.rank);
    const place = this.#digest.low & (PLACES - 1);
    const known = this.#values[place];
    const isKnown = known !== null && this.#shapes[place] === shape;
    if (isKnown && diffValues(shape, known as T, value, 1).length === 0) return known as T;
    this.#values[place] = value;
    this.#shapes[place] = shape as Shape;
    return value;
  }
}
