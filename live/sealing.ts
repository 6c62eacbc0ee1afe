/**
 * How KEYS seals contents and wraps keys (R6.1-4). Contents: AES-256-GCM (NIST SP 800-38D) with a nonce of 96 random bits, bound by
 * its additional data to a pod and to the write that made it. Keys: the same, with a key agreed on by X25519 (RFC 7748) between one
 * made for this once and the receiver's, through HKDF-SHA-256 (RFC 5869).
 */
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { hashBytes } from './identity.ts';

export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** What sealing adds to a content. */
export const SEALING_BYTES = NONCE_BYTES + TAG_BYTES;
const PUBLIC_BYTES = 32;
/** 32 bytes in base64url. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;
/** Told apart, so that nothing sealed for one purpose opens for another. */
const CONTENT_DOMAIN = 'watershed content of pod';
const KEY_DOMAIN = 'watershed key of pod';
const NAME_DOMAIN = 'watershed name of key';

/** The two halves of an agreement key; the private one stays in memory. */
export interface Agreement {
  readonly privateKey: KeyObject;
  /** The raw public key in base64url. */
  readonly publicKey: string;
}

export function createAgreement(): Agreement {
  const { privateKey, publicKey } = generateKeyPairSync('x25519');
  return { privateKey, publicKey: publicKey.export({ format: 'jwk' }).x! };
}

export function createKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** What a key is called: 1 … 2^52, from a hash of it, so that whoever is handed one can tell that it is the one that was meant. */
export function nameOfKey(key: Uint8Array): number {
  const hash = hashBytes(Buffer.concat([Buffer.from(`${NAME_DOMAIN}\0`), key]));
  return 1 + parseInt(hash.slice(0, 13), 16);
}

/** Nonce, ciphertext and tag: 28 bytes more than came in. */
export function sealContent(key: Uint8Array, bytes: Uint8Array, pod: string, bound: string): Buffer {
  return encrypt(key, bytes, dataOf(CONTENT_DOMAIN, pod, bound));
}

/** Null: it was not sealed with this key, for this pod and this write, or it has been changed. */
export function openContent(key: Uint8Array, sealed: Uint8Array, pod: string, bound: string): Buffer | null {
  return decrypt(key, sealed, dataOf(CONTENT_DOMAIN, pod, bound));
}

/** The key for whoever holds the private half of an agreement key; null if that is none. */
export function wrapKey(key: Uint8Array, pod: string, to: string): Buffer | null {
  const once = createAgreement();
  const secret = agree(once.privateKey, once.publicKey, to, to);
  if (secret === null) return null;
  const data = dataOf(KEY_DOMAIN, pod, to);
  return Buffer.concat([Buffer.from(once.publicKey, 'base64url'), encrypt(secret, key, data)]);
}

/** Null: it was not wrapped for this agreement key and this pod, or it has been changed. */
export function unwrapKey(own: Agreement, wrapped: Uint8Array, pod: string): Buffer | null {
  const once = Buffer.from(wrapped.subarray(0, PUBLIC_BYTES)).toString('base64url');
  const secret = agree(own.privateKey, once, once, own.publicKey);
  if (secret === null) return null;
  const key = decrypt(secret, wrapped.subarray(PUBLIC_BYTES), dataOf(KEY_DOMAIN, pod, own.publicKey));
  return key?.length === KEY_BYTES ? key : null;
}

/** The key that two agree on, bound to both public halves; null where the other's is no point that gives one. */
function agree(privateKey: KeyObject, once: string, other: string, receiver: string): Buffer | null {
  if (!PUBLIC_KEY.test(other)) return null;
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: other }, format: 'jwk' });
    const shared = diffieHellman({ privateKey, publicKey });
    return Buffer.from(hkdfSync('sha256', shared, '', `${KEY_DOMAIN}\0${once}\0${receiver}`, KEY_BYTES));
  } catch {
    // OpenSSL refuses what would give nothing but zeros.
    return null;
  }
}

function dataOf(domain: string, ...parts: readonly string[]): Buffer {
  return Buffer.from([domain, ...parts].join('\0'));
}

function encrypt(key: Uint8Array, bytes: Uint8Array, data: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(data);
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, sealed: Uint8Array, data: Buffer): Buffer | null {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) return null;
  const nonce = sealed.subarray(0, NONCE_BYTES);
  const tag = sealed.subarray(sealed.length - TAG_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(data).setAuthTag(tag);
  const opened = decipher.update(sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES));
  try {
    return Buffer.concat([opened, decipher.final()]);
  } catch {
    return null;
  }
}
