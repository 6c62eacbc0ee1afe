import type { Digest } from '../../base/digest.ts';
import type { Peer } from '../../base/peers.ts';
import { log10Ceiling } from '../../base/logarithm.ts';
import type { Own } from '../../machine/shape.ts';
import { rankOrDevice } from '../../machine/snapshot.ts';

/** How often each item is passed on: 4 · ⌈log10(N + 1)⌉ with the default factor (R5.2-2). */
export function retransmitLimit(mult: number, members: number): number {
  return mult * log10Ceiling(members + 1);
}

/** Something to be passed on: what is thought of a peer, as `from` says; the words are taken from the table when it is said. */
export interface Queued {
  readonly peer: Peer;
  readonly from: Peer;
  /** Whether others may not know the peer, or that its admission was renewed: its certificate goes along. */
  readonly isNew: boolean;
  /** How often it has been passed on. */
  sent: number;
}

/** What is to be passed on, what was said least often first. */
export class GossipQueue implements Own {
  private items: Queued[] = [];

  get size(): number {
    return this.items.length;
  }

  /** Puts an item in front: news travel first. */
  add(peer: Peer, from: Peer, isNew: boolean): void {
    this.items.unshift({ peer, from, isNew, sent: 0 });
  }

  /** Drops all that is to be said of a peer. True if others were to hear of it what they may not know. */
  drop(peer: Peer): boolean {
    let kept = 0;
    let isNew = false;
    for (const item of this.items) {
      if (item.peer !== peer) this.items[kept++] = item;
      else if (item.isNew) isNew = true;
    }
    this.items.length = kept;
    return isNew;
  }

  /** Drops all that is to be said of others. */
  keepOnly(peer: Peer): void {
    this.items = this.items.filter((item) => item.peer === peer);
  }

  /** The first of all items, at most `most` and as long as `takes` says so; those said `limit` times are dropped. */
  take(most: number, limit: number, takes: (item: Queued) => boolean): void {
    let count = 0;
    while (count < most && count < this.items.length && takes(this.items[count])) count++;
    if (count === 0) return;
    for (const item of this.items.splice(0, count)) {
      item.sent++;
      if (item.sent < limit) this.items.splice(this.placeFor(item.sent), 0, item);
    }
  }

  clone(): GossipQueue {
    const copy = new GossipQueue();
    copy.items = this.items.map((item) => ({ ...item }));
    return copy;
  }

  fold(digest: Digest, rank: (peer: Peer) => number): void {
    digest.word(this.items.length);
    for (const { peer, from, isNew, sent } of this.items) {
      digest.integer(rank(peer)).integer(rankOrDevice(from, rank)).word(sent);
      digest.word(isNew ? 1 : 0);
    }
  }

  /** Behind all that was said as often or less. */
  private placeFor(sent: number): number {
    let low = 0;
    let high = this.items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.items[middle].sent <= sent) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
