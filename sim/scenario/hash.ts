import { createHash } from 'node:crypto';
import type { ResolvedScenario } from './resolved.ts';

/** The SHA-256 of a resolved scenario, in hex: equal for equal scenarios, however their files are written. */
export function hashScenario(scenario: ResolvedScenario): string {
  return createHash('sha256').update(canonicalJson(scenario)).digest('hex');
}

/** JSON without spaces and with the keys of each object in the order of their code units. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonicalJson(field)}`);
  return `{${fields.join(',')}}`;
}
