import { expect } from 'chai';
import { AssertionFailure } from '../../../core/base/assert.ts';
import { DISK, NOBODY } from '../../../core/base/peers.ts';
import { decodeEnvelope, Encoder, sizeOfEnvelope } from '../../../core/machine/codec.ts';
import type { Refusal } from '../../../core/machine/bytes.ts';
import { Envelope } from '../../../core/machine/envelope.ts';
import * as kinds from '../../../core/machine/kinds.ts';
import { signed, word, type Shape } from '../../../core/machine/shape.ts';
import { Cast } from '../../cast.ts';
import { envelopeOf, Rig } from '../../rig.ts';

const cast = new Cast(['front', 'ann', 'compute']);
const encoder = new Encoder(cast);
const ID = Buffer.from(cast.idOf(0), 'hex');
const ANN = Buffer.from(cast.idOf(1), 'hex');

function refusalOf(...bytes: (number | Uint8Array)[]): Refusal | null {
  const flat = bytes.flatMap((part) => (typeof part === 'number' ? [part] : [...part]));
  return decodeEnvelope(Uint8Array.from(flat), new Cast([]), new Envelope());
}

const HEAD = [0x57, 1];
/** From `front` to itself, its own first request. */
const WAY = [0, ID, 8, 8, 0, 1, 0];

describe('the codec', () => {
  it('writes these very bytes for an announcement that is wanted', () => {
    const envelope = envelopeOf(
      kinds.MANIFEST_WANTED,
      0,
      1,
      {},
      { origin: 1, originBoot: 2, n: 300, attempt: 1 },
    );
    const expected = Buffer.concat([
      Buffer.from([0x57, 1, kinds.MANIFEST_WANTED, 0]),
      ID,
      Buffer.from([0]),
      ANN,
      Buffer.from([9, 2, 0xac, 2, 1]),
    ]);
    expect(Buffer.from(encoder.envelope(envelope)).equals(expected)).to.equal(true);
    expect(sizeOfEnvelope(envelope), 'each peer as if named for the first time').to.equal(
      expected.length + 32,
    );
  });

  it('foretells exactly the bytes written when each peer is named once', () => {
    const envelope = envelopeOf(kinds.RUN, 0, 1, new Rig().want(), { origin: 2 });
    expect(encoder.envelope(envelope).length).to.equal(sizeOfEnvelope(envelope));
  });

  it('foretells the size of a reference whose hash is as long as it may be', () => {
    const prompt = { hash: 'h'.repeat(128), sizeBytes: 2 ** 40, keyId: 200 };
    const body = { model: 'a', version: '', prompt, contexts: [], contextTokens: 0, maxTokens: 0 };
    const envelope = envelopeOf(kinds.INFER, 0, 1, body, { origin: 2 });
    expect(encoder.envelope(envelope).length).to.equal(sizeOfEnvelope(envelope));
  });

  it('writes devices as one byte each', () => {
    const envelope = envelopeOf(kinds.LOAD, 0, DISK, { after: '' });
    const bytes = encoder.envelope(envelope);
    const read = new Envelope();
    expect(decodeEnvelope(bytes, cast, read)).to.equal(null);
    expect([read.from, read.to, read.origin]).to.deep.equal([0, DISK, 0]);
    expect(bytes.length).to.equal(3 + 1 + 33 + 1 + 1 + 3 + 1);
  });

  it('keeps signed integers and words of chance', () => {
    for (const [shape, values] of [
      [signed, [0, -1, 1, -(2 ** 51), 2 ** 51]],
      [word, [0, -1, -2147483648, 2147483647]],
    ] as [Shape, number[]][]) {
      const lengths = values.map((value) => encoder.document(shape, value).length);
      expect(
        new Set(values.map((value) => Buffer.from(encoder.document(shape, value)).toString('hex'))).size,
      ).to.equal(values.length);
      expect(lengths[0]).to.equal(1);
    }
  });

  it('writes nobody nowhere: that is a fault of ours', () => {
    expect(() => encoder.envelope(envelopeOf(kinds.LOAD, NOBODY, DISK, {}))).to.throw(
      AssertionFailure,
      'never nobody',
    );
  });
});

describe('the codec refuses', () => {
  const cases: [Refusal, string, (number | Uint8Array)[]][] = [
    ['truncated', 'nothing at all', []],
    ['truncated', 'a magic byte alone', [0x57]],
    ['truncated', 'a message without its body', [...HEAD, kinds.FIND, ...WAY]],
    ['bad-magic', 'another protocol', [0x47, 0x45, 0x54]],
    ['bad-version', 'another version', [0x57, 2, 0]],
    ['unknown-type', 'a type that is none', [...HEAD, 224, 1, ...WAY]],
    ['unknown-type', 'a type far beyond', [...HEAD, 0x80, 0x80, 0x80, 0x80, 0x10, ...WAY]],
    ['unknown-operation', 'an operation of a known type', [...HEAD, 31, ...WAY]],
    ['bad-peer', 'a device that is none', [...HEAD, kinds.MANIFEST_WANTED, 5, 8, 8, 0, 1, 0]],
    ['bad-peer', 'a peer that was not named before', [...HEAD, kinds.MANIFEST_WANTED, 0, ID, 9, 8, 0, 1, 0]],
    ['not-canonical', 'a peer named twice', [...HEAD, kinds.MANIFEST_WANTED, 0, ID, 0, ID, 8, 0, 1, 0]],
    [
      'not-canonical',
      'a number longer than need be',
      [...HEAD, kinds.MANIFEST_WANTED, 0, ID, 8, 8, 0x80, 0, 1, 0],
    ],
    ['trailing-bytes', 'more than the message', [...HEAD, kinds.MANIFEST_WANTED, ...WAY, 0]],
    ['out-of-range', 'a flag that is neither', [...HEAD, kinds.FIND, ...WAY, 1, 97, 2]],
    ['bad-text', 'a name that is no text', [...HEAD, kinds.FIND, ...WAY, 1, 0xff, 0]],
    ['too-large', 'a name longer than a name may be', [...HEAD, kinds.FIND, ...WAY, 0x81, 1]],
    ['too-many-items', 'a longer list than there may be', [...HEAD, kinds.OFFERED, ...WAY, 65]],
    ['out-of-range', 'a presence that is neither', [...HEAD, 0xc0, 1, ...WAY, 1, 1, 97, 2]],
  ];
  for (const [reason, what, bytes] of cases) {
    it(`${what}: ${reason}`, () => expect(refusalOf(...bytes)).to.equal(reason));
  }

  it('and accepts what those cases are made of', () => {
    expect(refusalOf(...HEAD, kinds.MANIFEST_WANTED, ...WAY)).to.equal(null);
    expect(refusalOf(...HEAD, kinds.FIND, ...WAY, 1, 97, 1, 1, 0)).to.equal(null);
    expect(refusalOf(...HEAD, kinds.OFFERED, ...WAY, 1, 1, 97)).to.equal(null);
    expect(kinds.STORE).to.equal(0xc0);
    expect(refusalOf(...HEAD, 0xc0, 1, ...WAY, 1, 1, 97, 0)).to.equal(null);
  });

  it('an integer out of its range', () => {
    const want = { ...new Rig().want(), minTrust: 5 };
    const bytes = encoder.envelope(envelopeOf(kinds.ASK, 1, 0, want));
    expect(decodeEnvelope(bytes, cast, new Envelope())).to.equal('out-of-range');
  });

  it('without giving strangers numbers: only a good message does', () => {
    const strangers = new Cast([]);
    const good = encoder.envelope(envelopeOf(kinds.MANIFEST_WANTED, 0, 1, {}));
    expect(decodeEnvelope(good.slice(0, -1), strangers, new Envelope())).to.equal('truncated');
    expect(strangers.names).to.deep.equal([]);
    expect(decodeEnvelope(good, strangers, new Envelope())).to.equal(null);
    expect(strangers.names).to.have.length(2);
  });
});
