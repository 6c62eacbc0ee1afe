import { createHash, createHmac } from 'node:crypto';
import { rankOfId, type Peer, type Pure } from '../core/base/peers.ts';

/**
 * Who is who in a test. A peer's number is the place of its name in the list, its id is a hash of the name
 * alone: so the same people can be cast under other numbers, and everything canonical must stay the same.
 */
export class Cast implements Pure {
  readonly names: string[] = [];
  private readonly ids: string[] = [];
  private readonly numbers = new Map<string, Peer>();

  constructor(names: readonly string[]) {
    for (const name of names) this.add(name, sha256(name));
  }

  peer(name: string): Peer {
    return this.peerOf(sha256(name));
  }

  nameOf(peer: Peer): string {
    return this.names[peer];
  }

  idOf(peer: Peer): string {
    return this.ids[peer];
  }

  /** Gives strangers the next number, as a live node's driver does. */
  peerOf(id: string): Peer {
    return this.numbers.get(id) ?? this.add(`stranger ${id.slice(0, 8)}`, id);
  }

  /** Forgets everybody who was met after the first `count`. Nothing may hold their numbers any more. */
  forgetBeyond(count: number): void {
    for (const id of this.ids.splice(count)) this.numbers.delete(id);
    this.names.splice(count);
  }

  rank(peer: Peer): number {
    return rankOfId(this.ids[peer]);
  }

  hash(bytes: Uint8Array): string {
    return sha256(bytes);
  }

  /** What only the holder of the signer's key can make. */
  sign(signer: Peer, hash: string): string {
    return createHmac('sha256', `key of ${this.ids[signer]}`).update(hash).digest('hex');
  }

  /** The same, as the world of the simulator calls it. */
  mint(signer: Peer, hash: string): string {
    return this.sign(signer, hash);
  }

  verify(signer: Peer, hash: string, signature: string): boolean {
    return signature === this.sign(signer, hash);
  }

  choose(): number {
    return 0;
  }

  once<T>(_shape: unknown, value: T): T {
    return value;
  }

  private add(name: string, id: string): Peer {
    const number = this.ids.length;
    this.names.push(name);
    this.ids.push(id);
    this.numbers.set(id, number);
    return number;
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
