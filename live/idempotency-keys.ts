import { randomBytes } from 'node:crypto';
import { hashBytes } from './identity.ts';

const MAX_KEYS = 4_096;

/** The same key was used for something else. */
export class KeyReused extends Error {
  override readonly name = 'KeyReused';
}

/** What was asked under which Idempotency-Key, oldest first: asked again it is the same request (R5.3-2). */
export class IdempotencyKeys {
  private readonly keys = new Map<string, { n: number; fingerprint: string; untilMs: number }>();
  private readonly rememberMs: number;

  /** @param rememberMs not longer than the gateway itself remembers what came of a request */
  constructor(rememberMs: number) {
    this.rememberMs = rememberMs;
  }

  /** The number of the request that was made under a key. Throws KeyReused if that was another one. */
  find(key: string, asked: unknown): number | undefined {
    const nowMs = performance.now();
    for (const [old, { untilMs }] of this.keys) {
      if (untilMs > nowMs) break;
      this.keys.delete(old);
    }
    const known = this.keys.get(key);
    if (known !== undefined && known.fingerprint !== fingerprintOf(asked)) throw new KeyReused();
    return known?.n;
  }

  remember(key: string, n: number, asked: unknown): void {
    const oldest = this.keys.keys().next();
    if (this.keys.size >= MAX_KEYS && oldest.done === false) this.keys.delete(oldest.value);
    this.keys.set(key, {
      n,
      fingerprint: fingerprintOf(asked),
      untilMs: performance.now() + this.rememberMs,
    });
  }
}

/** Numbers of a request of somebody with a key: under one key the same, whichever gateway hears it and however often (R5.3-2). */
export function numbersOf(person: string, key: string | null): { boot: number; n: number } {
  const hash = key === null ? randomBytes(32).toString('hex') : hashBytes(`${person}\n${key}`);
  return { boot: parseInt(hash.slice(0, 7), 16), n: parseInt(hash.slice(8, 20), 16) };
}

function fingerprintOf(asked: unknown): string {
  return hashBytes(JSON.stringify(asked));
}
