/** A program with a key of its own that speaks with one node and listens nowhere: an operator's console, or a publisher. */
import { io, type Socket } from 'socket.io-client';
import { decodeEnvelope, Encoder } from '../core/machine/codec.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { REFUSED, type Refused } from '../core/machine/kinds.ts';
import { ERROR_CODES } from '../core/routing/outcomes.ts';
import type { Carried } from './content-carrier.ts';
import { Hearer, joinContents, readNonce, Speaker } from './frames.ts';
import { LiveIds, signFrame, type Identity } from './identity.ts';
import { fieldsOf } from './json-shape.ts';
import { urlOf } from './link.ts';

const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;

/** The node refused, or did not answer. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
}

/** What a node says of itself to whoever asks over HTTP. */
export interface NodeCard {
  readonly name: string;
  readonly id: string;
  readonly cluster: string;
  readonly region: string;
  readonly types: readonly string[];
}

export class Caller {
  readonly identity: Identity;
  /** Numbers of ids, as this program gives them. */
  readonly ids = new LiveIds([]);
  readonly url: string;
  readonly card: NodeCard;
  private readonly socket: Socket;
  private readonly hearer: Hearer;
  private readonly speaker: Speaker;
  private readonly waiting = new Map<number, (kind: number, body: unknown) => void>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private nextN = 1;

  /** Rejects if nobody answers at the address. */
  static async open(address: string, identity: Identity): Promise<Caller> {
    const card = await readCard(address);
    const url = urlOf(address).href;
    const hearer = new Hearer();
    const auth = { nonce: Buffer.from(hearer.nonce).toString('hex') };
    const socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, auth });
    const nonce = await new Promise<Uint8Array>((resolve, reject) => {
      const fail = (): void => reject(new CallFailed(`nobody listens at ${address}`));
      const timer = setTimeout(fail, CONNECT_MS);
      socket.once('connect_error', fail);
      socket.once('nonce', (sent: unknown) => {
        clearTimeout(timer);
        const read = readNonce(sent);
        if (read === null) fail();
        else resolve(read);
      });
    }).catch((error: unknown) => {
      socket.disconnect();
      throw error;
    });
    return new Caller(url, card, identity, socket, hearer, new Speaker(nonce));
  }

  private constructor(
    url: string,
    card: NodeCard,
    identity: Identity,
    socket: Socket,
    hearer: Hearer,
    speaker: Speaker,
  ) {
    this.url = url;
    this.card = card;
    this.identity = identity;
    this.socket = socket;
    this.hearer = hearer;
    this.speaker = speaker;
    socket.on('envelope', (...frame: unknown[]) => this.hear(frame));
  }

  /** Says what has no answer. */
  say(kind: number, body: unknown, contents: Carried[] = []): number {
    const envelope = new Envelope();
    const n = this.nextN++;
    envelope.kind = kind;
    envelope.from = envelope.origin = this.ids.peerOf(this.identity.id);
    envelope.to = this.ids.peerOf(this.card.id);
    envelope.n = n;
    envelope.body = body;
    const bytes = new Encoder(this.ids).envelope(envelope);
    const place = this.speaker.nextPlace();
    const { publicKey } = this.identity;
    const signature = signFrame(this.identity, place, bytes);
    this.socket.emit('envelope', publicKey, place.n, bytes, signature, ...joinContents(contents));
    return n;
  }

  /** The body of the answer. Rejects with what the node refuses, or if it says nothing in time. */
  ask<T>(
    kind: number,
    body: unknown,
    wanted: number,
    contents: Carried[] = [],
    withinMs = ANSWER_MS,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const n = this.say(kind, body, contents);
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        this.timers.delete(timer);
        this.waiting.delete(n);
        settle();
      };
      const fail = (reason: string): void => end(() => reject(new CallFailed(reason)));
      const timer = setTimeout(() => fail(`${this.card.name} does not answer`), withinMs);
      this.timers.add(timer);
      this.waiting.set(n, (said, answer) => {
        if (said === wanted) return end(() => resolve(answer as T));
        if (said !== REFUSED) return;
        const { code, detail } = answer as Refused;
        fail(`${ERROR_CODES[code]}: ${detail}`);
      });
    });
  }

  /** What has not been answered is waited for no longer, and never ends. */
  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.socket.disconnect();
  }

  private hear(frame: unknown[]): void {
    const [publicKey, n, bytes, signature] = frame;
    if (typeof publicKey !== 'string' || typeof n !== 'number') return;
    if (!(bytes instanceof Uint8Array) || !(signature instanceof Uint8Array)) return;
    if (!this.ids.verifyFrame(publicKey, this.hearer.placeOf(n), bytes, signature) || !this.hearer.admits(n))
      return;
    const envelope = new Envelope();
    if (decodeEnvelope(bytes, this.ids, envelope) !== null) return;
    this.waiting.get(envelope.n)?.(envelope.kind, envelope.body);
  }
}

/** Who the node at an address says that it is. Rejects if none answers there. */
export async function readCard(address: string): Promise<NodeCard> {
  const answer = await readFrom(address, '/v1/node');
  const { manifest } = answer as { manifest?: Omit<NodeCard, 'name'> };
  if (typeof answer['name'] !== 'string' || typeof manifest?.id !== 'string')
    throw new CallFailed(`${address}: what answers there is no node of Watershed`);
  const { id, cluster, region, types } = manifest;
  return { name: answer['name'], id, cluster, region, types };
}

/** What a node answers to whoever asks over HTTP. Rejects if none answers, or with something else than JSON. */
export async function readFrom(address: string, path: string): Promise<Record<string, unknown>> {
  const answer = await fetchFrom(address, path, { signal: AbortSignal.timeout(CONNECT_MS) });
  try {
    return fieldsOf(await answer.json(), 'answer');
  } catch {
    throw new CallFailed(`${address}: what answers there is no node of Watershed`);
  }
}

/** As `fetch`; rejects in words if nobody answers. */
export async function fetchFrom(address: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path, urlOf(address)), init);
  } catch (error) {
    const { message, cause } = error as Error;
    throw new CallFailed(
      `no node answers at ${address}: ${cause instanceof Error ? cause.message : message}`,
    );
  }
}
