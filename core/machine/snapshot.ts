import { assert } from '../base/assert.ts';
import { Digest } from '../base/digest.ts';
import { DISK, type Peer } from '../base/peers.ts';
import type { Own, Ref, Shape } from './shape.ts';

/** A copy that shares nothing that can change with the original. */
export function cloneValue<T>(shape: Shape<T>, value: T): T {
  return clone(shape as Shape, value) as T;
}

function clone(shape: Shape, value: unknown): unknown {
  switch (shape.tag) {
    case 'optional':
      return value === null ? null : clone(shape.item, value);
    case 'list':
      return (value as unknown[]).map((item) => clone(shape.item, item));
    case 'record': {
      const copy: Record<string, unknown> = {};
      const fields = value as Record<string, unknown>;
      for (let i = 0; i < shape.names.length; i++) {
        copy[shape.names[i]] = clone(shape.shapes[i], fields[shape.names[i]]);
      }
      return copy;
    }
    case 'table': {
      const copy = new Map<unknown, unknown>();
      for (const [key, item] of value as Map<unknown, unknown>) copy.set(key, clone(shape.value, item));
      return copy;
    }
    case 'own':
      return (value as Own).clone();
    default:
      return value;
  }
}

/** What peers are ranked by while state is folded; it may remember what the shared parts of the state came to. */
export interface Rank {
  (peer: Peer): number;
  readonly folded?: WeakMap<object, Folded>;
}

/** A digest of a shared value, and as what it was read. */
interface Folded {
  readonly shape: Shape;
  readonly digest: Digest;
}

/** A rank that remembers. To be used for nodes that share their numbers: what peers a body names is told by them. */
export function rememberFolds(rank: (peer: Peer) => number): Rank {
  return Object.assign((peer: Peer) => rank(peer), { folded: new WeakMap<object, Folded>() });
}

/**
 * Absorbs a value into a digest in a canonical way: peers by rank, the entries of tables as a sum, so that
 * neither the driver's numbers nor the order of insertion can be told from the result. What is shared never changes, so
 * it is folded by itself, and a rank that remembers folds it once.
 */
export function foldValue<T>(shape: Shape<T>, value: T, digest: Digest, rank: Rank): void {
  fold(shape as Shape, value, digest, rank);
}

function fold(shape: Shape, value: unknown, digest: Digest, rank: Rank): void {
  switch (shape.tag) {
    case 'integer':
      digest.integer(value as number);
      return;
    case 'flag':
      digest.word(value === true ? 1 : 0);
      return;
    case 'peer':
      digest.integer(rankOrDevice(value as Peer, rank));
      return;
    case 'text':
      digest.text(value as string);
      return;
    case 'ref': {
      const content = value as Ref;
      digest.text(content.hash).integer(content.sizeBytes).integer(content.keyId);
      return;
    }
    case 'optional':
      digest.word(value === null ? 0 : 1);
      if (value !== null) fold(shape.item, value, digest, rank);
      return;
    case 'list':
      digest.word((value as unknown[]).length);
      for (const item of value as unknown[]) fold(shape.item, item, digest, rank);
      return;
    case 'record': {
      const { names, shapes } = shape;
      const fields = value as Record<string, unknown>;
      for (let i = 0; i < names.length; i++) {
        const field = fields[names[i]];
        const ofField = shapes[i];
        // Nearly all fields are integers, or nothing: they need no call.
        if (ofField.tag === 'integer') digest.integer(field as number);
        else if (field === null && ofField.tag === 'optional') digest.word(0);
        else fold(ofField, field, digest, rank);
      }
      return;
    }
    case 'table': {
      const sum = new Digest();
      const entry = new Digest();
      for (const [key, item] of value as Map<unknown, unknown>) {
        entry.clear();
        fold(shape.key, key, entry, rank);
        fold(shape.value, item, entry, rank);
        sum.add(entry.high, entry.low);
      }
      digest
        .word((value as Map<unknown, unknown>).size)
        .word(sum.high)
        .word(sum.low);
      return;
    }
    case 'shared': {
      const { high, low } = foldShared(shape.shape, value as object, rank);
      digest.word(high).word(low);
      return;
    }
    case 'derived':
      return;
    case 'own':
      (value as Own).fold(digest, rank);
      return;
  }
}

function foldShared(shape: Shape, value: object, rank: Rank): Digest {
  const known = rank.folded?.get(value);
  if (known !== undefined && known.shape === shape) return known.digest;
  const digest = new Digest();
  fold(shape, value, digest, rank);
  rank.folded?.set(value, { shape, digest });
  return digest;
}

/** Devices and NOBODY have fixed numbers; everyone else has a rank. */
export function rankOrDevice(peer: Peer, rank: Rank): number {
  return peer <= DISK ? peer : rank(peer);
}

/** Where two values of one shape differ: a line each, `path: left ≠ right`, at most `limit` of them. */
export function diffValues<T>(shape: Shape<T>, left: T, right: T, limit = 20): string[] {
  const lines: string[] = [];
  diff(shape as Shape, left, right, '', (line) => {
    if (lines.length < limit) lines.push(line);
  });
  return lines;
}

type Say = (line: string) => void;

function diff(shape: Shape, left: unknown, right: unknown, path: string, say: Say): void {
  switch (shape.tag) {
    case 'optional':
      if ((left === null) !== (right === null)) sayDifference(path, left, right, say);
      else if (left !== null) diff(shape.item, left, right, path, say);
      return;
    case 'list': {
      const [leftItems, rightItems] = [left as unknown[], right as unknown[]];
      if (leftItems.length !== rightItems.length)
        sayDifference(`${path}.length`, leftItems.length, rightItems.length, say);
      const common = Math.min(leftItems.length, rightItems.length);
      for (let i = 0; i < common; i++) diff(shape.item, leftItems[i], rightItems[i], `${path}[${i}]`, say);
      return;
    }
    case 'record':
      for (let i = 0; i < shape.names.length; i++) {
        const name = shape.names[i];
        const below = path === '' ? name : `${path}.${name}`;
        diff(shape.shapes[i], (left as never)[name], (right as never)[name], below, say);
      }
      return;
    case 'table': {
      const [leftMap, rightMap] = [left as Map<unknown, unknown>, right as Map<unknown, unknown>];
      for (const [key, item] of leftMap) {
        if (!rightMap.has(key)) say(`${path}{${String(key)}}: only on the left`);
        else diff(shape.value, item, rightMap.get(key), `${path}{${String(key)}}`, say);
      }
      for (const key of rightMap.keys()) {
        if (!leftMap.has(key)) say(`${path}{${String(key)}}: only on the right`);
      }
      return;
    }
    case 'shared':
      diff(shape.shape, left, right, path, say);
      return;
    case 'derived':
      return;
    case 'own': {
      const identity = (number: Peer): number => number;
      const [leftDigest, rightDigest] = [new Digest(), new Digest()];
      (left as Own).fold(leftDigest, identity);
      (right as Own).fold(rightDigest, identity);
      if (leftDigest.hex() !== rightDigest.hex())
        sayDifference(path, leftDigest.hex(), rightDigest.hex(), say);
      return;
    }
    case 'ref': {
      const [leftRef, rightRef] = [left as Ref, right as Ref];
      assert(leftRef !== undefined && rightRef !== undefined, 'a reference is there on both sides');
      for (const field of ['hash', 'sizeBytes', 'keyId'] as const) {
        if (leftRef[field] !== rightRef[field])
          sayDifference(`${path}.${field}`, leftRef[field], rightRef[field], say);
      }
      return;
    }
    default:
      if (left !== right) sayDifference(path, left, right, say);
  }
}

function sayDifference(path: string, left: unknown, right: unknown, say: Say): void {
  say(`${path}: ${JSON.stringify(left)} ≠ ${JSON.stringify(right)}`);
}
