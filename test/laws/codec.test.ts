import { expect } from 'chai';
import fc from 'fast-check';
import { decodeEnvelope, Encoder, MAX_ENVELOPE_BYTES, sizeOfEnvelope } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { KINDS, typeOfKind, TYPES } from '../../core/machine/kinds.ts';
import { diffValues } from '../../core/machine/snapshot.ts';
import { ALL_KINDS, anyEnvelopes, envelopesOfKind, type Pool } from '../arbitraries.ts';
import { Cast } from '../cast.ts';
import { FEDERATION, namesOf } from '../rig.ts';
import { law } from './law.ts';

const cast = new Cast(namesOf(FEDERATION));
const encoder = new Encoder(cast);
const pool: Pool = {
  peers: cast.names.map((_, i) => i),
  texts: ['a', 'eu/fr', 'compute'],
  integers: [0, 1, 2, 3, 4],
};
const HEADER = ['kind', 'from', 'to', 'origin', 'originBoot', 'n', 'attempt'] as const;

/** A fault applied to bytes: a byte replaced, put in or taken out, the end cut off or doubled. */
type Mutation = (bytes: Uint8Array) => Uint8Array;

const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })).map(
    ([at, value]) =>
      (bytes: Uint8Array) =>
        bytes.with(at % bytes.length, value),
  ),
  fc.tuple(fc.nat(), fc.integer({ min: 0, max: 7 })).map(
    ([at, bit]) =>
      (bytes: Uint8Array) =>
        bytes.with(at % bytes.length, bytes[at % bytes.length] ^ (1 << bit)),
  ),
  fc.nat().map((at) => (bytes: Uint8Array) => bytes.filter((_, i) => i !== at % bytes.length)),
  fc.nat().map((at) => (bytes: Uint8Array) => bytes.slice(0, at % bytes.length)),
  fc.nat().map((at) => (bytes: Uint8Array) => {
    const copy = new Uint8Array(bytes.length + 1);
    copy.set(bytes.subarray(0, at % bytes.length));
    copy.set(bytes.subarray(at % bytes.length), (at % bytes.length) + 1);
    return copy;
  }),
  fc.constant((bytes: Uint8Array) => Uint8Array.of(...bytes, ...bytes)),
);

/** Refused with a reason, or understood as something that is written as exactly these bytes. */
function expectRefusedOrCanonical(bytes: Uint8Array): boolean {
  const envelope = new Envelope();
  const strangers = new Cast(namesOf(FEDERATION));
  const refusal = decodeEnvelope(bytes, strangers, envelope);
  if (refusal !== null) {
    expect(refusal).to.match(/^[a-z-]+$/);
    expect(strangers.names.length, 'a refused message gives nobody a number').to.equal(cast.names.length);
    return false;
  }
  expect(Buffer.from(new Encoder(strangers).envelope(envelope)).equals(bytes)).to.equal(true);
  return true;
}

describe('laws of the codec', () => {
  for (const entry of ALL_KINDS) {
    law(
      `${entry.name} comes back as it was, under any numbering, in the size that was foretold`,
      envelopesOfKind(entry, pool),
      (envelope) => {
        const bytes = encoder.envelope(envelope);
        const back = new Envelope();
        expect(decodeEnvelope(bytes, cast, back)).to.equal(null);
        for (const field of HEADER) expect(back[field], field).to.equal(envelope[field]);
        expect(diffValues(entry.body, envelope.body, back.body)).to.deep.equal([]);
        expect(back.sizeBytes).to.equal(sizeOfEnvelope(envelope));
        expect(bytes.length, 'names that repeat make it shorter').to.be.at.most(back.sizeBytes);

        const other = new Cast([...cast.names].reverse());
        expect(decodeEnvelope(bytes, other, back)).to.equal(null);
        expect(Buffer.from(new Encoder(other).envelope(back)).equals(bytes)).to.equal(true);
        return true;
      },
      { seed: 100 + entry.kind, runs: 100 },
    );
  }

  law(
    'bytes with a fault in them are refused, or mean what they say',
    fc.tuple(anyEnvelopes(pool), fc.array(mutations, { minLength: 1, maxLength: 3 })),
    ([envelope, faults]) => {
      const good = encoder.envelope(envelope);
      const bytes = faults.reduce((spoilt, fault) => (spoilt.length === 0 ? spoilt : fault(spoilt)), good);
      expectRefusedOrCanonical(bytes);
      return !Buffer.from(bytes).equals(good);
    },
    { seed: 2, runs: 6_000 },
  );

  law(
    'bytes of chance are refused, or mean what they say',
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .tuple(fc.constantFrom(...ALL_KINDS), fc.uint8Array({ minLength: 1, maxLength: 200 }))
        .map(([{ kind }, rest]) => Uint8Array.of(0x57, 1, ...(kind < 128 ? [kind] : [kind, 1]), ...rest)),
    ),
    (bytes) => {
      expectRefusedOrCanonical(bytes);
      return true;
    },
    { seed: 3, runs: 4_000 },
  );

  law(
    'a kind that is not in the table is an unknown operation of a known type, or an unknown type',
    fc.oneof(fc.nat(400), fc.maxSafeNat()),
    (kind) => {
      const writer = new Encoder(cast);
      const bytes = writer.document({ tag: 'integer', least: 0, most: Number.MAX_SAFE_INTEGER }, kind);
      const refusal = decodeEnvelope(Uint8Array.of(0x57, 1, ...bytes), cast, new Envelope());
      if (KINDS[kind] !== undefined) return false;
      expect(refusal).to.equal(typeOfKind(kind) < TYPES.length ? 'unknown-operation' : 'unknown-type');
      return true;
    },
    { seed: 4, runs: 2_000 },
  );

  it('what is too large is refused unread', () => {
    const bytes = new Uint8Array(MAX_ENVELOPE_BYTES + 1);
    expect(decodeEnvelope(bytes, cast, new Envelope())).to.equal('too-large');
  });
});
