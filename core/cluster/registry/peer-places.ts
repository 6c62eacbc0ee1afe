import { mixWord } from '../../base/rng.ts';
import type { Peer } from '../../base/peers.ts';

/** Who lies in a slot. */
export type PeerOfSlot = (slot: number) => Peer;

/** Finds the slot of a peer: open addressing over nothing but slots, four bytes each, at most three quarters full. */
export class PeerPlaces {
  /** Slot + 1; 0 is free. */
  private places = new Int32Array(0);

  /** The slot of a peer, or −1. */
  find(peer: Peer, peerOf: PeerOfSlot): number {
    const mask = this.places.length - 1;
    if (mask < 0) return -1;
    for (let place = mixWord(0, peer) & mask; ; place = (place + 1) & mask) {
      const slot = this.places[place] - 1;
      if (slot < 0 || peerOf(slot) === peer) return slot;
    }
  }

  /**
   * Takes in a peer that is not there yet.
   * @param slots all slots in use, this one included
   */
  add(slot: number, slots: () => readonly number[], size: number, peerOf: PeerOfSlot): void {
    if (4 * size <= 3 * this.places.length) return this.place(slot, peerOf(slot));
    this.places = new Int32Array(Math.max(16, 2 * this.places.length));
    for (const other of slots()) this.place(other, peerOf(other));
  }

  /** Closes the gap: whoever stands behind it and would rather stand before it moves up. */
  remove(peer: Peer, peerOf: PeerOfSlot): void {
    const { places } = this;
    const mask = places.length - 1;
    let gap = mixWord(0, peer) & mask;
    while (peerOf(places[gap] - 1) !== peer) gap = (gap + 1) & mask;
    for (let place = (gap + 1) & mask; places[place] !== 0; place = (place + 1) & mask) {
      const wished = mixWord(0, peerOf(places[place] - 1)) & mask;
      if (((place - wished) & mask) < ((place - gap) & mask)) continue;
      places[gap] = places[place];
      gap = place;
    }
    places[gap] = 0;
  }

  clone(): PeerPlaces {
    const copy = new PeerPlaces();
    copy.places = this.places.slice();
    return copy;
  }

  private place(slot: number, peer: Peer): void {
    const mask = this.places.length - 1;
    let place = mixWord(0, peer) & mask;
    while (this.places[place] !== 0) place = (place + 1) & mask;
    this.places[place] = slot + 1;
  }
}
