import { Digest, hexWords } from '../core/base/digest.ts';
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
  /** Written out when first asked for; of a million nodes most are never named. */
  private readonly ids: (string | undefined)[] = [];
  private readonly ranks: number[] = [];
  private readonly numbersByRank = new Map<number, Peer>();
  /** `rank` for folding the state of nodes that use the world's own numbers. */
  readonly ranking = rememberFolds((peer) => this.rank(peer));
  private readonly root: number;

  constructor(root: number) {
    this.root = root;
  }

  /** Gives the next number to a name. */
  add(name: string): Peer {
    const number = this.names.length;
    const rank = rankOfName(name);
    assert(!this.numbersByRank.has(rank), 'no two names of a world have the same rank');
    this.names.push(name);
    this.ids.push(undefined);
    this.ranks.push(rank);
    this.numbersByRank.set(rank, number);
    return number;
  }

  /** The number of a name, or undefined if nobody has it. */
  find(name: string): Peer | undefined {
    const number = this.numbersByRank.get(rankOfName(name));
    return number !== undefined && this.names[number] === name ? number : undefined;
  }

  idOf(peer: Peer): string {
    return (this.ids[peer] ??= idOfName(this.names[peer]));
  }

  peerOf(id: string): Peer {
    const number = this.numbersByRank.get(rankOfId(id));
    assert(number !== undefined && this.idOf(number) === id, 'nobody in the world has this id');
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
    let word = mixWord(this.root, keyOfName(this.idOf(signer)));
    word = mixWord(word, keyOfName(hash));
    return hexWords(word, mixWord(word, this.root));
  }

  verify(signer: Peer, hash: string, signature: string): boolean {
    return signature === this.mint(signer, hash);
  }

  choose(): number {
    return 0;
  }
}

/** 64 hexadecimal digits from a name: two keys of it, and mixes of both. */
function idOfName(name: string): string {
  const first = keyOfName(name);
  const second = secondKeyOf(name);
  let id = '';
  let word = mixWord(first, name.length);
  for (let i = 0; i < 8; i += 2) {
    const next = mixWord(second + i, word);
    id += hexWords(word, next);
    word = mixWord(first + i, next);
  }
  return id;
}

/** What `rankOfId` says of the id of a name, which begins with two words of it. */
function rankOfName(name: string): number {
  const word = mixWord(keyOfName(name), name.length);
  const next = mixWord(secondKeyOf(name), word);
  return (word >>> 0) * 2 ** 20 + (next >>> 12);
}

/** One key of 32 bits would be shared by two of a hundred thousand names. */
function secondKeyOf(name: string): number {
  let key = ~name.length;
  for (let i = 0; i < name.length; i++) key = mixWord(key, name.charCodeAt(i));
  return key;
}
