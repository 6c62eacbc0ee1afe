/** Leave to fetch large contents: whoever was sent an envelope that names one may fetch that one, for a while, and nobody else. */
import { randomBytes } from 'node:crypto';
import type { Ref } from '../core/machine/shape.ts';

const TOKEN_BYTES = 16;
const TOKEN = /^[0-9a-f]{32}$/;
/** Longer than whoever asked waits for a chunk by default. */
const GRANT_MS = 120_000;
/** The oldest make room. */
const MAX_GRANTS = 4_096;
/** A fetch that broke off is gone on with; so often the whole content may be handed out at most. */
const MAX_TIMES = 4;

interface Grant {
  readonly content: Ref;
  readonly untilMs: number;
  leftBytes: number;
}

export class ContentGrants {
  private readonly grants = new Map<string, Grant>();

  /** The token that goes with the envelope, in the place of the bytes. */
  give(content: Ref): string {
    const token = randomBytes(TOKEN_BYTES).toString('hex');
    const untilMs = performance.now() + GRANT_MS;
    this.grants.set(token, { content, untilMs, leftBytes: MAX_TIMES * content.sizeBytes });
    if (this.grants.size > MAX_GRANTS) this.grants.delete(this.grants.keys().next().value!);
    return token;
  }

  /** The content that a token is for, if it is called by that hash and the token still holds. */
  find(token: string, hash: string): Ref | null {
    const grant = this.grants.get(token);
    if (grant === undefined || grant.content.hash !== hash) return null;
    return performance.now() < grant.untilMs && grant.leftBytes > 0 ? grant.content : null;
  }

  spend(token: string, bytes: number): void {
    const grant = this.grants.get(token);
    if (grant !== undefined) grant.leftBytes -= bytes;
  }
}

/** What came with an envelope in the place of bytes, if it can be a token. */
export function isGrant(sent: unknown): sent is string {
  return typeof sent === 'string' && TOKEN.test(sent);
}
