import type { Digest } from '../base/digest.ts';
import type { Peer } from '../base/peers.ts';

/**
 * A shape says once what a value is made of: message bodies and the state of nodes alike. The codec, `clone`,
 * `fold`, `diff` and the search for references all read the same shape, so none of them can forget a field.
 */
export type Shape<T = unknown> =
  | { readonly tag: 'integer'; readonly least: number; readonly most: number; readonly of?: T }
  | { readonly tag: 'flag'; readonly of?: T }
  | { readonly tag: 'peer'; readonly of?: T }
  | { readonly tag: 'ref'; readonly of?: T }
  | { readonly tag: 'text'; readonly maxBytes: number; readonly of?: T }
  | { readonly tag: 'optional'; readonly item: Shape; readonly of?: T }
  | { readonly tag: 'list'; readonly item: Shape; readonly maxItems: number; readonly of?: T }
  | {
      readonly tag: 'record';
      readonly names: readonly string[];
      readonly shapes: readonly Shape[];
      readonly of?: T;
    }
  | { readonly tag: 'table'; readonly key: Shape; readonly value: Shape; readonly of?: T }
  | { readonly tag: 'shared'; readonly shape: Shape; readonly of?: T }
  | { readonly tag: 'own'; readonly make: () => Own; readonly of?: T };

/** The type of the values of a shape. */
export type Of<S> = S extends Shape<infer T> ? T : never;

/** A structure that brings its own copy and canonical hash, such as a heap of deadlines. State only. */
export interface Own {
  clone(): Own;
  fold(digest: Digest, rank: (peer: Peer) => number): void;
}

/** A reference to content that lives outside the core: what it hashes to, how large it is, what key sealed it (0: none). */
export interface Ref {
  readonly hash: string;
  readonly sizeBytes: number;
  readonly keyId: number;
}

export const integer: Shape<number> = { tag: 'integer', least: 0, most: Number.MAX_SAFE_INTEGER };
/** Any 32-bit word, signed: the state of a random generator. */
export const word: Shape<number> = { tag: 'integer', least: -2147483648, most: 2147483647 };
/** An integer with a sign: differences, offsets. */
export const signed: Shape<number> = { tag: 'integer', least: -(2 ** 51), most: 2 ** 51 };
export const flag: Shape<boolean> = { tag: 'flag' };
export const peer: Shape<Peer> = { tag: 'peer' };
export const ref: Shape<Ref> = { tag: 'ref' };

export function upTo(most: number): Shape<number> {
  return { tag: 'integer', least: 0, most };
}

export function text(maxBytes: number): Shape<string> {
  return { tag: 'text', maxBytes };
}

export function optional<T>(item: Shape<T>): Shape<T | null> {
  return { tag: 'optional', item };
}

export function list<T>(item: Shape<T>, maxItems: number): Shape<T[]> {
  return { tag: 'list', item, maxItems };
}

export function record<F extends Record<string, Shape>>(fields: F): Shape<{ [K in keyof F]: Of<F[K]> }> {
  return { tag: 'record', names: Object.keys(fields), shapes: Object.values(fields) };
}

/** A map of a node's state. Not for bodies. Its order of insertion means nothing and is never relied on. */
export function table<K, V>(key: Shape<K>, value: Shape<V>): Shape<Map<K, V>> {
  return { tag: 'table', key, value };
}

/** A value that is never changed in place, so that a clone may share it: what came in a body. */
export function shared<T>(shape: Shape<T>): Shape<T> {
  return { tag: 'shared', shape };
}

export function own<T extends Own>(make: () => T): Shape<T> {
  return { tag: 'own', make };
}

/** Calls `visit` for each content reference inside a value. */
export function visitRefs(shape: Shape, value: unknown, visit: (found: Ref) => void): void {
  switch (shape.tag) {
    case 'ref':
      return visit(value as Ref);
    case 'optional':
      if (value !== null) visitRefs(shape.item, value, visit);
      return;
    case 'list':
      if (mayHoldRefs(shape.item)) for (const item of value as unknown[]) visitRefs(shape.item, item, visit);
      return;
    case 'record': {
      const fields = value as Record<string, unknown>;
      for (let i = 0; i < shape.names.length; i++) {
        if (mayHoldRefs(shape.shapes[i])) visitRefs(shape.shapes[i], fields[shape.names[i]], visit);
      }
      return;
    }
    case 'table':
      for (const item of (value as Map<unknown, unknown>).values()) visitRefs(shape.value, item, visit);
      return;
    case 'shared':
      return visitRefs(shape.shape, value, visit);
  }
}

/** Whether values of this shape can hold content references. */
export function mayHoldRefs(shape: Shape): boolean {
  switch (shape.tag) {
    case 'ref':
      return true;
    case 'optional':
    case 'list':
      return mayHoldRefs(shape.item);
    case 'record':
      return shape.shapes.some(mayHoldRefs);
    case 'table':
      return mayHoldRefs(shape.key) || mayHoldRefs(shape.value);
    case 'shared':
      return mayHoldRefs(shape.shape);
    default:
      return false;
  }
}
