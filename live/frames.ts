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
  contents: Carried[],
];

/** What is to be said, to be signed when it is known where it stands. */
export interface Parcel {
  readonly bytes: Uint8Array;
  readonly contents: Carried[];
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
