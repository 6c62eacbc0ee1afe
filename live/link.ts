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
/** Between two attempts to connect: at first, and at most. */
const PAUSE_MS = 100;
const MAX_PAUSE_MS = 2_000;
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
  /** The peer has proved to listen there. */
  onMet(address: string): void;
  /** What was taken to be sent never left. */
  onLost(reason: string): void;
  /** What the other side says over this connection, which it does if it knows no other way. */
  onFrame(frame: unknown[], hearer: Hearer): void;
}

/**
 * The connection to one peer: made when first needed, and again when it is lost. Where the peer listens may be told in several ways, of
 * which some are of yesterday, when another node may listen there today: they are tried in turn, and spoken to is only who proves to be the peer.
 */
export class Link {
  /** Where it is connected to, or tries to be. */
  address = '';
  private readonly peer: string;
  private readonly ids: LiveIds;
  private readonly addresses: () => readonly string[];
  private readonly events: LinkEvents;
  private socket: Socket | null = null;
  private hearer = new Hearer();
  /** Null until the other side has given its nonce, and proved who it is. */
  private speaker: Speaker | null = null;
  private queue: QueuedParcel[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** Attempts in vain since the peer was last met. */
  private failures = 0;

  /** `addresses`: where the peer may listen, at least one, as is known by then. */
  constructor(peer: string, ids: LiveIds, addresses: () => readonly string[], events: LinkEvents) {
    this.peer = peer;
    this.ids = ids;
    this.addresses = addresses;
    this.events = events;
    this.open(addresses()[0]!);
  }

  get isSpeaking(): boolean {
    return this.speaker !== null;
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
    clearTimeout(this.timer);
    const { socket } = this;
    this.speaker = null;
    this.socket = null;
    socket?.removeAllListeners();
    socket?.disconnect();
  }

  private open(address: string): void {
    this.address = address;
    this.hearer = new Hearer();
    const socket = connect(address, (give) =>
      give({ nonce: Buffer.from(this.hearer.nonce).toString('hex') }),
    );
    this.socket = socket;
    socket.once('connect_error', () => this.openNext());
    socket.once('disconnect', () => this.openNext());
    socket.once('nonce', (sent: unknown) => this.meet(socket, sent));
    socket.on('envelope', (...frame: unknown[]) => this.events.onFrame(frame, this.hearer));
    this.timer = setTimeout(() => this.openNext(), DIAL_TIMEOUT_MS);
  }

  /** Where it was met it is looked for first. */
  private openNext(): void {
    const wasMet = this.isSpeaking;
    this.close();
    this.failures = wasMet ? 0 : this.failures + 1;
    const addresses = this.addresses();
    const place = addresses.indexOf(this.address);
    const next = addresses[wasMet ? place : (place + 1) % addresses.length] ?? addresses[0] ?? this.address;
    const rounds = Math.floor(this.failures / Math.max(1, addresses.length));
    const delayMs = Math.min(MAX_PAUSE_MS, PAUSE_MS * 2 ** rounds);
    this.timer = setTimeout(() => this.open(next), delayMs * (0.5 + Math.random()));
  }

  private meet(socket: Socket, sent: unknown): void {
    const nonce = readNonce(sent);
    if (nonce === null) return this.openNext();
    askWho(socket, this.ids, (id) => {
      if (socket !== this.socket) return;
      if (id !== this.peer) return this.openNext();
      clearTimeout(this.timer);
      this.failures = 0;
      this.speaker = new Speaker(nonce);
      this.events.onMet(this.address);
      this.sayWhatWaits(this.speaker);
    });
  }

  private sayWhatWaits(speaker: Speaker): void {
    const waiting = this.queue;
    this.queue = [];
    for (const { parcel, sinceMs } of waiting) {
      const isOld = performance.now() - sinceMs > MAX_QUEUED_MS;
      if (isOld || !this.emit(parcel, speaker))
        this.events.onLost(isOld ? 'peer out of reach' : 'peer too slow');
    }
  }

  private emit(parcel: Parcel, speaker: Speaker): boolean {
    const socket = this.socket!;
    if (socket.io.engine.writeBuffer.length >= MAX_UNSENT) return false;
    socket.emit('envelope', ...this.events.seal(parcel, speaker.nextPlace()));
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

/** The URL of an address; null if nothing can be reached by it: what others call their address may be anything. */
export function hrefOf(address: string): string | null {
  try {
    const { host, href } = urlOf(address);
    return host === '' ? null : href;
  } catch {
    return null;
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
  const socket = connect(url);
  const fail = (detail: string, id: string | null = null): DialResult => ({ id, url: null, detail });
  let timer: NodeJS.Timeout;
  return new Promise<DialResult>((resolve) => {
    timer = setTimeout(() => resolve(fail(`nobody answers at ${address}`)), DIAL_TIMEOUT_MS);
    socket.once('connect_error', () => resolve(fail(`nobody listens at ${address}`)));
    socket.once('connect', () => {
      askWho(socket, ids, (id, own) => {
        if (id === null) resolve(fail(`who answers at ${address} does not prove who it is`));
        else if (wanted !== null && id !== wanted) resolve(fail(`another node answers at ${address}`, id));
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

/** Asks who listens there to prove whose key it holds, and what it calls its address; null: it proves nothing. */
function askWho(socket: Socket, ids: LiveIds, respond: (id: string | null, own: string) => void): void {
  const challenge = randomBytes(CHALLENGE_BYTES);
  socket.emit('hello', challenge, (publicKey: unknown, own: unknown, signature: unknown) => {
    if (
      typeof publicKey !== 'string' ||
      typeof own !== 'string' ||
      !(signature instanceof Uint8Array) ||
      !ids.verifyHello(publicKey, challenge, own, signature)
    )
      respond(null, '');
    else respond(idOfPublicKey(publicKey), own);
  });
}

type GiveHandshake = (handshake: { readonly nonce: string }) => void;

/** Once: whoever wants to stay connected tries again. */
function connect(
  address: string,
  auth: (give: GiveHandshake) => void = (give) => give({ nonce: '' }),
): Socket {
  return io(urlOf(address).href, {
    auth,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    perMessageDeflate: false as never,
  });
}
