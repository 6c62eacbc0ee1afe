import { jsonSchemaText } from '../sim/scenario/json-schema.ts';

/** `watershed schema`: prints the JSON Schema of scenarios. */
export function printSchema(): Promise<number> {
  process.stdout.write(jsonSchemaText('scenario.schema.json'));
  return Promise.resolve(0);
}
