/** People who come to a gateway over HTTP with keys of their own: what they want of pods is said in their name. */
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { REFUSED, type Refused } from '../core/machine/kinds.ts';
import { ERROR_CODES, OK, OVERLOADED } from '../core/routing/outcomes.ts';
import type { LiveNode, Visitors } from './live-node.ts';

/** One thing that somebody wants of a pod; with who it is, `boot` and `n` say which, however often it is asked. */
export interface PodErrand {
  readonly person: Peer;
  readonly boot: number;
  readonly n: number;
  readonly kind: number;
  readonly body: unknown;
  readonly waitMs: number;
}

/** What came of it; null: nobody has answered. */
export type PodSaid =
  { readonly kind: number; readonly body: unknown } | { readonly refused: Refused } | null;

/** After the time is over a gateway still says what it knows. */
const PATIENCE_MS = 3_000;
const MAX_WAITING = 1_024;

interface Waiting {
  readonly waiters: ((said: PodSaid) => void)[];
  readonly timer: NodeJS.Timeout;
}

export class PodVisitors implements Visitors {
  /** How errands ended, by OK or error code. */
  readonly outcomes = new Map<string, number>();
  private readonly live: LiveNode;
  private readonly waiting = new Map<string, Waiting>();

  constructor(live: LiveNode) {
    this.live = live;
  }

  get openCount(): number {
    return this.waiting.size;
  }

  /** Resolves when somebody has answered, or nobody has in time. The same errand is under way once. */
  ask(errand: PodErrand): Promise<PodSaid> {
    const key = keyOf(errand.person, errand.boot, errand.n);
    const already = this.waiting.get(key);
    if (already !== undefined) return new Promise((resolve) => already.waiters.push(resolve));
    if (this.waiting.size >= MAX_WAITING)
      return Promise.resolve({ refused: full('too many wait at this gateway') });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.end(key, null), errand.waitMs + PATIENCE_MS);
      this.waiting.set(key, { waiters: [resolve], timer });
      const reason = this.live.driver.deliverOwn(this.envelopeOf(errand));
      if (reason !== null) this.end(key, { refused: full(`the gateway cannot take the request: ${reason}`) });
    });
  }

  receive({ kind, to, origin, originBoot, n, body }: Envelope): boolean {
    const key = keyOf(origin, originBoot, n);
    if (to !== origin || !this.waiting.has(key)) return false;
    this.end(key, kind === REFUSED ? { refused: body as Refused } : { kind, body });
    return true;
  }

  close(): void {
    for (const key of [...this.waiting.keys()]) this.end(key, null);
  }

  private envelopeOf({ person, boot, n, kind, body }: PodErrand): Envelope {
    const envelope = new Envelope();
    envelope.kind = kind;
    envelope.from = envelope.origin = person;
    envelope.to = this.live.driver.node.self;
    envelope.originBoot = boot;
    envelope.n = n;
    envelope.body = body;
    return envelope;
  }

  private end(key: string, said: PodSaid): void {
    const ended = this.waiting.get(key);
    if (ended === undefined) return;
    this.waiting.delete(key);
    clearTimeout(ended.timer);
    const code = said === null ? 'UNKNOWN_OUTCOME' : ERROR_CODES['refused' in said ? said.refused.code : OK]!;
    this.outcomes.set(code, (this.outcomes.get(code) ?? 0) + 1);
    for (const resolve of ended.waiters) resolve(said);
  }
}

function keyOf(person: Peer, boot: number, n: number): string {
  return `${person}/${boot}/${n}`;
}

function full(detail: string): Refused {
  return { code: OVERLOADED, retryAfterUs: 1_000_000, detail, struck: [] };
}
