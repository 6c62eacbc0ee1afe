/**
 * Envelopes between live nodes, over socket.io. Each goes as one frame: who sends it, its place in the order, its bytes, the
 * sender's signature over them (see frames.ts), and the contents that it names. What cannot be trusted is refused with a reason and counted;
 * nothing that a peer sends can throw here.
 */
import type { Server as HttpServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import { decodeEnvelope, MAX_ENVELOPE_BYTES } from '../core/machine/codec.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { KINDS, STORE, typeOfKind } from '../core/machine/kinds.ts';
import { visitRefs, type Ref } from '../core/machine/shape.ts';
import { ContentCarrier, type Fault } from './content-carrier.ts';
import { MAX_POD_BYTES, type Contents } from './contents.ts';
import {
  Hearer,
  joinContents,
  readNonce,
  Speaker,
  splitContents,
  type FrameArguments,
  type FramePlace,
  type Parcel,
} from './frames.ts';
import {
  idOfPublicKey,
  PeerTableFull,
  signFrame,
  signHello,
  type Identity,
  type LiveIds,
} from './identity.ts';
import { hrefOf, Link, MAX_UNSENT, urlOf } from './link.ts';

/** One frame: an envelope and the contents it names. */
const MAX_FRAME_BYTES = MAX_ENVELOPE_BYTES + MAX_POD_BYTES;
/** Peers without an address whose connections to us are remembered, to answer them; the oldest make room. */
const MAX_RETURNS = 1_024;
/** Where one peer may listen, as the transport is told. */
const MAX_ADDRESSES = 4;
/** Proofs that one connection may ask for. */
const MAX_HELLOS = 4;
const MAX_CHALLENGE_BYTES = 64;
const NOWHERE: readonly string[] = [];

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
  /** Where this node listens, as it tells others. */
  readonly address: string;
  /** Where a member of the node's cluster listens, as the node knows; '' if it does not. */
  readonly addressOf: (id: string) => string;
  /** Takes a verified envelope, whose contents are held; or says why not. */
  readonly deliver: (envelope: Envelope, bytes: Uint8Array) => string | null;
  /** An envelope was dropped, since what its sender handed out is not the contents that it names. */
  readonly onFalse?: (envelope: Envelope) => void;
}

/** A connection that somebody made to us, and our end of it to speak over; null if they do not want to hear. */
interface Return {
  readonly socket: Socket;
  readonly speaker: Speaker | null;
}

export class Transport {
  /** Frames that came and were not delivered, by reason. */
  readonly refused = new Map<string, number>();
  /** Envelopes that were not sent, by reason. */
  readonly unsent = new Map<string, number>();
  /** By id of the node. */
  readonly sentTo = new Map<string, SentCount>();
  received = 0;
  readonly carrier: ContentCarrier;
  private readonly options: TransportOptions;
  private readonly server: Server;
  private readonly links = new Map<string, Link>();
  /** Where others may listen: URLs by id. First stands where one was last met, or what was told first. */
  private readonly routes = new Map<string, readonly string[]>();
  /** By id: over which connection somebody last spoke of whom the node knows no address. */
  private readonly returns = new Map<string, Return>();

  constructor(options: TransportOptions) {
    this.options = options;
    this.carrier = new ContentCarrier(options.contents);
    this.server = new Server(options.http, {
      serveClient: false,
      transports: ['websocket'],
      maxHttpBufferSize: MAX_FRAME_BYTES,
      perMessageDeflate: false,
    });
    this.server.on('connection', (socket) => {
      let hellos = 0;
      const hearer = new Hearer();
      const nonce = readNonce(socket.handshake.auth['nonce']);
      const back = { socket, speaker: nonce === null ? null : new Speaker(nonce) };
      socket.on('envelope', (...frame: unknown[]) => this.receive(frame, hearer, back));
      socket.emit('nonce', hearer.nonce);
      socket.conn.on('close', (_reason, cause) => {
        if (isOversize(cause)) increment(this.refused, 'frame too large');
      });
      socket.on('hello', (challenge: unknown, respond: unknown) => {
        if (hellos++ < MAX_HELLOS) this.proveSelf(challenge, respond);
      });
    });
  }

  /**
   * Says where a node may listen; what was said before holds as well. Connections are made when first needed, to where it proves
   * to be. Throws if it is no address.
   */
  route(id: string, address: string, isProven = false): void {
    if (id === this.options.identity.id) return;
    const { href } = urlOf(address);
    const told = this.routes.get(id) ?? NOWHERE;
    if (!isProven && told.includes(href)) return;
    const others = told.filter((one) => one !== href);
    const known = isProven ? [href, ...others] : [...others, href];
    // The first stays; of the others the oldest makes room.
    if (known.length > MAX_ADDRESSES) known.splice(1, 1);
    this.routes.set(id, known);
  }

  /** Sends an envelope, or drops it and counts why. */
  send(envelope: Envelope, bytes: Uint8Array): void {
    const to = this.options.ids.idOf(envelope.to);
    const reason = this.trySend(envelope, bytes, to);
    const count = this.countOf(to);
    count.sent++;
    if (reason === null) return;
    count.dropped++;
    increment(this.unsent, reason);
  }

  async close(): Promise<void> {
    this.carrier.close();
    for (const link of this.links.values()) link.close();
    await this.server.close();
  }

  private trySend(envelope: Envelope, bytes: Uint8Array, to: string): string | null {
    if (bytes.length > MAX_ENVELOPE_BYTES) return 'too large';
    const addresses = this.addressesOf(to);
    const back = this.backTo(to);
    if (addresses.length === 0 && back === null) return 'no address';
    const contents = this.carrier.pack(envelope.kind, refsOf(envelope));
    if (typeof contents === 'string') return contents;
    const parcel = { bytes, contents };
    if (back === null) return this.linkTo(to, addresses).send(parcel);
    const { socket, speaker } = back;
    // Private only in the types of engine.io.
    const { writeBuffer } = socket.conn as unknown as { readonly writeBuffer: readonly unknown[] };
    if (writeBuffer.length >= MAX_UNSENT) return 'peer too slow';
    socket.emit('envelope', ...this.seal(parcel, speaker!.nextPlace()));
    return null;
  }

  private seal({ bytes, contents }: Parcel, place: FramePlace): FrameArguments {
    const { identity } = this.options;
    const signature = signFrame(identity, place, bytes);
    return [identity.publicKey, place.n, bytes, signature, ...joinContents(contents)];
  }

  /** The connection over which somebody speaks to us, if there is no better way: it is there, and where it was told to be perhaps not. */
  private backTo(id: string): Return | null {
    const back = this.returns.get(id);
    if (back?.socket.connected !== true || this.announcedBy(id) !== null) return null;
    return this.links.get(id)?.isSpeaking === true ? null : back;
  }

  /** Where a member of the node's cluster itself says that it listens. */
  private announcedBy(id: string): string | null {
    return hrefOf(this.options.addressOf(id));
  }

  /** What the node knows of members holds before what the transport was told. */
  private addressesOf(id: string): readonly string[] {
    const announced = this.announcedBy(id);
    return announced === null ? (this.routes.get(id) ?? NOWHERE) : [announced];
  }

  private linkTo(id: string, addresses: readonly string[]): Link {
    let link = this.links.get(id);
    // Who has moved says so; that the old connection is broken may take long to be seen.
    if (link !== undefined && !addresses.includes(link.address)) {
      link.close();
      link = undefined;
    }
    if (link === undefined) {
      link = new Link(id, this.options.ids, () => this.addressesOf(id), {
        seal: (parcel, place) => this.seal(parcel, place),
        onMet: (address) => this.route(id, address, true),
        onLost: (reason) => this.countLost(id, reason),
        onFrame: (frame, hearer) => this.receive(frame, hearer, null),
      });
      this.links.set(id, link);
    }
    return link;
  }

  /** Proves to whoever asks that the key of this node listens here. */
  private proveSelf(challenge: unknown, respond: unknown): void {
    if (!(challenge instanceof Uint8Array) || challenge.length > MAX_CHALLENGE_BYTES) return;
    if (typeof respond !== 'function') return;
    const { identity, address } = this.options;
    const prove = respond as (publicKey: string, address: string, signature: Uint8Array) => void;
    prove(identity.publicKey, address, signHello(identity, challenge, address));
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

  private receive(frame: unknown[], hearer: Hearer, back: Return | null): void {
    let reason: string | null | undefined;
    try {
      reason = this.tryReceive(frame, hearer, back);
    } catch (error) {
      if (!(error instanceof PeerTableFull)) throw error;
      reason = 'too many peers';
    }
    if (reason !== undefined) this.count(reason);
  }

  private count(reason: string | null): void {
    if (reason === null) this.received++;
    else increment(this.refused, reason);
  }

  /** Null if the envelope was delivered, or why it was refused; undefined: it waits for contents. */
  private tryReceive(frame: unknown[], hearer: Hearer, back: Return | null): string | null | undefined {
    const [publicKey, n, bytes, signature, marks, run] = frame;
    const contents = splitContents(marks, run);
    if (
      typeof publicKey !== 'string' ||
      !isPlace(n) ||
      !(bytes instanceof Uint8Array) ||
      !(signature instanceof Uint8Array) ||
      contents === null
    )
      return 'malformed frame';
    const { ids, identity } = this.options;
    if (!ids.verifyFrame(publicKey, hearer.placeOf(n), bytes, signature)) return 'bad signature';
    if (!hearer.admits(n)) return 'said before';
    const from = idOfPublicKey(publicKey);
    const [address] = this.addressesOf(from);
    const isKnown = ids.knows(from) || address !== undefined;
    const envelope = new Envelope();
    const refusal = decodeEnvelope(bytes, isKnown ? ids : ids.forStrangers, envelope);
    if (refusal !== null) return refusal;
    if (envelope.from < 0 || ids.idOf(envelope.from) !== from) return 'wrong sender';
    if (envelope.to < 0 || ids.idOf(envelope.to) !== identity.id) return 'wrong receiver';
    if (envelope.origin < 0) return 'wrong origin';
    if (typeOfKind(envelope.kind) === typeOfKind(STORE)) return 'device envelope';
    if (back !== null && back.speaker !== null && this.announcedBy(from) === null)
      this.rememberReturn(from, back);
    const fault = this.carrier.unpack(envelope.kind, refsOf(envelope), contents, from, address);
    if (!(fault instanceof Promise)) return this.finish(envelope, bytes, fault);
    // It is counted when its contents have come.
    void fault.then((late) => this.count(this.finish(envelope, bytes, late)));
    return undefined;
  }

  /** Delivers an envelope whose contents are here; null, or why not. */
  private finish(envelope: Envelope, bytes: Uint8Array, fault: Fault | null): string | null {
    if (fault === null) return this.options.deliver(envelope, bytes);
    if (fault.isLie) this.options.onFalse?.(envelope);
    return fault.reason;
  }

  private rememberReturn(from: string, back: Return): void {
    this.returns.delete(from);
    this.returns.set(from, back);
    if (this.returns.size > MAX_RETURNS) this.returns.delete(this.returns.keys().next().value!);
  }
}

/** The different contents that an envelope names. */
function refsOf(envelope: Envelope): Ref[] {
  const entry = KINDS[envelope.kind]!;
  const found = new Map<string, Ref>();
  if (entry.hasRefs) visitRefs(entry.body, envelope.body, (content) => found.set(content.hash, content));
  return [...found.values()];
}

function isPlace(n: unknown): n is number {
  return Number.isSafeInteger(n) && (n as number) > 0;
}

/** Whether a connection was ended because more came at once than a frame may be; nothing of it was kept. */
function isOversize(cause: unknown): boolean {
  return cause instanceof Error && /max payload size/i.test(cause.message);
}

function increment(counts: Map<string, number>, reason: string): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}
