import { mixWord } from './rng.ts';

/** Marks the first word of an integer that takes two. */
const LARGE = 0x5bd1e995;

/**
 * A 64-bit chain over integers and texts, in two lanes of 32 bits. It tells runs apart; it keeps no secret
 * and signs nothing.
 */
export class Digest {
  high = 0x6a09e667;
  low = 0x3c6ef372;

  word(word: number): this {
    return this.pair(word, word);
  }

  /** Two words in one step, at the price of one: a lane takes in each. */
  pair(first: number, second: number): this {
    this.low = mixWord(this.low, first);
    this.high = mixWord(Math.imul(this.high, 31) ^ this.low, second);
    return this;
  }

  /** Any safe integer, negative ones too. */
  integer(integer: number): this {
    const lower = integer | 0;
    // Nearly all are small, and need no division and one word only.
    if (lower === integer) return this.word(lower);
    return this.pair(lower ^ LARGE, Math.floor(integer / 4294967296) | 0);
  }

  text(text: string): this {
    // One product a letter and lane (FNV-1a of Fowler, Noll and Vo), in registers; what follows mixes them.
    let { high, low } = this;
    for (let i = 0; i < text.length; i++) {
      const letter = text.charCodeAt(i);
      low = Math.imul(low ^ letter, 0x01000193);
      high = Math.imul(high ^ letter, 0x85ebca6b);
    }
    this.high = high;
    this.low = low;
    return this.word(text.length);
  }

  /** Adds another chain as a number of 64 bits: the sum does not depend on the order of its terms. */
  add(high: number, low: number): this {
    const lowSum = (this.low >>> 0) + (low >>> 0);
    this.low = lowSum | 0;
    this.high = (this.high + high + (lowSum > 0xffffffff ? 1 : 0)) | 0;
    return this;
  }

  /** Takes a term out of a sum again. */
  subtract(high: number, low: number): this {
    const difference = (this.low >>> 0) - (low >>> 0);
    this.low = difference | 0;
    this.high = (this.high - high - (difference < 0 ? 1 : 0)) | 0;
    return this;
  }

  clear(): this {
    this.high = 0x6a09e667;
    this.low = 0x3c6ef372;
    return this;
  }

  hex(): string {
    return hexWords(this.high, this.low);
  }
}

export function hexWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}

/** Two words as 16 hexadecimal digits, in one piece: a text joined of two keeps both, and takes three times the room. */
export function hexWords(high: number, low: number): string {
  return String.fromCharCode(
    digitAt(high, 28),
    digitAt(high, 24),
    digitAt(high, 20),
    digitAt(high, 16),
    digitAt(high, 12),
    digitAt(high, 8),
    digitAt(high, 4),
    digitAt(high, 0),
    digitAt(low, 28),
    digitAt(low, 24),
    digitAt(low, 20),
    digitAt(low, 16),
    digitAt(low, 12),
    digitAt(low, 8),
    digitAt(low, 4),
    digitAt(low, 0),
  );
}

function digitAt(word: number, shift: number): number {
  const digit = (word >>> shift) & 15;
  return digit < 10 ? 0x30 + digit : 0x57 + digit;
}
