import seedrandom from 'seedrandom';
import { mixInteger, mixWord } from '../core/base/rng.ts';

/** What chance is needed for. Each purpose has root words of its own, so that none disturbs another. */
export interface Roots {
  readonly network: number;
  readonly users: number;
  readonly nodes: number;
  readonly keys: number;
  readonly nemesis: number;
}

/** The root words of a run. All other chance of the world is integer mixing of these. */
export function createRoots(seed: number): Roots {
  const word = (purpose: string): number => seedrandom(`watershed/${seed}/${purpose}`).int32();
  return {
    network: word('network'),
    users: word('users'),
    nodes: word('nodes'),
    keys: word('keys'),
    nemesis: word('nemesis'),
  };
}

/** A number that stands for a named thing and does not change when others are added. */
export function keyOfName(name: string): number {
  let key = name.length;
  for (let i = 0; i < name.length; i++) key = mixWord(key, name.charCodeAt(i));
  return key;
}

/** 32 bits of chance that depend on `root` and the parts, and on nothing else. 0 … 2^32 − 1. */
export function drawKeyed(root: number, first: number, second: number, third = 0): number {
  return mixInteger(mixInteger(mixInteger(root, first), second), third) >>> 0;
}

/** The value at quantile word / 2^32 of a table of evenly spaced quantiles, rounded down. */
export function valueAtQuantile(table: readonly number[], word: number): number {
  const place = (word * (table.length - 1)) / 4294967296;
  const below = Math.floor(place);
  const low = table[below];
  return Math.floor(low + (table[below + 1] - low) * (place - below));
}

/** Four words for the random generator of a node's boot. */
export function seedWordsOf(root: number, key: number, bootCount: number): number[] {
  return [1, 2, 3, 4].map((part) => drawKeyed(root, key, bootCount, part));
}
