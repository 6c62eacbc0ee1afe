import type { Open, Seal, Wrap } from '../core/machine/key-kinds.ts';
import type { Ref } from '../core/machine/shape.ts';

/** What sealing adds to a content: 96 bits of nonce and 128 of tag. */
export const SEALING_BYTES = 28;
/** A key of 32 bytes sealed for a key agreed on with a public key of 32 bytes, which goes along. */
const WRAPPED_BYTES = 32 + 32 + SEALING_BYTES;

/** What a sealed content is made from, and with. */
interface SealedContent {
  readonly plain: Ref;
  readonly pod: string;
  readonly keyId: number;
  readonly bound: string;
}

/** Which key is wrapped in a content, and for whom. */
export interface WrappedKey {
  readonly pod: string;
  readonly keyId: number;
  readonly agreement: string;
}

/**
 * What every KEYS of a world has sealed and wrapped: the world's own account, which opens nothing without the key. Names of
 * contents are given by whoever asks, and are used once.
 */
export class Vault {
  readonly sealed = new Map<string, SealedContent>();
  readonly wrapped = new Map<string, WrappedKey>();
  private readonly ofPlain = new Map<string, string[]>();

  wrap({ pod, keyId, agreement }: Wrap, name: string): Ref {
    const hash = `wrapped-${name}`;
    this.wrapped.set(hash, { pod, keyId, agreement });
    return { hash, sizeBytes: WRAPPED_BYTES, keyId: 0 };
  }

  /** Whether a key was wrapped for this agreement key, and is that of the pod. */
  fits(wrapped: Ref, pod: string, keyId: number, agreement: string): boolean {
    const made = this.wrapped.get(wrapped.hash);
    return made?.pod === pod && made.keyId === keyId && made.agreement === agreement;
  }

  /** Null: the key is none that was wrapped for this one. */
  seal({ pod, keyId, wrapped, content, bound }: Seal, agreement: string, name: string): Ref | null {
    if (!this.fits(wrapped, pod, keyId, agreement)) return null;
    const hash = `sealed-${name}`;
    this.sealed.set(hash, { plain: content, pod, keyId, bound });
    this.ofPlain.set(content.hash, [...this.sealsOf(content.hash), hash]);
    return { hash, sizeBytes: content.sizeBytes + SEALING_BYTES, keyId };
  }

  /** Null: the key is none that was wrapped for this one, or the content was not sealed with it for this place. */
  open({ pod, keyId, wrapped, content, bound }: Open, agreement: string): Ref | null {
    const made = this.sealed.get(content.hash);
    if (made === undefined || !this.fits(wrapped, pod, keyId, agreement)) return null;
    return made.keyId === keyId && made.pod === pod && made.bound === bound ? made.plain : null;
  }

  /** By hash: what a content has been sealed to. */
  sealsOf(plain: string): readonly string[] {
    return this.ofPlain.get(plain) ?? [];
  }
}
