import { KINDS } from '../../core/machine/kinds.ts';
import type { Ref, Shape } from '../../core/machine/shape.ts';

/** Adds the contents that a value names to a list. */
export type RefReader = (value: unknown, found: Ref[]) => void;

/** What reads the contents out of values of a shape; null if they can name none. */
export function readerOf(shape: Shape): RefReader | null {
  switch (shape.tag) {
    case 'ref':
      return (value, found) => void found.push(value as Ref);
    case 'optional': {
      const read = readerOf(shape.item);
      if (read === null) return null;
      return (value, found) => {
        if (value !== null) read(value, found);
      };
    }
    case 'shared':
      return readerOf(shape.shape);
    case 'list': {
      const read = readerOf(shape.item);
      if (read === null) return null;
      return (value, found) => {
        for (const item of value as readonly unknown[]) read(item, found);
      };
    }
    case 'record': {
      const fields = shape.names.flatMap((name, i) => {
        const read = readerOf(shape.shapes[i]);
        return read === null ? [] : [{ name, read }];
      });
      if (fields.length === 0) return null;
      return (value, found) => {
        for (const { name, read } of fields) read((value as Readonly<Record<string, unknown>>)[name], found);
      };
    }
    default:
      return null;
  }
}

/** By kind. */
const READERS = KINDS.map((entry) => (entry === undefined ? null : readerOf(entry.body)));

const NONE: readonly Ref[] = [];

/** The contents that the body of an envelope names, in order; the same content as often as it is named. */
export function refsIn(kind: number, body: unknown): readonly Ref[] {
  const read = READERS[kind];
  if (read === null || read === undefined) return NONE;
  const found: Ref[] = [];
  read(body, found);
  return found;
}
