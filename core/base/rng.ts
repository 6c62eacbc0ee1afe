/**
 * Chance for a node: sfc32 (Chris Doty-Humphrey's Small Fast Counter generator, PractRand), a value that is
 * cloned and folded like the rest of a node. The driver supplies the seed words at each boot.
 */
export interface RandomState {
  a: number;
  b: number;
  c: number;
  d: number;
}

export function createRandom(words: readonly number[]): RandomState {
  const random = { a: words[0] | 0, b: words[1] | 0, c: words[2] | 0, d: words[3] | 1 };
  for (let i = 0; i < 12; i++) drawWord(random);
  return random;
}

/** The next 32-bit word, 0 … 2^32 − 1. */
export function drawWord(random: RandomState): number {
  const sum = (((random.a + random.b) | 0) + random.d) | 0;
  random.d = (random.d + 1) | 0;
  random.a = random.b ^ (random.b >>> 9);
  random.b = (random.c + (random.c << 3)) | 0;
  random.c = (((random.c << 21) | (random.c >>> 11)) + sum) | 0;
  return sum >>> 0;
}

/** An integer in 0 … bound − 1, for bound ≤ 2^20: multiply and shift, biased by less than bound / 2^32. */
export function drawBelow(random: RandomState, bound: number): number {
  return Math.floor((drawWord(random) * bound) / 4294967296);
}

/** At most `most` items: a run of them from a random start, so that all get their turn. */
export function drawSome<T>(random: RandomState, items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  const start = drawBelow(random, items.length);
  return Array.from({ length: most }, (_, i) => items[(start + i) % items.length]);
}

/** One round of MurmurHash3's 32-bit finaliser (Austin Appleby) over `word` joined to `state`. */
export function mixWord(state: number, word: number): number {
  let h = state ^ (Math.imul(word, 0xcc9e2d51) + 0x9e3779b9);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** Mixes a safe integer, both its halves, into `state`. */
export function mixInteger(state: number, integer: number): number {
  return mixWord(mixWord(state, integer | 0), Math.floor(integer / 4294967296) | 0);
}
