import { io, type Socket } from 'socket.io-client';
import { Hearer, readNonce, Speaker } from '../../live/frames.ts';
import { signFrame, type Identity } from '../../live/identity.ts';

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
export function signed(voice: Voice, bytes: Uint8Array, signer: Identity, contents: unknown = []): unknown[] {
  const place = voice.speaker.nextPlace();
  return [signer.publicKey, place.n, bytes, signFrame(signer, place, bytes), contents];
}
