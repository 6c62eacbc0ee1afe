import { z } from 'zod';
import { librarySchema, scenarioSchema } from './schema.ts';

/** The two kinds of file there are, as JSON Schemas for editors: they complete names and check while one writes. */
export const SCHEMA_FILES = {
  'scenario.schema.json': { title: 'Watershed scenario', schema: scenarioSchema },
  'library.schema.json': { title: 'Watershed: what scenarios include', schema: librarySchema },
} as const;

/** The JSON Schema (draft 7) of one of them, as the text of its file. What is used in several places is defined once. */
export function jsonSchemaText(file: keyof typeof SCHEMA_FILES): string {
  const { title, schema } = SCHEMA_FILES[file];
  const written = z.toJSONSchema(schema, { io: 'input', target: 'draft-7', reused: 'ref' });
  const { $schema, definitions: defined, ...rest } = written;
  const definitions = defined as Readonly<Record<string, unknown>>;
  const patternProperties = { '^x-': { description: 'Yours: it is not read. A place for YAML anchors.' } };
  const uses = new Map<string, number>();
  for (const [ref] of JSON.stringify(written).matchAll(REF)) uses.set(ref, (uses.get(ref) ?? 0) + 1);
  const isShared = (ref: string): boolean =>
    uses.get(ref)! > 1 && JSON.stringify(definitions[keyOf(ref)]).length >= LEAST_CHARACTERS;
  const inline = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inline);
    if (typeof value !== 'object' || value === null) return value;
    const { $ref } = value as { readonly $ref?: string };
    if ($ref !== undefined && !isShared($ref)) return inline(definitions[keyOf($ref)]);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, inline(item)]));
  };
  const shared = Object.entries(definitions).filter(([key]) => isShared(`#/definitions/${key}`));
  const body = inline({ ...rest, patternProperties, definitions: Object.fromEntries(shared) }) as object;
  return `${JSON.stringify({ $schema, title, ...body }, null, 2)}\n`;
}

/** zod defines whatever it meets twice on its way; what is short is easier read where it is used. */
const LEAST_CHARACTERS = 40;
const REF = /#\/definitions\/\w+/g;

function keyOf(ref: string): string {
  return ref.slice('#/definitions/'.length);
}
