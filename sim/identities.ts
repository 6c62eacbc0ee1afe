import { Digest, hexWords } from '../core/base/digest.ts';
import { assert } from '../core/base/assert.ts';
import { rankOfId, type Peer, type Pure } from '../core/base/peers.ts';
import { mixInteger, mixWord } from '../core/base/rng.ts';
import type { Shape } from '../core/machine/shape.ts';
import { rememberFolds } from '../core/machine/snapshot.ts';
import { Alike } from './alike.ts';
import { keyOfName } from './seeds.ts';

const RECENT = 1 << 14;

/**
 * Who is who in the simulated world. An id is derived from a name, so it does not depend on how many others
 * there are. A signature is a value that only the world can mint: it knows the root word, the nodes do not.
 */
export class Identities implements Pure {
  readonly names: string[] = [];
  /** The ids asked for last, and whose they are: each peer has one place, which others share. An id is made anew in half a µs. */
  private readonly recentIds = new Array<string>(RECENT).fill('');
  private readonly recentPeers = new Int32Array(RECENT).fill(-1);
  private readonly ranks: number[] = [];
  /** Number + 1 by rank, 0 is free: open addressing, at most half full. A map would take ten times the room. */
  private places = new Int32Array(64);
  /** `rank` for folding the state of nodes that use the world's own numbers. */
  readonly ranking = rememberFolds((peer) => this.rank(peer));
  /** What nodes have said and kept alike. */
  readonly alike = new Alike(this.ranking);
  private readonly root: number;

  constructor(root: number) {
    this.root = root;
  }

  /** Gives the next number to a name. */
  add(name: string): Peer {
    const number = this.names.length;
    const rank = rankOfName(name);
    if (2 * number >= this.places.length) this.grow();
    const place = this.placeOf(rank);
    assert(this.places[place] === 0, 'no two names of a world have the same rank');
    this.names.push(name);
    this.ranks.push(rank);
    this.places[place] = number + 1;
    return number;
  }

  /** The number of a name, or undefined if nobody has it. */
  find(name: string): Peer | undefined {
    const number = this.numberOf(rankOfName(name));
    return this.names[number] === name ? number : undefined;
  }

  idOf(peer: Peer): string {
    const place = peer & (RECENT - 1);
    if (this.recentPeers[place] !== peer) {
      this.recentPeers[place] = peer;
      this.recentIds[place] = idOfName(this.names[peer]);
    }
    return this.recentIds[place];
  }

  peerOf(id: string): Peer {
    const number = this.numberOf(rankOfId(id));
    assert(number >= 0 && this.idOf(number) === id, 'nobody in the world has this id');
    return number;
  }

  rank(peer: Peer): number {
    return this.ranks[peer];
  }

  hash(bytes: Uint8Array): string {
    const digest = new Digest();
    for (let i = 0; i < bytes.length; i++) digest.word(bytes[i]);
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

  once<T extends object>(shape: Shape<T>, value: T): T {
    return this.alike.once(shape, value);
  }

  /** Who has a rank, or −1. */
  private numberOf(rank: number): number {
    return this.places[this.placeOf(rank)] - 1;
  }

  /** Where a rank is, or would be. */
  private placeOf(rank: number): number {
    const mask = this.places.length - 1;
    let place = mixInteger(0, rank) & mask;
    while (this.places[place] !== 0 && this.ranks[this.places[place] - 1] !== rank)
      place = (place + 1) & mask;
    return place;
  }

  private grow(): void {
    this.places = new Int32Array(2 * this.places.length);
    for (let number = 0; number < this.names.length; number++)
      this.places[this.placeOf(this.ranks[number])] = number + 1;
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
