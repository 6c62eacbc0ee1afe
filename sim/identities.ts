import { Digest, hexWord } from '../core/base/digest.ts';
import { assert } from '../core/base/assert.ts';
import { rankOfId, type Peer, type Pure } from '../core/base/peers.ts';
import { mixWord } from '../core/base/rng.ts';
import { rememberFolds } from '../core/machine/snapshot.ts';
import { keyOfName } from './seeds.ts';

/**
 * Who is who in the simulated world. An id is derived from a name, so it does not depend on how many others
 * there are. A signature is a value that only the world can mint: it knows the root word, the nodes do not.
 */
export class Identities implements Pure {
  readonly names: string[] = [];
  private readonly ids: string[] = [];
  private readonly ranks: number[] = [];
  private readonly numbers = new Map<string, Peer>();
  /** `rank` for folding the state of nodes that use the world's own numbers. */
  readonly ranking = rememberFolds((peer) => this.rank(peer));
  private readonly root: number;

  constructor(root: number) {
    this.root = root;
  }

  /** Gives the next number to a name. */
  add(name: string): Peer {
    const number = this.ids.length;
    const id = idOfName(name);
    assert(!this.numbers.has(id), 'no two names of a world have the same id');
    this.names.push(name);
    this.ids.push(id);
    this.ranks.push(rankOfId(id));
    this.numbers.set(id, number);
    return number;
  }

  /** The number of a name, or undefined if nobody has it. */
  find(name: string): Peer | undefined {
    return this.numbers.get(idOfName(name));
  }

  idOf(peer: Peer): string {
    return this.ids[peer];
  }

  peerOf(id: string): Peer {
    const number = this.numbers.get(id);
    assert(number !== undefined, 'nobody in the world has this id');
    return number;
  }

  rank(peer: Peer): number {
    return this.ranks[peer];
  }

  hash(bytes: Uint8Array): string {
    const digest = new Digest();
    for (const byte of bytes) digest.word(byte);
    return digest.word(bytes.length).hex();
  }

  mint(signer: Peer, hash: string): string {
    let word = mixWord(this.root, keyOfName(this.ids[signer]));
    word = mixWord(word, keyOfName(hash));
    return hexWord(word) + hexWord(mixWord(word, this.root));
  }

  verify(signer: Peer, hash: string, signature: string): boolean {
    return signature === this.mint(signer, hash);
  }

  choose(): number {
    return 0;
  }
}

/** 64 hexadecimal digits from a name: eight mixes of its key. */
function idOfName(name: string): string {
  const key = keyOfName(name);
  let id = '';
  let word = key;
  for (let i = 0; i < 8; i++) {
    word = mixWord(word, key + i + name.length);
    id += hexWord(word);
  }
  return id;
}
