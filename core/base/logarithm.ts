/**
 * Logarithms as integers, of integers ≥ 1. `Math.log` may differ in its last bit between engines; sums, products and
 * quotients of doubles do not, and the results are far from where their rounding matters.
 */

/** ⌈log2 n⌉. */
export function log2Ceiling(n: number): number {
  let exponent = 0;
  for (let power = 1; power < n; power *= 2) exponent++;
  return exponent;
}

/** ⌈log10 n⌉. */
export function log10Ceiling(n: number): number {
  let exponent = 0;
  for (let power = 1; power < n; power *= 10) exponent++;
  return exponent;
}

/** ⌊1,000 · log10 n⌋, digit by digit: a tenth power moves the next digit of a logarithm before the point. */
export function log10Milli(n: number): number {
  let milli = 0;
  let rest = n;
  for (let digit = 0; digit < 4; digit++) {
    let whole = 0;
    for (; rest >= 10; whole++) rest /= 10;
    milli = milli * 10 + whole;
    const square = rest * rest;
    const fourth = square * square;
    rest = fourth * fourth * square;
  }
  return milli;
}

/** 10^9 · ln n for n from 1, rounded. */
const LN_BILLIONTHS: readonly number[] = [
  0, 693147181, 1098612289, 1386294361, 1609437912, 1791759469, 1945910149, 2079441542, 2197224577,
  2302585093, 2397895273, 2484906650, 2564949357, 2639057330, 2708050201, 2772588722, 2833213344,
];
/** The largest n that `lnBillionths` knows. */
export const MOST_LN = LN_BILLIONTHS.length;

/** 10^9 · ln n, rounded, for n in 1 … 17. */
export function lnBillionths(n: number): number {
  return LN_BILLIONTHS[n - 1];
}
