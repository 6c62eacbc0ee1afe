/** Connections that a node makes to others: frames go out over them, and so do dials. */
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { io, type Socket } from 'socket.io-client';
import { Hearer, readNonce, Speaker, type FrameArguments, type FramePlace, type Parcel } from './frames.ts';
import { idOfPublicKey, type LiveIds } from './identity.ts';

/** Parcels that wait for a connection: at most so many a peer, and none older than this; old ones go first. */
const MAX_QUEUED = 256;
const MAX_QUEUED_MS = 5_000;
/** Frames that a connection has taken and not yet put on the wire; beyond, further ones are dropped. */
export const MAX_UNSENT = 1_024;
/** Until nobody is thought to listen. */
const DIAL_TIMEOUT_MS = 3_000;
const CHALLENGE_BYTES = 32;
/** Addresses of one name that are tried. */
const MAX_RECORDS = 8;

interface QueuedParcel {
  readonly parcel: Parcel;
  readonly sinceMs: number;
}

export interface LinkEvents {
  /** Signs what is about to be said. */
  seal(parcel: Parcel, place: FramePlace): FrameArguments;
  /** What was taken to be sent never left. */
  onLost(reason: string): void;
  /** What the other side says over this connection, which it does if it knows no other way. */
  onFrame(frame: unknown[], hearer: Hearer): void;
}

/** The connection to one peer: made when first needed, and again when it is lost. */
export class Link {
  readonly address: string;
  private readonly socket: Socket;
  private readonly events: LinkEvents;
  private hearer = new Hearer();
  /** Null until the other side has given its nonce. */
  private speaker: Speaker | null = null;
  private queue: QueuedParcel[] = [];

  constructor(address: string, events: LinkEvents) {
    this.address = address;
    this.events = events;
    this.socket = connect(address, true, (give) => {
      this.hearer = new Hearer();
      give({ nonce: Buffer.from(this.hearer.nonce).toString('hex') });
    });
    this.socket.on('disconnect', () => (this.speaker = null));
    this.socket.on('nonce', (sent: unknown) => this.startSpeaking(sent));
    this.socket.on('envelope', (...frame: unknown[]) => events.onFrame(frame, this.hearer));
  }

  /** Null if it was taken, or why not. */
  send(parcel: Parcel): string | null {
    if (this.speaker !== null) return this.emit(parcel, this.speaker) ? null : 'peer too slow';
    this.queue.push({ parcel, sinceMs: performance.now() });
    if (this.queue.length > MAX_QUEUED) {
      this.queue.shift();
      this.events.onLost('peer out of reach');
    }
    return null;
  }

  close(): void {
    this.speaker = null;
    this.socket.disconnect();
  }

  private startSpeaking(sent: unknown): void {
    const nonce = readNonce(sent);
    if (nonce === null || this.speaker !== null || !this.socket.connected) return;
    this.speaker = new Speaker(nonce);
    const waiting = this.queue;
    this.queue = [];
    for (const { parcel, sinceMs } of waiting) {
      const isOld = performance.now() - sinceMs > MAX_QUEUED_MS;
      if (isOld || !this.emit(parcel, this.speaker))
        this.events.onLost(isOld ? 'peer out of reach' : 'peer too slow');
    }
  }

  private emit(parcel: Parcel, speaker: Speaker): boolean {
    if (this.socket.io.engine.writeBuffer.length >= MAX_UNSENT) return false;
    this.socket.emit('envelope', ...this.events.seal(parcel, speaker.nextPlace()));
    return true;
  }
}

/** Who was found to listen where; `url` is the very machine, also where the address names several. */
export type DialResult =
  | { readonly id: string; readonly url: string; readonly detail: '' }
  | { readonly id: string | null; readonly url: null; readonly detail: string };

/**
 * Asks whoever listens at an address to prove who it is. With an id it must be that one, and call the address its own: a
 * machine that only passes the question on to the real one is found out. A name is tried under each of its addresses in turn.
 */
export async function dial(address: string, id: string | null, ids: LiveIds): Promise<DialResult> {
  let urls: string[];
  try {
    urls = id === null ? await resolveAddress(address) : [urlOf(address).href];
  } catch (error) {
    return { id: null, url: null, detail: `${address}: ${(error as Error).message}` };
  }
  let failed: DialResult = { id: null, url: null, detail: `nobody answers at ${address}` };
  for (const url of urls) {
    const found = await dialUrl(url, address, id, ids);
    if (found.url !== null) return found;
    failed = found;
  }
  return failed;
}

/** `host:port`, or a URL of http or https. Throws if it is neither. */
export function urlOf(address: string): URL {
  const url = new URL(address.includes('://') ? address : `http://${address}`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('http or https is expected');
  return url;
}

/** Whether something can be reached by it at all; what others call their address may be anything. */
export function isAddress(text: string): boolean {
  try {
    return text !== '' && urlOf(text).host !== '';
  } catch {
    return false;
  }
}

/** The URLs of all machines that a name stands for. */
async function resolveAddress(address: string): Promise<string[]> {
  const url = urlOf(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const records = await lookup(host, { all: true });
  return records.slice(0, MAX_RECORDS).map(({ address: found, family }) => {
    const one = new URL(url);
    // A certificate is made out for the name: over https the name stays.
    if (one.protocol === 'http:') one.hostname = family === 6 ? `[${found}]` : found;
    return one.href;
  });
}

function dialUrl(url: string, address: string, wanted: string | null, ids: LiveIds): Promise<DialResult> {
  const challenge = randomBytes(CHALLENGE_BYTES);
  const socket = connect(url, false);
  const fail = (detail: string, id: string | null = null): DialResult => ({ id, url: null, detail });
  let timer: NodeJS.Timeout;
  return new Promise<DialResult>((resolve) => {
    timer = setTimeout(() => resolve(fail(`nobody answers at ${address}`)), DIAL_TIMEOUT_MS);
    socket.once('connect_error', () => resolve(fail(`nobody listens at ${address}`)));
    socket.once('connect', () => {
      socket.emit('hello', challenge, (publicKey: unknown, own: unknown, signature: unknown) => {
        if (
          typeof publicKey !== 'string' ||
          typeof own !== 'string' ||
          !(signature instanceof Uint8Array) ||
          !ids.verifyHello(publicKey, challenge, own, signature)
        )
          return resolve(fail(`who answers at ${address} does not prove who it is`));
        const id = idOfPublicKey(publicKey);
        if (wanted !== null && id !== wanted) resolve(fail(`another node answers at ${address}`, id));
        else if (wanted !== null && own !== address) resolve(fail(`${address} is not its address`, id));
        else resolve({ id, url, detail: '' });
      });
    });
    socket.once('disconnect', () => resolve(fail(`the connection to ${address} broke`)));
  }).finally(() => {
    clearTimeout(timer);
    socket.disconnect();
  });
}

type GiveHandshake = (handshake: { readonly nonce: string }) => void;

function connect(
  address: string,
  isLasting: boolean,
  auth: (give: GiveHandshake) => void = (give) => give({ nonce: '' }),
): Socket {
  return io(urlOf(address).href, {
    auth,
    transports: ['websocket'],
    reconnection: isLasting,
    reconnectionDelay: 100,
    reconnectionDelayMax: 2_000,
    forceNew: true,
    perMessageDeflate: false as never,
  });
}
