import { io, type Socket } from 'socket.io-client';
import { decodeEnvelope, Encoder } from '../../core/machine/codec.ts';
import { Envelope } from '../../core/machine/envelope.ts';
import { REFUSED } from '../../core/machine/kinds.ts';
import type { Carried } from '../../live/content-carrier.ts';
import { Hearer, joinContents, readNonce, Speaker, type FrameArguments } from '../../live/frames.ts';
import { signFrame, type Identity, type LiveIds } from '../../live/identity.ts';
import { until } from './pilot.ts';

/** A connection to a node, held by a program that speaks the protocol and has no address. */
export interface Voice {
  readonly socket: Socket;
  readonly speaker: Speaker;
  readonly hearer: Hearer;
}

export async function openVoice(url: string): Promise<Voice> {
  const hearer = new Hearer();
  const auth = { nonce: Buffer.from(hearer.nonce).toString('hex') };
  const socket = io(url, { transports: ['websocket'], forceNew: true, auth });
  const nonce = await new Promise<unknown>((resolve) => socket.once('nonce', resolve));
  return { socket, speaker: new Speaker(readNonce(nonce)!), hearer };
}

/** A frame as `signer` would say it next over the connection. */
export function signed(
  voice: Voice,
  bytes: Uint8Array,
  signer: Identity,
  contents: Carried[] = [],
): FrameArguments {
  const place = voice.speaker.nextPlace();
  const signature = signFrame(signer, place, bytes);
  return [signer.publicKey, place.n, bytes, signature, ...joinContents(contents)];
}

export interface Heard {
  readonly kind: number;
  readonly n: number;
  readonly body: unknown;
}

/** A program with a key of its own that speaks with one node, and hears what that says over the same connection. */
export class Caller {
  readonly identity: Identity;
  private readonly voice: Voice;
  private readonly ids: LiveIds;
  private readonly to: string;
  private readonly heard: Heard[] = [];
  private nextN = 1;

  static async open(url: string, to: string, identity: Identity, ids: LiveIds): Promise<Caller> {
    return new Caller(await openVoice(url), to, identity, ids);
  }

  private constructor(voice: Voice, to: string, identity: Identity, ids: LiveIds) {
    this.voice = voice;
    this.to = to;
    this.identity = identity;
    this.ids = ids;
    voice.socket.on('envelope', (...frame: unknown[]) => {
      const { kind, n, body } = this.decode(frame[2] as Uint8Array);
      this.heard.push({ kind, n, body });
    });
  }

  /** Says it, and returns the number by which the answers go. */
  say(kind: number, body: unknown): number {
    const envelope = new Envelope();
    const n = this.nextN++;
    envelope.kind = kind;
    envelope.from = envelope.origin = this.ids.peerOf(this.identity.id);
    envelope.to = this.ids.peerOf(this.to);
    envelope.n = n;
    envelope.body = body;
    const bytes = new Encoder(this.ids).envelope(envelope);
    this.voice.socket.emit('envelope', ...signed(this.voice, bytes, this.identity));
    return n;
  }

  /** The next answer under a number that is of that kind or a refusal; null: there was none in time. */
  async hear(n: number, kind: number, withinMs = 10_000): Promise<Heard | null> {
    const isIt = (one: Heard): boolean => one.n === n && (one.kind === kind || one.kind === REFUSED);
    await until(() => this.heard.some(isIt), withinMs);
    return this.heard.find(isIt) ?? null;
  }

  close(): void {
    this.voice.socket.disconnect();
  }

  private decode(bytes: Uint8Array): Envelope {
    const envelope = new Envelope();
    const refusal = decodeEnvelope(bytes, this.ids, envelope);
    if (refusal !== null) throw new Error(`a node said what cannot be read: ${refusal}`);
    return envelope;
  }
}
