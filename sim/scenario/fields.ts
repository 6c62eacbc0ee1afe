import { z } from 'zod';
import { BANDWIDTH, DURATION, parseGap, parseQuantity, RATE, SHARE, SIZE, type Quantity } from './units.ts';

/**
 * The kinds of field that sections are made of. What each expects, in words, is its error message: it is told
 * after what was found. Fields with units take the text and give integers.
 */

function quantityField(quantity: Quantity, parse: (text: string) => number | null) {
  return (about: string, least = 0, most = Number.MAX_SAFE_INTEGER, bounds = '') =>
    z
      .string({ error: quantity.expected })
      .regex(quantity.pattern, { error: quantity.expected })
      .transform((text, context): number => {
        const value = parse(text);
        if (value !== null && value >= least && value <= most) return value;
        const message = value === null || bounds === '' ? quantity.exact : bounds;
        context.issues.push({ code: 'custom', input: text, message });
        return z.NEVER;
      })
      .meta({ description: about });
}

/** µs. */
export const durationField = quantityField(DURATION, (text) => parseQuantity(DURATION, text));
/** ppm. */
export const shareField = quantityField(SHARE, (text) => parseQuantity(SHARE, text));
/** Bytes. */
export const sizeField = quantityField(SIZE, (text) => parseQuantity(SIZE, text));
/** Bytes a second. */
export const bandwidthField = quantityField(BANDWIDTH, (text) => {
  const bits = parseQuantity(BANDWIDTH, text);
  return bits === null || bits < 8 ? null : Math.floor(bits / 8);
});
/** The mean time between two, µs. */
export const gapField = quantityField(RATE, parseGap);

/** A chance: 0% … 100%, ppm. */
export function chanceField(about: string) {
  return shareField(about, 0, 1_000_000, 'a share between 0% and 100%');
}

export function countField(about: string, least: number, most: number) {
  const expected =
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number, at least ${least}`
      : `a whole number from ${least} to ${most}`;
  return z.int({ error: expected }).min(least, { error: expected }).max(most, { error: expected }).meta({
    description: about,
  });
}

export function numberField(about: string, least: number, most: number) {
  const expected = `a number from ${least} to ${most}`;
  return z.number({ error: expected }).min(least, { error: expected }).max(most, { error: expected }).meta({
    description: about,
  });
}

export function textField(about: string, expected = 'a text') {
  return z.string({ error: expected }).meta({ description: about });
}

export function flagField(about: string) {
  return z.boolean({ error: 'true or false' }).meta({ description: about });
}

/** A word of a pattern. */
export function wordField(about: string, pattern: RegExp, expected: string) {
  return z
    .string({ error: expected })
    .regex(pattern, { error: expected })
    .max(128, { error: 'at most 128 letters' })
    .meta({
      description: about,
    });
}

export function choiceField<const T extends readonly [string, ...string[]]>(about: string, choices: T) {
  return z.enum(choices, { error: oneOf(choices) }).meta({ description: about });
}

export function listField<T extends z.ZodType>(about: string, item: T, least = 0, expected = 'a list') {
  const atLeast = `${expected} of at least ${least}`;
  return z.array(item, { error: expected }).min(least, { error: atLeast }).meta({ description: about });
}

/** A map of exactly these fields. */
export function mapField<T extends z.ZodRawShape>(about: string, shape: T) {
  return z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? oneOf(Object.keys(shape))
          : `a map of ${Object.keys(shape).join(', ')}`,
    })
    .meta({ description: about });
}

export function namedField<T extends z.ZodType>(about: string, name: RegExp, item: T) {
  return z.record(z.string().regex(name), item, { error: 'a map of names' }).meta({ description: about });
}

export function oneOf(words: readonly string[]): string {
  return words.length === 1 ? words[0] : `one of ${words.join(', ')}`;
}

export const NAME = /^[a-z][a-z0-9-]*$/;
export const EXACT_NAME = 'a name in small letters, digits and hyphens, as us-east';
export const REGION = /^[a-z0-9-]+(\/[a-z0-9-]+)*$/;
export const MODEL = /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*)*$/;
