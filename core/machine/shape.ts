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
  | { readonly tag: 'derived'; readonly of?: T }
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

/** What shapes are made of; each uses some of it. */
interface Parts {
  readonly least?: number;
  readonly most?: number;
  readonly maxBytes?: number;
  readonly maxItems?: number;
  readonly item?: Shape | null;
  readonly names?: readonly string[];
  readonly shapes?: readonly Shape[];
  readonly key?: Shape | null;
  readonly value?: Shape | null;
  readonly shape?: Shape | null;
  readonly make?: (() => Own) | null;
}

/** The one birthplace of shapes: all have the same fields, in the same order, so that who walks over them meets one layout. */
function createShape<T>(tag: Shape['tag'], parts: Parts): Shape<T> {
  const { least = 0, most = 0, maxBytes = 0, maxItems = 0, names = [], shapes = [] } = parts;
  const { item = null, key = null, value = null, shape = null, make = null } = parts;
  const all = { tag, least, most, maxBytes, maxItems, names, shapes, item, key, value, shape, make };
  return all as unknown as Shape<T>;
}

export const integer = createShape<number>('integer', { most: Number.MAX_SAFE_INTEGER });
/** Any 32-bit word, signed: the state of a random generator. */
export const word = createShape<number>('integer', { least: -2147483648, most: 2147483647 });
/** An integer with a sign: differences, offsets. */
export const signed = createShape<number>('integer', { least: -(2 ** 51), most: 2 ** 51 });
export const flag = createShape<boolean>('flag', {});
export const peer = createShape<Peer>('peer', {});
export const ref = createShape<Ref>('ref', {});

export function upTo(most: number): Shape<number> {
  return createShape('integer', { most });
}

export function text(maxBytes: number): Shape<string> {
  return createShape('text', { maxBytes });
}

export function optional<T>(item: Shape<T>): Shape<T | null> {
  return createShape('optional', { item: item as Shape });
}

export function list<T>(item: Shape<T>, maxItems: number): Shape<T[]> {
  return createShape('list', { item: item as Shape, maxItems });
}

export function record<F extends Record<string, Shape>>(fields: F): Shape<{ [K in keyof F]: Of<F[K]> }> {
  return createShape('record', { names: Object.keys(fields), shapes: Object.values(fields) });
}

/** A map of a node's state. Not for bodies. Its order of insertion means nothing and is never relied on. */
export function table<K, V>(key: Shape<K>, value: Shape<V>): Shape<Map<K, V>> {
  return createShape('table', { key: key as Shape, value: value as Shape });
}

/** An object that is never changed in place, so that a clone may share it: what came in a body. */
export function shared<T extends object>(shape: Shape<T>): Shape<T> {
  return createShape('shared', { shape: shape as Shape });
}

/**
 * A value, never changed in place, that follows from the rest of the state and is kept to be used again: a clone shares it, and the
 * canonical hash has nothing of it.
 */
export function derived<T>(): Shape<T> {
  return createShape('derived', {});
}

export function own<T extends Own>(make: () => T): Shape<T> {
  return createShape('own', { make });
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

/** Whether values of this shape can hold content references. Shapes never change: it is found out once for each. */
export function mayHoldRefs(shape: Shape): boolean {
  let known = holders.get(shape);
  if (known === undefined) holders.set(shape, (known = findRefs(shape)));
  return known;
}

const holders = new WeakMap<Shape, boolean>();

function findRefs(shape: Shape): boolean {
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
