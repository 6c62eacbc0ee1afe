/** Who a node is: its root key, and the pure functions on ids, hashes and signatures that its steps are lent. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rankOfId, type Peer, type Pure } from '../core/base/peers.ts';
import { writeDurably } from './durable-file.ts';

const KEY_FILE = 'key.pem';
/** Told apart, so that no signature on a document can be taken for one on a frame of the transport. */
const DOCUMENT_DOMAIN = Buffer.from('watershed document\0');
const FRAME_DOMAIN = Buffer.from('watershed frame\0');
/** Ids that a node gives numbers to at most; whoever names more is refused. */
export const MAX_PEERS = 65_536;

/** A root key. The private half stays in this record and in its file, mode 0600. */
export interface Identity {
  /** SHA-256 of the raw public key, 64 hexadecimal digits (R4-3). */
  readonly id: string;
  /** The raw public key, 32 bytes, in base64url. */
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

/** What everyone may know of a node or an attestor. */
export interface RosterEntry {
  readonly id: string;
  readonly name: string;
  /** The cluster it belongs to. */
  readonly cluster: string;
  readonly publicKey: string;
}

/** The id of whoever asks through a gateway over HTTP: one for each gateway, of a user without a key. */
export function idOfUser(gatewayId: string): string {
  return hashBytes(`user of ${gatewayId}`);
}

/** Names by id, for people: those on the roster, and the users of gateways. */
export function namesOf(roster: readonly RosterEntry[]): Map<string, string> {
  return new Map(
    roster.flatMap(({ id, name }): [string, string][] => [
      [id, name],
      [idOfUser(id), `user of ${name}`],
    ]),
  );
}

/** Reads the root key of a folder, or makes one on first start. Throws if what lies there is no Ed25519 key. */
export function openIdentity(folder: string): Identity {
  const path = join(folder, KEY_FILE);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeDurably(path, pem, 0o600);
  }
  const privateKey = createPrivateKey(readFileSync(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error(`${path}: an Ed25519 key is expected`);
  const publicKey = createPublicKey(privateKey).export({ format: 'jwk' }).x!;
  return { id: idOfPublicKey(publicKey), publicKey, privateKey };
}

export function idOfPublicKey(publicKey: string): string {
  return hashBytes(Buffer.from(publicKey, 'base64url'));
}

export function hashBytes(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Signs a document by its hash; the signature is base64. */
export function signHash(identity: Identity, hash: string): string {
  const message = Buffer.concat([DOCUMENT_DOMAIN, Buffer.from(hash)]);
  return sign(null, message, identity.privateKey).toString('base64');
}

/** Signs the bytes of an envelope for the way to another node: 64 bytes. */
export function signFrame(identity: Identity, bytes: Uint8Array): Buffer {
  return sign(null, Buffer.concat([FRAME_DOMAIN, bytes]), identity.privateKey);
}

/** More ids were named than a node gives numbers to. */
export class PeerTableFull extends Error {
  override readonly name = 'PeerTableFull';
}

/** Numbers for ids, in the order in which they are met, and the keys of those on the roster. */
export class LiveIds implements Pure {
  private readonly ids: string[] = [];
  private readonly ranks: number[] = [];
  private readonly numbers = new Map<string, Peer>();
  private readonly keys = new Map<string, KeyObject>();

  /** Throws if an id on the roster is not the hash of its public key. */
  constructor(roster: readonly RosterEntry[]) {
    for (const { id, name, publicKey } of roster) {
      if (idOfPublicKey(publicKey) !== id) throw new Error(`${name}: its id is not that of its public key`);
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey };
      this.keys.set(id, createPublicKey({ key: jwk, format: 'jwk' }));
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
    const message = Buffer.concat([DOCUMENT_DOMAIN, Buffer.from(hash)]);
    return this.check(this.ids[signer], message, Buffer.from(signature, 'base64'));
  }

  verifyFrame(signerId: string, bytes: Uint8Array, signature: Uint8Array): boolean {
    return this.check(signerId, Buffer.concat([FRAME_DOMAIN, bytes]), signature);
  }

  /** Whether the id is on the roster. */
  knows(id: string): boolean {
    return this.keys.has(id);
  }

  choose(): number {
    return 0;
  }

  private check(id: string | undefined, message: Uint8Array, signature: Uint8Array): boolean {
    const key = id === undefined ? undefined : this.keys.get(id);
    return key !== undefined && signature.length === 64 && verify(null, message, key, signature);
  }
}
