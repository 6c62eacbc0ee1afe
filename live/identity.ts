/**
 * Who a node is: its root key, and the pure functions on ids, hashes and signatures that its steps are lent.
 *
 * An id is the hash of a public key, so whoever is shown a key can tell whether it is that of an id. Every signature
 * therefore travels with the key that made it: documents and frames of nodes never heard of before can be checked, and no
 * table of keys need be kept or agreed upon.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rankOfId, type Ids, type Peer, type Pure } from '../core/base/peers.ts';
import { makeFolder } from '../sim/files.ts';
import { writeOnceDurably } from './durable-file.ts';
import type { FramePlace } from './frames.ts';

const KEY_FILE = 'key.pem';
const USER_FOLDER = 'user';
/** Told apart, so that no signature on a document can be taken for one on a frame of the transport. */
const DOCUMENT_DOMAIN = Buffer.from('watershed document\0');
const FRAME_DOMAIN = Buffer.from('watershed frame\0');
const HELLO_DOMAIN = Buffer.from('watershed hello\0');
const REQUEST_DOMAIN = Buffer.from('watershed request\0');
/** Ids that a node gives numbers to at most; whoever names more is refused. Strangers may name so many of them. */
export const MAX_PEERS = 65_536;
export const MAX_STRANGERS = 16_384;
/** Public keys that are held ready for the next signature; the one that was used longest ago makes room. */
const MAX_KEYS_READY = 4_096;
/** Between a signature and the public key that made it, in base64 and base64url. */
const KEY_MARK = '.';
/** 32 bytes in base64url. */
const PUBLIC_KEY = /^[A-Za-z0-9_-]{43}$/;

/** A root key. The private half stays in this record and in its file, mode 0600. */
export interface Identity {
  /** SHA-256 of the raw public key, 64 hexadecimal digits (R4-3). */
  readonly id: string;
  /** The raw public key, 32 bytes, in base64url. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** What everyone may know of a node, an attestor, an operator or the user of a gateway. */
export interface RosterEntry {
  readonly id: string;
  readonly name: string;
  /** The cluster it belongs to. */
  readonly cluster: string;
  readonly publicKey: string;
}

/** The key of whoever asks through a gateway over HTTP, in the folder of the gateway: one user for each gateway. */
export function openUser(gatewayFolder: string): Identity {
  return openIdentity(join(gatewayFolder, USER_FOLDER));
}

/** The id of whoever runs a node, inside its process. */
export function idOfConsole(nodeId: string): string {
  return hashBytes(`console of ${nodeId}`);
}

/** Names by id, for people. */
export function namesOf(roster: readonly RosterEntry[]): Map<string, string> {
  return new Map(roster.map(({ id, name }) => [id, name]));
}

/** There is no key where one is to be, or what lies there is none. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault';
}

/** Reads the root key of a folder, or makes one on first start. Throws KeyFault if what lies there is no Ed25519 key. */
export function openIdentity(folder: string): Identity {
  const path = join(folder, KEY_FILE);
  if (!existsSync(path)) {
    makeFolder(folder, 0o700);
    // Another process may have been quicker: then its key is the one.
    const pem = makePrivateKey().export({ type: 'pkcs8', format: 'pem' });
    writeOnceDurably(path, pem, 0o600);
  }
  return readIdentity(folder);
}

/** Reads the root key of a folder. Throws KeyFault if there is none: for whoever is somebody already. */
export function readIdentity(folder: string): Identity {
  const path = join(folder, KEY_FILE);
  if (!existsSync(path)) throw new KeyFault(`${folder}: there is no ${KEY_FILE} in this folder`);
  return identityOf(readPrivateKey(path));
}

export function hasIdentity(folder: string): boolean {
  return existsSync(join(folder, KEY_FILE));
}

/** Of somebody who is nobody in particular: it is written nowhere. */
export function passingIdentity(): Identity {
  return identityOf(makePrivateKey());
}

function makePrivateKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

function identityOf(privateKey: KeyObject): Identity {
  const publicKey = createPublicKey(privateKey).export({ format: 'jwk' }).x!;
  return { id: idOfPublicKey(publicKey), publicKey, privateKey };
}

function readPrivateKey(path: string): KeyObject {
  let key: KeyObject | null = null;
  const pem = readFileSync(path);
  try {
    key = createPrivateKey(pem);
  } catch {
    // What the library says of it helps nobody.
  }
  if (key?.asymmetricKeyType !== 'ed25519')
    throw new KeyFault(`${path}: a private Ed25519 key is expected, as PEM, without a passphrase`);
  return key;
}

export function idOfPublicKey(publicKey: string): string {
  return hashBytes(Buffer.from(publicKey, 'base64url'));
}

export function hashBytes(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Signs a document by its hash; the signature carries its key. */
export function signHash(identity: Identity, hash: string): string {
  const message = Buffer.concat([DOCUMENT_DOMAIN, Buffer.from(hash)]);
  return sign(null, message, identity.privateKey).toString('base64') + KEY_MARK + identity.publicKey;
}

/** Signs the bytes of an envelope for its place on the way to another node: 64 bytes. */
export function signFrame(identity: Identity, place: FramePlace, bytes: Uint8Array): Buffer {
  return sign(null, frameMessage(place, bytes), identity.privateKey);
}

function frameMessage({ nonce, n }: FramePlace, bytes: Uint8Array): Buffer {
  const order = Buffer.alloc(8);
  order.writeBigUInt64BE(BigInt(n));
  return Buffer.concat([FRAME_DOMAIN, nonce, order, bytes]);
}

/** Answers a challenge: that this is the key of whoever listens at the address. */
export function signHello(identity: Identity, challenge: Uint8Array, address: string): Buffer {
  return sign(null, helloMessage(challenge, address), identity.privateKey);
}

function helloMessage(challenge: Uint8Array, address: string): Buffer {
  return Buffer.concat([HELLO_DOMAIN, challenge, Buffer.from(address)]);
}

/** Signs what somebody asks over HTTP: 64 bytes. */
export function signRequest(identity: Identity, text: string): Buffer {
  return sign(null, requestMessage(text), identity.privateKey);
}

function requestMessage(text: string): Buffer {
  return Buffer.concat([REQUEST_DOMAIN, Buffer.from(text)]);
}

/** More ids were named than a node gives numbers to. */
export class PeerTableFull extends Error {
  override readonly name = 'PeerTableFull';
}

/** Numbers for ids, in the order in which they are met. */
export class LiveIds implements Pure {
  private readonly ids: string[] = [];
  private readonly ranks: number[] = [];
  private readonly numbers = new Map<string, Peer>();
  private readonly onRoster = new Set<string>();
  /** By public key, the one used last at the end. */
  private readonly keys = new Map<string, KeyObject>();
  private strangers = 0;
  /** The same numbers, for reading what strangers say: beyond their share of the table nothing new that they name is taken. */
  readonly forStrangers: Ids = {
    idOf: (peer) => this.idOf(peer),
    rank: (peer) => this.rank(peer),
    peerOf: (id) => this.peerOfStranger(id),
  };

  /** Throws if an id on the roster is not the hash of its public key. */
  constructor(roster: readonly RosterEntry[]) {
    for (const { id, name, publicKey } of roster) {
      if (idOfPublicKey(publicKey) !== id) throw new Error(`${name}: its id is not that of its public key`);
      this.onRoster.add(id);
      this.peerOf(id);
    }
  }

  idOf(peer: Peer): string {
    const id = this.ids[peer];
    if (id === undefined) throw new RangeError(`peer ${peer} has no id`);
    return id;
  }

  /** Throws PeerTableFull when an id is new and the table is at its bound. */
  peerOf(id: string): Peer {
    const known = this.numbers.get(id);
    if (known !== undefined) return known;
    if (this.ids.length >= MAX_PEERS) throw new PeerTableFull(`more than ${MAX_PEERS} ids were named`);
    const number = this.ids.push(id) - 1;
    this.ranks.push(rankOfId(id));
    this.numbers.set(id, number);
    return number;
  }

  rank(peer: Peer): number {
    return this.ranks[peer];
  }

  hash(bytes: Uint8Array): string {
    return hashBytes(bytes);
  }

  verify(signer: Peer, hash: string, signature: string): boolean {
    const mark = signature.indexOf(KEY_MARK);
    const publicKey = signature.slice(mark + 1);
    if (mark < 0 || idOfPublicKey(publicKey) !== this.ids[signer]) return false;
    const message = Buffer.concat([DOCUMENT_DOMAIN, Buffer.from(hash)]);
    return this.check(publicKey, message, Buffer.from(signature.slice(0, mark), 'base64'));
  }

  verifyFrame(publicKey: string, place: FramePlace, bytes: Uint8Array, signature: Uint8Array): boolean {
    return this.check(publicKey, frameMessage(place, bytes), signature);
  }

  verifyHello(publicKey: string, challenge: Uint8Array, address: string, signature: Uint8Array): boolean {
    return this.check(publicKey, helloMessage(challenge, address), signature);
  }

  verifyRequest(publicKey: string, text: string, signature: Uint8Array): boolean {
    return this.check(publicKey, requestMessage(text), signature);
  }

  /** The number of an id, or null if it was never named. */
  find(id: string): Peer | null {
    return this.numbers.get(id) ?? null;
  }

  /** Whether the id is on the roster. */
  knows(id: string): boolean {
    return this.onRoster.has(id);
  }

  choose(): number {
    return 0;
  }

  once<T>(_shape: unknown, value: T): T {
    return value;
  }

  private peerOfStranger(id: string): Peer {
    if (!this.numbers.has(id) && this.strangers++ >= MAX_STRANGERS)
      throw new PeerTableFull(`strangers named more than ${MAX_STRANGERS} ids`);
    return this.peerOf(id);
  }

  private check(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
    if (!PUBLIC_KEY.test(publicKey) || signature.length !== 64) return false;
    let key = this.keys.get(publicKey);
    if (key === undefined) {
      key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
      if (this.keys.size >= MAX_KEYS_READY) this.keys.delete(this.keys.keys().next().value!);
    } else this.keys.delete(publicKey);
    this.keys.set(publicKey, key);
    return verify(null, message, key, signature);
  }
}
