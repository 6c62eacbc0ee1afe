import { assert } from '../base/assert.ts';
import { ACCELERATOR, DISK, KEYS, NETWORK, OBSERVER, type Ids, type Peer, type Pure } from '../base/peers.ts';
import { ByteReader, ByteWriter, measureText, measureVarint, type Refusal } from './bytes.ts';
import { Envelope } from './envelope.ts';
import { KINDS, typeOfKind, isKnownType } from './kinds.ts';
import type { Ref, Shape } from './shape.ts';

/** The version of the wire format; a reader refuses any other. */
export const WIRE_VERSION = 1;
const MAGIC = 0x57;
/** No envelope is larger than this, contents apart. */
export const MAX_ENVELOPE_BYTES = 1 << 20;

/** On the wire a peer is its 32-byte id when first named, and later the place where it was named. */
const NEW_PEER = 0;
const FIRST_SEEN = 8;
const DEVICES: readonly Peer[] = [DISK, ACCELERATOR, OBSERVER, KEYS, NETWORK];

/** Turns envelopes into bytes. One a driver: it reuses its buffer. */
export class Encoder {
  private readonly writer = new ByteWriter();
  private readonly seen = new Map<Peer, number>();
  private readonly ids: Ids;

  constructor(ids: Ids) {
    this.ids = ids;
  }

  envelope(envelope: Envelope): Uint8Array {
    const writer = this.begin();
    writer.byte(MAGIC);
    writer.byte(WIRE_VERSION);
    writer.varint(envelope.kind);
    this.peer(envelope.from);
    this.peer(envelope.to);
    this.peer(envelope.origin);
    writer.varint(envelope.originBoot);
    writer.varint(envelope.n);
    writer.varint(envelope.attempt);
    this.value(KINDS[envelope.kind]!.body, envelope.body);
    return writer.take();
  }

  /** The canonical bytes of a document, for hashing and signing. */
  document<T>(shape: Shape<T>, value: T): Uint8Array {
    this.begin();
    this.value(shape as Shape, value);
    return this.writer.take();
  }

  /** The hash of these bytes. */
  hash<T>(pure: Pick<Pure, 'hash'>, shape: Shape<T>, value: T): string {
    this.begin();
    this.value(shape as Shape, value);
    return pure.hash(this.writer.view());
  }

  private begin(): ByteWriter {
    this.writer.clear();
    this.seen.clear();
    return this.writer;
  }

  private peer(peer: Peer): void {
    if (peer < 0) {
      assert(DEVICES.includes(peer), 'an envelope names peers and devices, never nobody');
      this.writer.varint(-peer);
      return;
    }
    const place = this.seen.get(peer);
    if (place !== undefined) {
      this.writer.varint(FIRST_SEEN + place);
      return;
    }
    this.seen.set(peer, this.seen.size);
    this.writer.varint(NEW_PEER);
    this.writer.id(this.ids.idOf(peer));
  }

  private value(shape: Shape, value: unknown): void {
    const writer = this.writer;
    switch (shape.tag) {
      case 'integer':
        writer.varint(shape.least < 0 ? zigzag(value as number) : (value as number));
        return;
      case 'flag':
        writer.byte(value === true ? 1 : 0);
        return;
      case 'peer':
        this.peer(value as Peer);
        return;
      case 'text':
        writer.text(value as string);
        return;
      case 'ref': {
        const content = value as Ref;
        writer.text(content.hash);
        writer.varint(content.sizeBytes);
        writer.varint(content.keyId);
        return;
      }
      case 'optional':
        writer.byte(value === null ? 0 : 1);
        if (value !== null) this.value(shape.item, value);
        return;
      case 'list':
        writer.varint((value as unknown[]).length);
        for (const item of value as unknown[]) this.value(shape.item, item);
        return;
      case 'record': {
        const fields = value as Record<string, unknown>;
        for (let i = 0; i < shape.names.length; i++) this.value(shape.shapes[i], fields[shape.names[i]]);
        return;
      }
      case 'shared':
        this.value(shape.shape, value);
        return;
      default:
        throw new TypeError(`a ${shape.tag} is state, and has no bytes`);
    }
  }
}

/** By whose ids they write; they hold nothing between two documents. */
const encoders = new WeakMap<Pure, Encoder>();

/** The hash of a document, for signing and naming. */
export function hashDocument<T>(pure: Pure, shape: Shape<T>, value: T): string {
  let encoder = encoders.get(pure);
  if (encoder === undefined) encoders.set(pure, (encoder = new Encoder(pure)));
  return encoder.hash(pure, shape, value);
}

const MAX_HASH_BYTES = 128;

/**
 * Reads an envelope into `into`. Returns null, or why the bytes were refused; then `into` means nothing.
 * Peers not heard of before are given numbers by `ids`, which only happens when the whole message is good.
 */
export function decodeEnvelope(bytes: Uint8Array, ids: Ids, into: Envelope): Refusal | null {
  if (bytes.length > MAX_ENVELOPE_BYTES) return 'too-large';
  const decoder = new Decoder(bytes);
  const { reader } = decoder;
  if (reader.byte() !== MAGIC) return reader.refusal ?? 'bad-magic';
  if (reader.byte() !== WIRE_VERSION) return reader.refusal ?? 'bad-version';
  const kind = reader.varint();
  if (reader.refusal !== null) return reader.refusal;
  if (!isKnownType(typeOfKind(kind))) return 'unknown-type';
  const entry = KINDS[kind];
  if (entry === undefined) return 'unknown-operation';
  decoder.header();
  const body = decoder.value(entry.body);
  if (reader.refusal === null && reader.remaining > 0) reader.refuse('trailing-bytes');
  if (reader.refusal !== null) return reader.refusal;

  const numbers = decoder.seen.map((id) => ids.peerOf(id));
  into.kind = kind;
  into.from = numberOf(decoder.from, numbers);
  into.to = numberOf(decoder.to, numbers);
  into.origin = numberOf(decoder.origin, numbers);
  into.originBoot = decoder.originBoot;
  into.n = decoder.n;
  into.attempt = decoder.attempt;
  into.body = renumber(entry.body, body, numbers);
  into.sizeBytes = sizeOfEnvelope(into);
  return null;
}

/** Reads what `Encoder.document` has written. Null if it is nothing of the kind. */
export function decodeDocument<T>(bytes: Uint8Array, shape: Shape<T>, ids: Ids): T | null {
  const decoder = new Decoder(bytes);
  const value = decoder.value(shape as Shape);
  if (decoder.reader.refusal !== null || decoder.reader.remaining > 0) return null;
  const numbers = decoder.seen.map((id) => ids.peerOf(id));
  return renumber(shape as Shape, value, numbers) as T;
}

/** While decoding a peer is −1 … −9 or its place in `seen`; numbers are given only when all is well. */
class Decoder {
  readonly reader: ByteReader;
  readonly seen: string[] = [];
  from = 0;
  to = 0;
  origin = 0;
  originBoot = 0;
  n = 0;
  attempt = 0;

  constructor(bytes: Uint8Array) {
    this.reader = new ByteReader(bytes);
  }

  header(): void {
    this.from = this.peer();
    this.to = this.peer();
    this.origin = this.peer();
    this.originBoot = this.reader.varint();
    this.n = this.reader.varint();
    this.attempt = this.reader.varint();
  }

  peer(): number {
    const code = this.reader.varint();
    if (code === NEW_PEER) {
      const id = this.reader.id();
      if (this.seen.includes(id)) this.reader.refuse('not-canonical');
      this.seen.push(id);
      return this.seen.length - 1;
    }
    if (code < FIRST_SEEN) {
      if (!DEVICES.includes(-code)) this.reader.refuse('bad-peer');
      return -code;
    }
    if (code - FIRST_SEEN >= this.seen.length) this.reader.refuse('bad-peer');
    return code - FIRST_SEEN;
  }

  value(shape: Shape): unknown {
    const reader = this.reader;
    switch (shape.tag) {
      case 'integer': {
        const raw = reader.varint();
        const value = shape.least < 0 ? unzigzag(raw) : raw;
        if (value < shape.least || value > shape.most) reader.refuse('out-of-range');
        return value;
      }
      case 'flag': {
        const byte = reader.byte();
        if (byte > 1) reader.refuse('out-of-range');
        return byte === 1;
      }
      case 'peer':
        return this.peer();
      case 'text':
        return reader.text(shape.maxBytes);
      case 'ref':
        return { hash: reader.text(MAX_HASH_BYTES), sizeBytes: reader.varint(), keyId: reader.varint() };
      case 'optional': {
        const byte = reader.byte();
        if (byte > 1) reader.refuse('out-of-range');
        return byte === 1 ? this.value(shape.item) : null;
      }
      case 'list': {
        const count = reader.varint();
        if (count > shape.maxItems) reader.refuse('too-many-items');
        const items: unknown[] = [];
        for (let i = 0; i < count && reader.refusal === null; i++) items.push(this.value(shape.item));
        return items;
      }
      case 'record': {
        const fields: Record<string, unknown> = {};
        for (let i = 0; i < shape.names.length && reader.refusal === null; i++) {
          fields[shape.names[i]] = this.value(shape.shapes[i]);
        }
        return fields;
      }
      case 'shared':
        return this.value(shape.shape);
      default:
        throw new TypeError(`a ${shape.tag} is state, and has no bytes`);
    }
  }
}

function numberOf(place: number, numbers: readonly Peer[]): Peer {
  return place < 0 ? place : numbers[place];
}

function renumber(shape: Shape, value: unknown, numbers: readonly Peer[]): unknown {
  switch (shape.tag) {
    case 'peer':
      return numberOf(value as number, numbers);
    case 'optional':
      return value === null ? null : renumber(shape.item, value, numbers);
    case 'list':
      return (value as unknown[]).map((item) => renumber(shape.item, item, numbers));
    case 'record': {
      const fields = value as Record<string, unknown>;
      for (let i = 0; i < shape.names.length; i++) {
        fields[shape.names[i]] = renumber(shape.shapes[i], fields[shape.names[i]], numbers);
      }
      return fields;
    }
    case 'shared':
      return renumber(shape.shape, value, numbers);
    default:
      return value;
  }
}

/**
 * The bytes of an envelope on the wire, contents apart, without writing them. Peers count as if each were
 * named for the first time, so that the size does not depend on who is who.
 */
export function sizeOfEnvelope(envelope: Envelope): number {
  return sizeOfHead(envelope) + sizeOfBody(KINDS[envelope.kind]!.body, envelope.body);
}

/** What comes before the body. */
export function sizeOfHead({ kind, originBoot, n, attempt }: Envelope): number {
  const idsBytes = 3 * 33;
  return (
    2 + measureVarint(kind) + idsBytes + measureVarint(originBoot) + measureVarint(n) + measureVarint(attempt)
  );
}

export function sizeOfBody(shape: Shape, body: unknown): number {
  return sizeOfValue(shape, body);
}

function sizeOfValue(shape: Shape, value: unknown): number {
  switch (shape.tag) {
    case 'integer':
      return measureVarint(shape.least < 0 ? zigzag(value as number) : (value as number));
    case 'flag':
      return 1;
    case 'peer':
      return 33;
    case 'text': {
      const sizeBytes = measureText(value as string);
      return measureVarint(sizeBytes) + sizeBytes;
    }
    case 'ref': {
      const content = value as Ref;
      const hashBytes = measureText(content.hash);
      const numberBytes = measureVarint(content.sizeBytes) + measureVarint(content.keyId);
      return measureVarint(hashBytes) + hashBytes + numberBytes;
    }
    case 'optional':
      return value === null ? 1 : 1 + sizeOfValue(shape.item, value);
    case 'list': {
      let sizeBytes = measureVarint((value as unknown[]).length);
      for (const item of value as unknown[]) sizeBytes += sizeOfValue(shape.item, item);
      return sizeBytes;
    }
    case 'record': {
      const fields = value as Record<string, unknown>;
      let sizeBytes = 0;
      for (let i = 0; i < shape.names.length; i++) {
        sizeBytes += sizeOfValue(shape.shapes[i], fields[shape.names[i]]);
      }
      return sizeBytes;
    }
    case 'shared':
      return sizeOfValue(shape.shape, value);
    default:
      return 0;
  }
}

/** Signed integers of at most 52 bits as unsigned ones; `signed` shapes stay inside that. */
function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
}
