/**
 * Why no frame can be said again: whoever hears over a connection gives a nonce when it opens, and every frame is signed with that
 * nonce and its place in the order. Said again over the same connection it has an old place, over another the signature is not right.
 */
import { randomBytes } from 'node:crypto';
import type { Carried } from './content-carrier.ts';

const NONCE_BYTES = 32;

/** Where a frame stands: over which connection, and as the how-manieth. */
export interface FramePlace {
  readonly nonce: Uint8Array;
  readonly n: number;
}

export type FrameArguments = [
  publicKey: string,
  n: number,
  bytes: Uint8Array,
  signature: Uint8Array,
  marks: Mark[],
  run: Uint8Array,
];

/** What stands in a frame for a content: how many of the bytes that follow are its own, a token, or nothing. */
export type Mark = number | string | null;

/** What is to be said, to be signed when it is known where it stands. */
export interface Parcel {
  readonly bytes: Uint8Array;
  readonly contents: Carried[];
}

/** Contents as they go in a frame, in one run of bytes: socket.io breaks off a connection over which more than ten pieces come at once. */
export function joinContents(contents: readonly Carried[]): [marks: Mark[], run: Uint8Array] {
  const pieces = contents.filter((content) => content instanceof Uint8Array);
  const marks = contents.map((content) => (content instanceof Uint8Array ? content.length : content));
  return [marks, pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)];
}

/** The contents of a frame, each with bytes of its own; null if it is no such frame. */
export function splitContents(marks: unknown, run: unknown): unknown[] | null {
  if (!Array.isArray(marks) || !(run instanceof Uint8Array)) return null;
  let at = 0;
  const contents = (marks as unknown[]).map((mark) => {
    if (typeof mark !== 'number') return mark;
    const piece = run.subarray(at, (at += mark));
    return piece.length === run.length ? piece : new Uint8Array(piece);
  });
  const areLengths = (marks as unknown[]).every(
    (mark) => typeof mark !== 'number' || (Number.isSafeInteger(mark) && mark >= 0),
  );
  return areLengths && at === run.length ? contents : null;
}

/** The speaking end of a connection. */
export class Speaker {
  private readonly nonce: Uint8Array;
  private n = 0;

  constructor(nonce: Uint8Array) {
    this.nonce = nonce;
  }

  nextPlace(): FramePlace {
    return { nonce: this.nonce, n: ++this.n };
  }
}

/** The hearing end of a connection. */
export class Hearer {
  readonly nonce: Uint8Array = randomBytes(NONCE_BYTES);
  private last = 0;

  placeOf(n: number): FramePlace {
    return { nonce: this.nonce, n };
  }

  /** False if a frame with this place, or a later one, has been heard. */
  admits(n: number): boolean {
    if (n <= this.last) return false;
    this.last = n;
    return true;
  }
}

/** A nonce as the other side sent it, as bytes or in hexadecimal digits, or null if it is none. */
export function readNonce(sent: unknown): Uint8Array | null {
  const bytes = typeof sent === 'string' ? Buffer.from(sent, 'hex') : sent;
  return bytes instanceof Uint8Array && bytes.length === NONCE_BYTES ? bytes : null;
}
