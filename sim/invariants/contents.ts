import type { Ref, Shape } from '../../core/machine/shape.ts';

/** The contents that a value of a shape names. */
export function hashesIn(shape: Shape, value: unknown): string[] {
  switch (shape.tag) {
    case 'ref':
      return [(value as Ref).hash];
    case 'optional':
      return value === null ? [] : hashesIn(shape.item, value);
    case 'list':
      return (value as unknown[]).flatMap((item) => hashesIn(shape.item, item));
    case 'record': {
      const fields = value as Readonly<Record<string, unknown>>;
      return shape.names.flatMap((name, i) => hashesIn(shape.shapes[i], fields[name]));
    }
    default:
      return [];
  }
}
