import fc from 'fast-check';
import { ACCELERATOR, DISK, KEYS, NETWORK, OBSERVER, type Peer } from '../core/base/peers.ts';
import { measureText } from '../core/machine/bytes.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { KINDS, type KindEntry } from '../core/machine/kinds.ts';
import type { Ref, Shape } from '../core/machine/shape.ts';
import { deepFreeze } from './rig.ts';

/** What arbitrary values draw on besides what their shape allows, so that some of them mean something to a node. */
export interface Pool {
  readonly peers: readonly Peer[];
  readonly texts: readonly string[];
  /** Numbers that are likely to be asked about: small counters, versions, times. */
  readonly integers: readonly number[];
}

/** Half-surrogates, characters of one to four bytes, and plain ASCII. */
const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 })
    .map((units) => String.fromCharCode(...units)),
  fc.array(fc.constantFrom('\ud83c', '\udf0a', 'é', '水'), { maxLength: 6 }).map((halves) => halves.join('')),
);

/** Objects as the code makes them. */
const PLAIN = { noNullPrototype: true } as const;

/** Values of a shape, derived from the shape itself: a field that is added to the protocol is drawn from now on. */
export function valuesOf(shape: Shape, pool: Pool): fc.Arbitrary<unknown> {
  switch (shape.tag) {
    case 'integer':
      return integersOf(shape.least, shape.most, pool);
    case 'flag':
      return fc.boolean();
    case 'peer':
      return fc.constantFrom(...pool.peers);
    case 'text':
      return textsOf(shape.maxBytes, pool);
    case 'ref':
      return fc.record(
        {
          hash: textsOf(128, pool),
          sizeBytes: integersOf(0, Number.MAX_SAFE_INTEGER, pool),
          keyId: integersOf(0, Number.MAX_SAFE_INTEGER, pool),
        },
        PLAIN,
      ) satisfies fc.Arbitrary<Ref>;
    case 'optional':
      return fc.option(valuesOf(shape.item, pool), { nil: null, freq: 3 });
    case 'list':
      return fc.array(valuesOf(shape.item, pool), { maxLength: Math.min(shape.maxItems, 4) });
    case 'record':
      return fc.record(
        Object.fromEntries(shape.names.map((name, i) => [name, valuesOf(shape.shapes[i], pool)])),
        PLAIN,
      );
    case 'table':
      return fc
        .array(fc.tuple(valuesOf(shape.key, pool), valuesOf(shape.value, pool)), { maxLength: 4 })
        .map((entries) => new Map(entries));
    case 'shared':
      return valuesOf(shape.shape, pool);
    case 'derived':
      return fc.constant(null);
    case 'own':
      return fc.constant(null).map(() => shape.make());
  }
}

function integersOf(least: number, most: number, pool: Pool): fc.Arbitrary<number> {
  const likely = pool.integers.filter((value) => value >= least && value <= most);
  const edges = [0, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32, least, most];
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...likely, least) },
    { weight: 1, arbitrary: fc.constantFrom(...edges.filter((value) => value >= least && value <= most)) },
    { weight: 1, arbitrary: fc.integer({ min: least, max: most }) },
    { weight: 1, arbitrary: fc.integer({ min: least, max: Math.min(most, 1_000) }) },
  );
}

function textsOf(maxBytes: number, pool: Pool): fc.Arbitrary<string> {
  const fits = (text: string): boolean => measureText(text) <= maxBytes;
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pool.texts.filter(fits), '') },
    { weight: 2, arbitrary: anyText.filter(fits) },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(maxBytes), 'é'.repeat(Math.floor(maxBytes / 2))) },
  );
}

const DEVICES = [DISK, ACCELERATOR, OBSERVER, KEYS, NETWORK];

/** The kinds of the protocol table, holes left out. */
export const ALL_KINDS: readonly KindEntry[] = KINDS.filter((entry) => entry !== undefined);

/** Envelopes of one kind with any body that its shape allows. */
export function envelopesOfKind(entry: KindEntry, pool: Pool): fc.Arbitrary<Envelope> {
  const number = integersOf(0, Number.MAX_SAFE_INTEGER, pool);
  const endpoint = fc.constantFrom(...pool.peers, ...DEVICES);
  return fc
    .record({
      from: endpoint,
      to: endpoint,
      origin: endpoint,
      originBoot: number,
      n: number,
      attempt: number,
      body: valuesOf(entry.body, pool),
    })
    .map((fields) => deepFreezeBody(Object.assign(new Envelope(), { kind: entry.kind }, fields)));
}

/** Envelopes of all kinds, and of operations that nobody knows. */
export function anyEnvelopes(pool: Pool): fc.Arbitrary<Envelope> {
  const known = ALL_KINDS.map((entry) => envelopesOfKind(entry, pool));
  return fc.oneof(...known);
}

function deepFreezeBody(envelope: Envelope): Envelope {
  deepFreeze(envelope.body);
  return envelope;
}
