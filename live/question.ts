/** What may be asked over HTTP, and what is wrong with what was asked. */
import { MAX_NAME_BYTES } from '../core/cluster/manifest.ts';
import { TRUST_LEVELS } from '../core/trust/attestation.ts';
import { MAX_DEADLINE_US } from '../core/routing/want.ts';
import { didYouMean } from '../sim/scenario/scenario-error.ts';
import { nearestSpelling } from '../sim/scenario/spelling.ts';
import type { Question } from './gateway-user.ts';

const FIELDS = ['model', 'text', 'minTrust', 'regions', 'deadlineMs'];
export const MAX_TEXT_CHARACTERS = 100_000;
const MAX_REGIONS = 32;
const LEAST_DEADLINE_MS = 10;
const MAX_DEADLINE_MS = MAX_DEADLINE_US / 1_000;
const DEFAULT_DEADLINE_MS = 30_000;
const REGION = /^[a-z0-9-]+(\/[a-z0-9-]+)*$/;

/**
 * Reads the body of `POST /v1/ask`. Returns the question, or a sentence that says what is wrong. Without `regions` the
 * prompt may be computed on in `homeRegion` only: nothing leaves unless whoever asks says so (R5.3-4).
 */
export function readQuestion(body: unknown, homeRegion: string): Question | string {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return 'a JSON object is expected, sent as application/json: {"model": "…", "text": "…"}';
  const fields = body as Record<string, unknown>;
  const unknown = findUnknownField(fields, FIELDS, 'a question');
  if (unknown !== null) return unknown;
  const { model, text, minTrust = 1, regions = [homeRegion], deadlineMs = DEFAULT_DEADLINE_MS } = fields;
  if (!isName(model)) return `model: the name of a model is expected, found ${shown(model)}`;
  if (typeof text !== 'string' || text === '' || text.length > MAX_TEXT_CHARACTERS)
    return `text: a text of 1 to ${MAX_TEXT_CHARACTERS} characters is expected, found ${measure(text)}`;
  const terms = readTerms(minTrust, regions);
  if (typeof terms === 'string') return terms;
  const isTime = Number.isInteger(deadlineMs);
  if (!isTime || (deadlineMs as number) < LEAST_DEADLINE_MS || (deadlineMs as number) > MAX_DEADLINE_MS)
    return `deadlineMs: a whole number of ${LEAST_DEADLINE_MS} to ${MAX_DEADLINE_MS} is expected, found ${shown(deadlineMs)}`;
  return { model, text, ...terms, deadlineMs: deadlineMs as number };
}

/** What is wrong with the names of fields, or null. */
export function findUnknownField(
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
  what: string,
): string | null {
  const unknown = Object.keys(fields).find((field) => !known.includes(field));
  if (unknown === undefined) return null;
  const hint = didYouMean(nearestSpelling(unknown, known)) || `there are ${known.join(', ')}`;
  return `${shown(unknown)} is no field of ${what}; ${hint}`;
}

/** By whom and where something may be computed on. */
export interface Terms {
  readonly minTrust: number;
  readonly regions: readonly string[];
}

/** Reads the terms, or says what is wrong with them. */
export function readTerms(minTrust: unknown, regions: unknown): Terms | string {
  const level = typeof minTrust === 'string' ? TRUST_LEVELS.findIndex((name) => name === minTrust) : minTrust;
  if (!Number.isInteger(level) || (level as number) < 1 || (level as number) > 4)
    return `minTrust: 1 to 4 or one of ${TRUST_LEVELS.slice(1).join(', ')} is expected, found ${shown(minTrust)}`;
  if (!Array.isArray(regions) || regions.length === 0 || regions.length > MAX_REGIONS)
    return `regions: a list of 1 to ${MAX_REGIONS} regions is expected, found ${shown(regions)}`;
  const badRegion: unknown = regions.find((region) => !isRegion(region));
  if (badRegion !== undefined)
    return `regions: paths such as "eu" or "eu/fr" are expected, found ${shown(badRegion)}`;
  return { minTrust: level as number, regions: regions as string[] };
}

/** What the protocol can carry as a name. */
export function isName(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || Buffer.byteLength(value) > MAX_NAME_BYTES) return false;
  return !/[\p{Cc}\p{Cs}]/u.test(value);
}

function isRegion(region: unknown): boolean {
  return typeof region === 'string' && region.length <= MAX_NAME_BYTES && REGION.test(region);
}

/** The text itself is private: its length is all that an error says of it. */
export function measure(text: unknown): string {
  if (typeof text === 'string') return `one of ${text.length}`;
  return text === undefined ? 'nothing' : `a value of type ${text === null ? 'null' : typeof text}`;
}

export function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
}
