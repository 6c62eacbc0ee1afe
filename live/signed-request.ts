/**
 * How somebody asks over HTTP in a name of their own: each request is signed with the key that the name is a hash of, for one
 * gateway, for a short time, and for the very bytes that it brings. The key stays where it is; nobody logs in anywhere.
 */
import { signRequest, type Identity } from './identity.ts';

/** What a signature is for. */
export interface RequestTerms {
  readonly method: string;
  /** Path and query, as sent. */
  readonly target: string;
  /** The id of the node that is asked: the same request cannot be taken to another. */
  readonly gateway: string;
  /** The Idempotency-Key, '' if there is none. */
  readonly key: string;
  /** The request means nothing any more then: wall time, ms. */
  readonly untilMs: number;
  /** SHA-256 of the body, 64 hexadecimal digits. */
  readonly bodyHash: string;
}

/** Who asks, as the Authorization header says it. */
export interface Authorization {
  readonly publicKey: string;
  readonly untilMs: number;
  readonly bodyHash: string;
  readonly signature: string;
}

const SCHEME = 'Watershed';
const FORM =
  /^Watershed key=([A-Za-z0-9_-]{43}), until=(\d{1,15}), body=([0-9a-f]{64}), signature=([A-Za-z0-9_-]{86})$/;

/** The header that goes with a request. */
export function authorize(identity: Identity, terms: RequestTerms): string {
  const signature = signRequest(identity, textOf(terms)).toString('base64url');
  const { publicKey } = identity;
  return `${SCHEME} key=${publicKey}, until=${terms.untilMs}, body=${terms.bodyHash}, signature=${signature}`;
}

/** Null if it is no such header. */
export function readAuthorization(header: string | undefined): Authorization | null {
  const [, publicKey, until, bodyHash, signature] = FORM.exec(header ?? '') ?? [];
  if (publicKey === undefined) return null;
  return { publicKey, untilMs: Number(until), bodyHash: bodyHash!, signature: signature! };
}

/** A line each, so that no part can be taken for another. None has a line break in it: HTTP allows none there. */
export function textOf({ method, target, gateway, key, untilMs, bodyHash }: RequestTerms): string {
  return [method, target, gateway, key, untilMs, bodyHash].join('\n');
}
