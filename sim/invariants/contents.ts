import type { Ref, Shape } from '../../core/machine/shape.ts';

/** Reads one content out of a body; null if the body leaves it out. */
export type RefReader = (body: unknown) => Ref | null;

/** A reader for each content that bodies of a shape can name. Lists of contents are not foreseen in any body. */
export function readersOf(shape: Shape): RefReader[] {
  switch (shape.tag) {
    case 'ref':
      return [(body): Ref => body as Ref];
    case 'optional':
      return readersOf(shape.item).map(
        (read) =>
          (body): Ref | null =>
            body === null ? null : read(body),
      );
    case 'record':
      return shape.names.flatMap((name, i) =>
        readersOf(shape.shapes[i]).map(
          (read) =>
            (body): Ref | null =>
              read((body as Readonly<Record<string, unknown>>)[name]),
        ),
      );
    case 'list':
      if (readersOf(shape.item).length > 0)
        throw new Error('a list of contents in a body needs a reader here');
      return [];
    default:
      return [];
  }
}
