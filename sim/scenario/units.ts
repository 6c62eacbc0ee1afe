import { MINUTE_US, MS_US, SECOND_US } from '../../core/base/time.ts';

/**
 * Quantities as people write them: a number and its unit. `400ms`, `1.5%`, `24GB`, `40/min`, `1Gb/s`. A unit is
 * never guessed and nothing is rounded: a text that does not come to a whole number of the smallest unit is none.
 */
export interface Quantity {
  /** What is expected, with examples, for people. */
  readonly expected: string;
  /** The same of one that is written well, and yet too fine or 0. */
  readonly exact: string;
  readonly pattern: RegExp;
  readonly units: Readonly<Record<string, bigint>>;
  /** The unit that most people mean who forget it. */
  readonly usual: readonly string[];
}

const HOUR_US = 60 * MINUTE_US;

export const DURATION = quantity(
  'a time with its unit, as 250ms, 30s, 20min or 2h',
  'whole microseconds',
  { us: 1, ms: MS_US, s: SECOND_US, min: MINUTE_US, h: HOUR_US, d: 24 * HOUR_US },
  ['ms', 's', 'min'],
);

/** Parts per million. */
export const SHARE = quantity('a share in percent, as 1.5%', 'at most four decimals', { '%': 10_000 }, ['%']);

/** Bytes; GB is 10^9, GiB 2^30. */
export const SIZE = quantity(
  'a size with its unit, as 1MB, 24GB or 2TB',
  'whole bytes',
  {
    B: 1,
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    TB: 1e12,
    PB: 1e15,
    KiB: 2 ** 10,
    MiB: 2 ** 20,
    GiB: 2 ** 30,
    TiB: 2 ** 40,
  },
  ['MB', 'GB'],
);

/** Bits a second. */
export const BANDWIDTH = quantity(
  'a bandwidth with its unit, as 100Mb/s or 1Gb/s (b is a bit, B a byte)',
  'whole bits, and at least a byte, a second',
  {
    'kb/s': 1e3,
    'Mb/s': 1e6,
    'Gb/s': 1e9,
    'Tb/s': 1e12,
    'kB/s': 8e3,
    'MB/s': 8e6,
    'GB/s': 8e9,
  },
  ['Mb/s', 'Gb/s'],
);

/** How often. Parsed with `parseGap`, since what the simulator needs is the time between two. */
export const RATE = quantity(
  'a rate with its unit, as 2/s, 40/min or 600/h',
  'a rate above 0',
  { '/s': SECOND_US, '/min': MINUTE_US, '/h': HOUR_US, '/d': 24 * HOUR_US },
  ['/s', '/min'],
);

function quantity(
  expected: string,
  exact: string,
  units: Record<string, number>,
  usual: readonly string[],
): Quantity {
  const names = Object.keys(units).map((unit) => unit.replace('/', '\\/'));
  return {
    expected,
    exact,
    pattern: new RegExp(`^\\d{1,15}(\\.\\d{1,9})?(${names.join('|')})$`),
    units: Object.fromEntries(Object.entries(units).map(([unit, factor]) => [unit, BigInt(factor)])),
    usual,
  };
}

/** µs, or null where the text is no duration or finer than a µs. */
export function parseDuration(text: string): number | null {
  return parseQuantity(DURATION, text);
}

/** `30s`, `1.5min`: the largest unit in which it is short. */
export function formatDuration(us: number): string {
  for (const [unit, factor] of [
    ['h', HOUR_US],
    ['min', MINUTE_US],
    ['s', SECOND_US],
    ['ms', MS_US],
  ] as const) {
    if (us >= factor && (us * 100) % factor === 0) return `${us / factor}${unit}`;
  }
  return us === 0 ? '0s' : `${us}us`;
}

/** In the smallest unit, or null where the text is no such quantity, does not come out whole, or is out of all range. */
export function parseQuantity(quantity: Quantity, text: string): number | null {
  const parts = splitQuantity(quantity, text);
  if (parts === null) return null;
  const product = parts.digits * parts.factor;
  if (product % parts.divisor !== 0n) return null;
  return within(product / parts.divisor);
}

/** The mean time between two at a rate, µs, rounded; null where the text is no rate, or the rate is 0. */
export function parseGap(text: string): number | null {
  const parts = splitQuantity(RATE, text);
  if (parts === null || parts.digits === 0n) return null;
  const twice = (2n * parts.factor * parts.divisor) / parts.digits;
  return within((twice + 1n) / 2n);
}

function splitQuantity(
  { pattern, units }: Quantity,
  text: string,
): { digits: bigint; divisor: bigint; factor: bigint } | null {
  if (!pattern.test(text)) return null;
  const [number] = /^[\d.]+/.exec(text)!;
  const [whole, fraction = ''] = number.split('.');
  return {
    digits: BigInt(whole + fraction),
    divisor: 10n ** BigInt(fraction.length),
    factor: units[text.slice(number.length)],
  };
}

function within(value: bigint): number | null {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : null;
}

/** Other ways in which units are written, by unit. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  us: ['µs', 'μs', 'usec', 'microsecond', 'microseconds'],
  ms: ['msec', 'msecs', 'millis', 'millisecond', 'milliseconds'],
  s: ['sec', 'secs', 'second', 'seconds', 'S'],
  min: ['m', 'mins', 'minute', 'minutes', 'Min', 'MIN'],
  h: ['hr', 'hrs', 'hour', 'hours', 'H'],
  d: ['day', 'days', 'D'],
  '%': ['percent', 'pct', 'per cent'],
  '/s': ['/sec', '/second', 'per second', 'per s', 'hz', 'Hz'],
  '/min': ['/m', '/minute', 'per minute', 'per min'],
  '/h': ['/hour', '/hr', 'per hour', 'per h'],
  '/d': ['/day', 'per day'],
  'kb/s': ['kbps', 'kbit/s'],
  'Mb/s': ['Mbps', 'Mbit/s'],
  'Gb/s': ['Gbps', 'Gbit/s'],
  'Tb/s': ['Tbps', 'Tbit/s'],
  kB: ['KB', 'kb', 'K', 'k'],
  MB: ['mb', 'Mb', 'M'],
  GB: ['gb', 'Gb', 'G'],
  TB: ['tb', 'Tb', 'T'],
};

/** What the writer of a wrong quantity may have meant; none where nothing is near. */
export function suggestQuantity({ units, usual }: Quantity, found: string): string[] {
  const [, number, rest] = /^-?(\d+(?:\.\d+)?)\s*(.*)$/.exec(found.trim().replaceAll(',', '')) ?? [];
  if (number === undefined) return [];
  if (rest === '' && units === SHARE.units && Number(number) <= 1) return shareOf(number);
  if (rest === '') return usual.map((unit) => number + unit);
  const asked = rest.replace(/\s+/g, ' ');
  const meant = Object.keys(units).find(
    (unit) => unit === asked || (SPELLINGS[unit] ?? []).some((other) => other === asked),
  );
  return meant === undefined ? [] : [number + meant];
}

/** A fraction of one in percent: `0.99` as 99%. Who writes 1 may mean either. */
function shareOf(fraction: string): string[] {
  const percent = Number((Number(fraction) * 100).toFixed(7));
  return Number(fraction) === 1 ? ['100%', '1%'] : [`${percent}%`];
}
