/** Why bytes were refused. A refusal is a value: malformed input never throws. */
export type Refusal =
  | 'truncated'
  | 'trailing-bytes'
  | 'too-large'
  | 'bad-magic'
  | 'bad-version'
  | 'unknown-type'
  | 'unknown-operation'
  | 'out-of-range'
  | 'too-many-items'
  | 'bad-text'
  | 'bad-peer'
  | 'not-canonical';

/** Grows as it is written to; reused from message to message. */
export class ByteWriter {
  private bytes = new Uint8Array(256);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  /** LEB128 over a safe integer, 1 to 8 bytes. */
  varint(value: number): void {
    this.reserve(8);
    while (value >= 128) {
      this.bytes[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.bytes[this.length++] = value;
  }

  text(text: string): void {
    const sizeBytes = measureText(text);
    this.varint(sizeBytes);
    this.reserve(sizeBytes);
    if (sizeBytes > text.length) {
      for (const character of text) this.codePoint(character.codePointAt(0)!);
      return;
    }
    // Letters of one byte each, as nearly all texts.
    for (let i = 0; i < sizeBytes; i++) this.bytes[this.length++] = text.charCodeAt(i);
  }

  /** 64 hexadecimal digits as 32 bytes. */
  id(hex: string): void {
    this.reserve(32);
    for (let i = 0; i < 64; i += 2) {
      this.bytes[this.length++] = valueOfDigit(hex.charCodeAt(i)) * 16 + valueOfDigit(hex.charCodeAt(i + 1));
    }
  }

  /** What has been written, as long as nothing more is. */
  view(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  take(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  private codePoint(point: number): void {
    const bytes = this.bytes;
    if (point < 0x80) {
      bytes[this.length++] = point;
    } else if (point < 0x800) {
      bytes[this.length++] = 0xc0 | (point >> 6);
      bytes[this.length++] = 0x80 | (point & 63);
    } else if (point < 0x10000) {
      bytes[this.length++] = 0xe0 | (point >> 12);
      bytes[this.length++] = 0x80 | ((point >> 6) & 63);
      bytes[this.length++] = 0x80 | (point & 63);
    } else {
      bytes[this.length++] = 0xf0 | (point >> 18);
      bytes[this.length++] = 0x80 | ((point >> 12) & 63);
      bytes[this.length++] = 0x80 | ((point >> 6) & 63);
      bytes[this.length++] = 0x80 | (point & 63);
    }
  }

  private reserve(more: number): void {
    if (this.length + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.length + more));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}

export function measureVarint(value: number): number {
  let sizeBytes = 1;
  for (let limit = 128; value >= limit; limit *= 128) sizeBytes++;
  return sizeBytes;
}

/** What a lower-case hexadecimal digit stands for. */
function valueOfDigit(letter: number): number {
  return letter < 0x3a ? letter - 0x30 : letter - 0x57;
}

/** The bytes of a text in UTF-8; a lone surrogate counts, and is written, as its three bytes. */
export function measureText(text: string): number {
  let sizeBytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) sizeBytes += 1;
    else if (unit < 0x800) sizeBytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      sizeBytes += 4;
      i++;
    } else sizeBytes += 3;
  }
  return sizeBytes;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}

/** Reads what a ByteWriter wrote. After the first fault `refusal` is set and every read returns nothing much. */
export class ByteReader {
  refusal: Refusal | null = null;
  position = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get remaining(): number {
    return this.bytes.length - this.position;
  }

  refuse(reason: Refusal): void {
    this.refusal ??= reason;
  }

  byte(): number {
    if (this.position >= this.bytes.length) {
      this.refuse('truncated');
      return 0;
    }
    return this.bytes[this.position++];
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && i > 0) this.refuse('not-canonical');
        if (value > Number.MAX_SAFE_INTEGER) this.refuse('out-of-range');
        return this.refusal === null ? value : 0;
      }
      scale *= 128;
    }
    this.refuse('out-of-range');
    return 0;
  }

  text(maxBytes: number): string {
    const sizeBytes = this.varint();
    if (sizeBytes > maxBytes) this.refuse('too-large');
    if (sizeBytes > this.remaining) this.refuse('truncated');
    if (this.refusal !== null) return '';
    const end = this.position + sizeBytes;
    let text = '';
    while (this.position < end && this.refusal === null) text += this.character(end);
    // The halves of a pair, each written as if it stood alone, would come back as one character.
    if (this.refusal === null && measureText(text) !== sizeBytes) this.refuse('bad-text');
    return this.refusal === null ? text : '';
  }

  id(): string {
    if (this.remaining < 32) {
      this.refuse('truncated');
      return '';
    }
    let hex = '';
    for (let i = 0; i < 32; i++) hex += HEX[this.bytes[this.position++]];
    return hex;
  }

  private character(end: number): string {
    const first = this.byte();
    if (first < 0x80) return String.fromCharCode(first);
    const more = first >= 0xf0 && first < 0xf8 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    if (more === 0 || first >= 0xf8 || this.position + more > end) {
      this.refuse('bad-text');
      return '';
    }
    let point = first & (63 >> more);
    for (let i = 0; i < more; i++) {
      const byte = this.byte();
      if ((byte & 0xc0) !== 0x80) this.refuse('bad-text');
      point = point * 64 + (byte & 63);
    }
    const isShortest = more === 1 ? point >= 0x80 : more === 2 ? point >= 0x800 : point >= 0x10000;
    if (!isShortest || point > 0x10ffff) this.refuse('bad-text');
    return this.refusal === null ? String.fromCodePoint(point) : '';
  }
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
