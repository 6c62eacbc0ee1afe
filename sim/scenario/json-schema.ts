import { z } from 'zod';
import { librarySchema, scenarioSchema } from './schema.ts';

/** The two kinds of file there are, as JSON Schemas for editors: they complete names and check while one writes. */
export const SCHEMA_FILES = {
  'scenario.schema.json': { title: 'Watershed scenario', schema: scenarioSchema },
  'library.schema.json': { title: 'Watershed: what scenarios include', schema: librarySchema },
} as const;

/** The JSON Schema (draft 7) of one of them, as the text of its file. */
export function jsonSchemaText(file: keyof typeof SCHEMA_FILES): string {
  const { title, schema } = SCHEMA_FILES[file];
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', target: 'draft-7' });
  const patternProperties = { '^x-': { description: 'Yours: it is not read. A place for YAML anchors.' } };
  return `${JSON.stringify({ $schema, title, ...rest, patternProperties }, null, 2)}\n`;
}
