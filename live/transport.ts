/**
 * Envelopes between live nodes, over socket.io. Each goes as one frame: who sends it, its bytes, the sender's
 * signature over them, and the contents that it names. What cannot be trusted is refused with a reason and counted;
 * nothing that a peer sends can throw here.
 */
import type { Server as HttpServer } from 'node:http';
import { Server } from 'socket.io';
import { io, type Socket as ClientSocket } from 'socket.io-client';
import { decodeEnvelope, MAX_ENVELOPE_BYTES } from '../core/machine/codec.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { KINDS, STORE, typeOfKind } from '../core/machine/kinds.ts';
import { visitRefs, type Ref } from '../core/machine/shape.ts';
import { isContentOf, MAX_CONTENT_BYTES, type Contents } from './contents.ts';
import { PeerTableFull, signFrame, type Identity, type LiveIds } from './identity.ts';

/** One frame: an envelope and the contents it names. */
const MAX_FRAME_BYTES = MAX_ENVELOPE_BYTES + 2 * MAX_CONTENT_BYTES;
/** Frames that wait for a connection: at most so many a peer, and none older than this; old ones go first. */
const MAX_QUEUED = 256;
const MAX_QUEUED_MS = 5_000;
/** Frames that a connection has taken and not yet put on the wire; beyond, further ones are dropped. */
const MAX_UNSENT = 1_024;

type FrameArguments = [from: string, bytes: Uint8Array, signature: Uint8Array, contents: Uint8Array[]];

interface QueuedFrame {
  readonly frame: FrameArguments;
  readonly sinceMs: number;
}

/** What was sent to one node: all of it, and what never left. */
export interface SentCount {
  sent: number;
  dropped: number;
}

export interface TransportOptions {
  readonly http: HttpServer;
  readonly identity: Identity;
  readonly ids: LiveIds;
  readonly contents: Contents;
  /** Takes a verified envelope, whose contents are held; or says why not. */
  readonly deliver: (envelope: Envelope, bytes: Uint8Array) => string | null;
}

export class Transport {
  /** Frames that came and were not delivered, by reason. */
  readonly refused = new Map<string, number>();
  /** Envelopes that were not sent, by reason. */
  readonly unsent = new Map<string, number>();
  /** By id of the node. */
  readonly sentTo = new Map<string, SentCount>();
  received = 0;
  private readonly options: TransportOptions;
  private readonly server: Server;
  private readonly links = new Map<string, Link>();
  private addresses: Readonly<Record<string, string>> = {};

  constructor(options: TransportOptions) {
    this.options = options;
    this.server = new Server(options.http, {
      serveClient: false,
      transports: ['websocket'],
      maxHttpBufferSize: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    });
    this.server.on('connection', (socket) => {
      socket.on('envelope', (...frame: unknown[]) => this.receive(frame));
    });
  }

  /** Where the others listen: URLs by id. Connections are made when first needed. */
  setAddresses(addresses: Readonly<Record<string, string>>): void {
    this.addresses = addresses;
  }

  /** Sends an envelope, or drops it and counts why. */
  send(envelope: Envelope, bytes: Uint8Array): void {
    const { identity, ids } = this.options;
    const to = ids.idOf(envelope.to);
    const reason = this.trySend(envelope, bytes, to, identity);
    const count = this.countOf(to);
    count.sent++;
    if (reason === null) return;
    count.dropped++;
    increment(this.unsent, reason);
  }

  async close(): Promise<void> {
    for (const link of this.links.values()) link.close();
    await this.server.close();
  }

  private trySend(envelope: Envelope, bytes: Uint8Array, to: string, identity: Identity): string | null {
    const address = this.addresses[to];
    if (address === undefined) return 'no address';
    if (bytes.length > MAX_ENVELOPE_BYTES) return 'too large';
    const contents: Uint8Array[] = [];
    for (const content of refsOf(envelope)) {
      const held = this.options.contents.get(content);
      if (held === undefined) return 'content no longer held';
      contents.push(held);
    }
    let link = this.links.get(to);
    if (link === undefined) {
      link = new Link(address, (dropped) => this.countLost(to, dropped));
      this.links.set(to, link);
    }
    return link.send([identity.id, bytes, signFrame(identity, bytes), contents]);
  }

  private countOf(to: string): SentCount {
    let count = this.sentTo.get(to);
    if (count === undefined) this.sentTo.set(to, (count = { sent: 0, dropped: 0 }));
    return count;
  }

  private countLost(to: string, reason: string): void {
    this.countOf(to).dropped++;
    increment(this.unsent, reason);
  }

  private receive(frame: unknown[]): void {
    let reason: string | null;
    try {
      reason = this.tryReceive(frame);
    } catch (error) {
      if (!(error instanceof PeerTableFull)) throw error;
      reason = 'too many peers';
    }
    if (reason === null) this.received++;
    else increment(this.refused, reason);
  }

  /** Null if the envelope was delivered, or why it was refused. */
  private tryReceive(frame: unknown[]): string | null {
    const [from, bytes, signature, contents] = frame;
    if (
      typeof from !== 'string' ||
      !(bytes instanceof Uint8Array) ||
      !(signature instanceof Uint8Array) ||
      !Array.isArray(contents)
    )
      return 'malformed frame';
    const { ids, identity } = this.options;
    if (!ids.knows(from)) return 'unknown sender';
    if (!ids.verifyFrame(from, bytes, signature)) return 'bad signature';
    const envelope = new Envelope();
    const refusal = decodeEnvelope(bytes, ids, envelope);
    if (refusal !== null) return refusal;
    if (envelope.from < 0 || ids.idOf(envelope.from) !== from) return 'wrong sender';
    if (envelope.to < 0 || ids.idOf(envelope.to) !== identity.id) return 'wrong receiver';
    if (envelope.origin < 0) return 'wrong origin';
    if (typeOfKind(envelope.kind) === typeOfKind(STORE)) return 'device envelope';
    const fault = this.takeContents(envelope, contents);
    if (fault !== null) return fault;
    return this.options.deliver(envelope, bytes);
  }

  /** An envelope that names contents is delivered with all of them, verified and held, or not at all. */
  private takeContents(envelope: Envelope, contents: unknown[]): string | null {
    const refs = refsOf(envelope);
    if (contents.length !== refs.length) return 'content missing';
    for (const [i, content] of refs.entries()) {
      const bytes: unknown = contents[i];
      if (!(bytes instanceof Uint8Array)) return 'malformed frame';
      if (!isContentOf(content, bytes)) return 'other content';
    }
    const areHeld = refs.every((content, i) =>
      this.options.contents.keep(content, contents[i] as Uint8Array),
    );
    return areHeld ? null : 'no room for content';
  }
}

/** The connection to one peer: made when first needed, and again when it is lost. */
class Link {
  private readonly socket: ClientSocket;
  private readonly onLost: (reason: string) => void;
  private queue: QueuedFrame[] = [];

  constructor(address: string, onLost: (reason: string) => void) {
    this.onLost = onLost;
    this.socket = io(address, {
      transports: ['websocket'],
      reconnectionDelay: 100,
      reconnectionDelayMax: 2_000,
      forceNew: true,
      perMessageDeflate: false as never,
    });
    this.socket.on('connect', () => this.flush());
  }

  /** Null if the frame was taken, or why not. */
  send(frame: FrameArguments): string | null {
    if (this.socket.connected) return this.emit(frame) ? null : 'peer too slow';
    this.queue.push({ frame, sinceMs: performance.now() });
    if (this.queue.length > MAX_QUEUED) {
      this.queue.shift();
      this.onLost('peer out of reach');
    }
    return null;
  }

  close(): void {
    this.socket.disconnect();
  }

  private flush(): void {
    const waiting = this.queue;
    this.queue = [];
    for (const { frame, sinceMs } of waiting) {
      const isOld = performance.now() - sinceMs > MAX_QUEUED_MS;
      if (isOld || !this.emit(frame)) this.onLost(isOld ? 'peer out of reach' : 'peer too slow');
    }
  }

  private emit(frame: FrameArguments): boolean {
    if (this.socket.io.engine.writeBuffer.length >= MAX_UNSENT) return false;
    this.socket.emit('envelope', ...frame);
    return true;
  }
}

/** The different contents that an envelope names. */
function refsOf(envelope: Envelope): Ref[] {
  const entry = KINDS[envelope.kind]!;
  const found = new Map<string, Ref>();
  if (entry.hasRefs) visitRefs(entry.body, envelope.body, (content) => found.set(content.hash, content));
  return [...found.values()];
}

function increment(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
