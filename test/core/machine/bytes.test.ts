import { expect } from 'chai';
import {
  ByteReader,
  ByteWriter,
  measureText,
  measureVarint,
  type Refusal,
} from '../../../core/machine/bytes.ts';

function write(act: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter();
  act(writer);
  return writer.take();
}

function refusalOf(bytes: readonly number[], read: (reader: ByteReader) => unknown): Refusal | null {
  const reader = new ByteReader(Uint8Array.from(bytes));
  read(reader);
  return reader.refusal;
}

const varint = (reader: ByteReader): number => reader.varint();
const text = (reader: ByteReader): string => reader.text(16);

describe('varints', () => {
  it('are LEB128, in the length that is foretold', () => {
    const cases: [number, number[]][] = [
      [0, [0]],
      [127, [0x7f]],
      [128, [0x80, 1]],
      [300, [0xac, 2]],
      [16_384, [0x80, 0x80, 1]],
      [2 ** 32, [0x80, 0x80, 0x80, 0x80, 0x10]],
      [Number.MAX_SAFE_INTEGER, [255, 255, 255, 255, 255, 255, 255, 15]],
    ];
    for (const [value, bytes] of cases) {
      expect([...write((writer) => writer.varint(value))], String(value)).to.deep.equal(bytes);
      expect(measureVarint(value)).to.equal(bytes.length);
      expect(new ByteReader(Uint8Array.from(bytes)).varint()).to.equal(value);
    }
  });

  it('are refused when cut off, too large, or longer than need be', () => {
    expect(refusalOf([], varint)).to.equal('truncated');
    expect(refusalOf([0x80], varint)).to.equal('truncated');
    expect(refusalOf([0x80, 0], varint)).to.equal('not-canonical');
    expect(refusalOf([255, 255, 255, 255, 255, 255, 255, 16], varint)).to.equal('out-of-range');
    expect(refusalOf([255, 255, 255, 255, 255, 255, 255, 128, 1], varint)).to.equal('out-of-range');
  });
});

describe('texts', () => {
  it('are UTF-8 as others write it', () => {
    for (const sample of [
      '',
      'eu/fr',
      'Größe',
      '水は低きに',
      '🌊🏞️',
      '\u0000\u007f\u0080\u07ff\u0800\uffff',
    ]) {
      const bytes = write((writer) => writer.text(sample));
      expect(Buffer.from(bytes.subarray(1)).toString('utf8')).to.equal(sample);
      expect(measureText(sample)).to.equal(Buffer.byteLength(sample));
      expect(new ByteReader(bytes).text(64)).to.equal(sample);
    }
  });

  it('keep a half of a pair that stands alone', () => {
    for (const sample of ['\ud83c', 'a\udf0ab', '\udf0a\ud83c', '\ud83c\ud83c\udf0a']) {
      const bytes = write((writer) => writer.text(sample));
      expect(new ByteReader(bytes).text(64)).to.equal(sample);
      expect(bytes.length).to.equal(1 + measureText(sample));
    }
  });

  it('have one writing: the two halves of a pair, each written alone, are refused', () => {
    expect(refusalOf([6, 0xed, 0xa0, 0xbc, 0xed, 0xbc, 0x8a], text)).to.equal('bad-text');
    expect(
      refusalOf([6, 0xed, 0xbc, 0x8a, 0xed, 0xa0, 0xbc], text),
      'in the other order they are no pair',
    ).to.equal(null);
  });

  it('are refused when they are not UTF-8', () => {
    const bad: Record<string, number[]> = {
      'a byte that begins nothing': [1, 0x80],
      'a longer writing than need be': [2, 0xc0, 0x80],
      'a longer writing of three': [3, 0xe0, 0x9f, 0xbf],
      'a longer writing of four': [4, 0xf0, 0x8f, 0xbf, 0xbf],
      'beyond the last code point': [4, 0xf4, 0x90, 0x80, 0x80],
      'a byte that is none': [1, 0xff],
      'a character cut off by the end of the text': [1, 0xc3],
      'a character that is not continued': [2, 0xc3, 0x41],
    };
    for (const [what, bytes] of Object.entries(bad))
      expect(refusalOf(bytes, text), what).to.equal('bad-text');
  });

  it('are refused when too long, or cut off', () => {
    expect(refusalOf([17, ...new Array<number>(17).fill(65)], text)).to.equal('too-large');
    expect(refusalOf([3, 65, 65], text)).to.equal('truncated');
  });
});

describe('a writer', () => {
  it('grows, and keeps nothing of what came before', () => {
    const writer = new ByteWriter();
    writer.text('x'.repeat(10_000));
    expect(writer.take().length).to.equal(10_002);
    writer.clear();
    writer.byte(7);
    expect([...writer.take()]).to.deep.equal([7]);
  });

  it('writes an id as 32 bytes and reads it back', () => {
    const id = Array.from({ length: 64 }, (_, i) => (i % 16).toString(16)).join('');
    const bytes = write((writer) => writer.id(id));
    expect(bytes.length).to.equal(32);
    expect(new ByteReader(bytes).id()).to.equal(id);
    expect(refusalOf([1, 2, 3], (reader) => reader.id())).to.equal('truncated');
  });
});

describe('a reader', () => {
  it('keeps the first reason, and gives nothing after it', () => {
    const reader = new ByteReader(Uint8Array.of(0x80, 0, 5));
    reader.varint();
    expect(reader.varint()).to.equal(0);
    expect(reader.text(4)).to.equal('');
    reader.refuse('too-large');
    expect(reader.refusal).to.equal('not-canonical');
  });
});
