import { expect } from 'chai';
import { createRandom, drawBelow, drawWord, mixInteger, mixWord } from '../../../core/base/rng.ts';

/** sfc32 as it is published (PractRand), in arithmetic of arbitrary precision. */
function* sfc32(words: readonly [number, number, number, number]): Generator<number> {
  const wrap = (value: bigint): bigint => BigInt.asUintN(32, value);
  let [a, b, c, counter] = words.map((word) => wrap(BigInt(word)));
  for (;;) {
    const sum = wrap(a + b + counter);
    counter = wrap(counter + 1n);
    a = b ^ (b >> 9n);
    b = wrap(c + (c << 3n));
    c = wrap(wrap((c << 21n) | (c >> 11n)) + sum);
    yield Number(sum);
  }
}

describe('random words', () => {
  it('are those of sfc32 after twelve rounds of warming up', () => {
    const words = [0xdeadbeef, 0x12345678, 7, 1] as const;
    const published = sfc32([...words]);
    for (let i = 0; i < 12; i++) published.next();
    const random = createRandom(words);
    for (let i = 0; i < 1_000; i++) expect(drawWord(random)).to.equal(published.next().value);
  });

  it('never change: these are pinned', () => {
    const random = createRandom([1, 2, 3, 4]);
    expect(Array.from({ length: 4 }, () => drawWord(random))).to.deep.equal([
      3443787395, 93395353, 1271634353, 2485495983,
    ]);
  });

  it('below a bound lie in it and reach all of it', () => {
    const random = createRandom([5, 6, 7, 8]);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6_000; i++) counts[drawBelow(random, 6)]++;
    for (const count of counts) expect(count).to.be.within(850, 1_150);
    expect(drawBelow(random, 1)).to.equal(0);
    for (let i = 0; i < 1_000; i++) expect(drawBelow(random, 1 << 20)).to.be.within(0, (1 << 20) - 1);
  });
});

describe('mixing', () => {
  it('is the finaliser of MurmurHash3: fmix32(1) = 0x514e28b7, fmix32(0) = 0', () => {
    expect(mixWord(0x9e3779b9 ^ 1, 0) >>> 0).to.equal(0x514e28b7);
    expect(mixWord(0x9e3779b9 | 0, 0)).to.equal(0);
  });

  it('turns over about half of the bits when one bit changes', () => {
    let flips = 0;
    for (let bit = 0; bit < 32; bit++) {
      for (let state = 1; state <= 32; state++) {
        let difference = (mixWord(state, 12_345) ^ mixWord(state, 12_345 ^ (1 << bit))) >>> 0;
        for (; difference > 0; difference >>>= 1) flips += difference & 1;
      }
    }
    expect(flips / (32 * 32)).to.be.within(15, 17);
  });

  it('tells integers beyond 32 bits apart, and negative ones', () => {
    const mixed = [0, 1, -1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, -(2 ** 53) + 1].map((value) =>
      mixInteger(9, value),
    );
    expect(new Set(mixed).size).to.equal(7);
  });
});
