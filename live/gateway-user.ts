/** The one user of a gateway who is inside its process: whoever asks over HTTP, asks through it. */
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { ANSWER, ASK, REFUSED, type Answer, type Refused } from '../core/machine/kinds.ts';
import { ERROR_CODES, OK, OVERLOADED, UNKNOWN_OUTCOME, type ErrorCode } from '../core/routing/outcomes.ts';
import type { Want } from '../core/routing/want.ts';
import { listNgrams } from './embedding-model.ts';
import { AgentOwner } from './agent-owner.ts';
import { IdempotencyKeys } from './idempotency-keys.ts';
import type { Identity } from './identity.ts';
import type { LiveNode, LocalUser } from './live-node.ts';

export interface Question {
  readonly model: string;
  readonly text: string;
  /** 1 experimental … 4 verified. */
  readonly minTrust: number;
  readonly regions: readonly string[];
  readonly deadlineMs: number;
}

/** How a question ended. */
export interface Ending {
  readonly n: number;
  readonly question: Question;
  readonly askedWallUs: number;
  readonly endedWallUs: number;
  readonly code: ErrorCode;
  readonly answer: Answer | null;
  readonly refused: Refused | null;
}

interface OpenQuestion {
  readonly question: Question;
  readonly askedWallUs: number;
  readonly waiters: ((ending: Ending) => void)[];
  readonly timer: NodeJS.Timeout;
  /** An earlier question with the same key has been counted already. */
  readonly isRepeated: boolean;
}

/** After the deadline and so much more, nobody knows what came of it. */
const PATIENCE_MS = 5_000;

export class GatewayUser implements LocalUser {
  readonly peer: Peer;
  /** Questions that ended, by OK or error code. */
  readonly outcomes = new Map<string, number>();
  /** The same person, who also has agents act for it. */
  readonly owner: AgentOwner;
  private readonly live: LiveNode;
  private readonly onEnded: (ending: Ending) => void;
  private readonly open = new Map<number, OpenQuestion>();
  private readonly keys: IdempotencyKeys;
  private nextN = 1;

  constructor(live: LiveNode, identity: Identity, onEnded: (ending: Ending) => void) {
    this.live = live;
    this.onEnded = onEnded;
    this.peer = live.ids.peerOf(identity.id);
    this.keys = new IdempotencyKeys(live.driver.node.config.parameters.rememberUs / 1_000);
    this.owner = new AgentOwner(live, identity, this.keys, () => this.nextN++);
  }

  get openCount(): number {
    return this.open.size;
  }

  /**
   * Asks, and resolves when the question has ended, one way or another. Under a key that was used within the last two
   * minutes it is the same request again, and the gateway gives the same outcome without a second run (R5.3-2).
   * Throws KeyReused if that was another question.
   */
  ask(question: Question, key: string | null): Promise<Ending> {
    const known = key === null ? undefined : this.keys.find(key, question);
    const n = known ?? this.nextN++;
    if (key !== null && known === undefined) this.keys.remember(key, n, question);
    return new Promise((resolve) => {
      const already = this.open.get(n);
      if (already !== undefined) already.waiters.push(resolve);
      else this.send(n, question, known !== undefined, resolve);
    });
  }

  receive(envelope: Envelope): void {
    if (this.owner.calls.receive(envelope)) return;
    if (envelope.originBoot !== this.live.bootCount) return;
    if (envelope.kind === ANSWER) this.end(envelope.n, OK, envelope.body as Answer, null);
    else if (envelope.kind === REFUSED) {
      const refused = envelope.body as Refused;
      this.end(envelope.n, refused.code, null, refused);
    }
  }

  /** Nobody will hear any more what comes of the open questions. */
  close(): void {
    for (const n of [...this.open.keys()]) this.end(n, UNKNOWN_OUTCOME, null, null);
    this.owner.calls.close();
  }

  private send(n: number, question: Question, isRepeated: boolean, resolve: (ending: Ending) => void): void {
    const giveUp = (): void => this.end(n, UNKNOWN_OUTCOME, null, null);
    this.open.set(n, {
      question,
      askedWallUs: Date.now() * 1_000,
      waiters: [resolve],
      timer: setTimeout(giveUp, question.deadlineMs + PATIENCE_MS),
      isRepeated,
    });
    const prompt = this.live.contents.put(Buffer.from(question.text));
    if (prompt === null) {
      this.refuse(n, 'the gateway holds as many prompts as it may');
      return;
    }
    const want: Want = {
      model: question.model,
      prompt,
      contextTokens: listNgrams(question.text).length,
      maxTokens: 0,
      minTrust: question.minTrust,
      allowedRegions: question.regions as string[],
      pods: [],
      timeLeftUs: question.deadlineMs * 1_000,
      notAfterWallUs: (Date.now() + question.deadlineMs) * 1_000,
    };
    const envelope = new Envelope();
    envelope.kind = ASK;
    envelope.from = this.peer;
    envelope.to = this.live.driver.node.self;
    envelope.origin = this.peer;
    envelope.originBoot = this.live.bootCount;
    envelope.n = n;
    envelope.body = want;
    const reason = this.live.driver.deliverOwn(envelope);
    if (reason !== null) this.refuse(n, `the gateway cannot take the request: ${reason}`);
  }

  private refuse(n: number, detail: string): void {
    this.end(n, OVERLOADED, null, { code: OVERLOADED, retryAfterUs: 1_000_000, detail, struck: [] });
  }

  private end(n: number, code: ErrorCode, answer: Answer | null, refused: Refused | null): void {
    const ended = this.open.get(n);
    if (ended === undefined) return;
    this.open.delete(n);
    clearTimeout(ended.timer);
    const { question, askedWallUs } = ended;
    const ending = { n, question, askedWallUs, endedWallUs: Date.now() * 1_000, code, answer, refused };
    if (!ended.isRepeated) {
      const outcome = ERROR_CODES[code]!;
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
      this.onEnded(ending);
    }
    for (const resolve of ended.waiters) resolve(ending);
  }
}
