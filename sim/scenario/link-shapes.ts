import type { Sides } from './resolved-link-faults.ts';

/** Shapes that cuts and other harm to links take, over names of clusters or nodes, whether planned or drawn. */
export interface Shape extends Sides {
  readonly bothWays: boolean;
  readonly more?: readonly Sides[];
}

/** The first half of them against the second; null if there are not two. */
export function halvesOf(names: readonly string[]): Shape | null {
  if (names.length < 2) return null;
  const middle = Math.ceil(names.length / 2);
  return { from: names.slice(0, middle), to: names.slice(middle), bothWays: true };
}

/** Each of several sides against each other one; null if there are not two. */
export function apartOf(sides: readonly (readonly string[])[]): Shape | null {
  return together(
    sides.flatMap((from, i) => sides.slice(i + 1).map((to) => ({ from, to }))),
    true,
  );
}

/**
 * Majorities of a ring (as in Jepsen): each cluster hears as many neighbours, itself among them, as make a majority, half of
 * them to its left and half to its right, and is deaf to the others. No two hear the same ones. Null if there are not three.
 */
export function ringOf(names: readonly string[]): Shape | null {
  if (names.length < 3) return null;
  const majority = Math.floor(names.length / 2) + 1;
  const leftmost = Math.floor(majority / 2);
  const pairs = names.map((to, i) => {
    const heard = Array.from(
      { length: majority },
      (_, k) => names[(i + k - leftmost + names.length) % names.length],
    );
    return { from: names.filter((name) => !heard.includes(name)), to: [to] };
  });
  return together(pairs, false);
}

function together([first, ...more]: readonly Sides[], bothWays: boolean): Shape | null {
  if (first === undefined) return null;
  return { ...first, bothWays, ...(more.length === 0 ? {} : { more }) };
}
