/** Where a slot of a directory stands in the order of ranks. */
export type RankOfSlot = (slot: number) => number;

/** Slots of a directory in the order of the ranks of who lies in them: four bytes each, and a little room to grow. */
export class RankedSlots {
  size = 0;
  private slots: Int32Array;

  constructor(slots = new Int32Array(2)) {
    this.slots = slots;
  }

  /** The i-th of them, 0 ≤ i < size. */
  at(i: number): number {
    return this.slots[i];
  }

  /** A slot that is in the list already stays there once. */
  add(slot: number, rankOf: RankOfSlot): void {
    const place = this.placeOf(rankOf(slot), rankOf);
    if (place < this.size && this.slots[place] === slot) return;
    if (this.size === this.slots.length) {
      const longer = new Int32Array(grown(this.size));
      longer.set(this.slots);
      this.slots = longer;
    }
    this.slots.copyWithin(place + 1, place, this.size);
    this.slots[place] = slot;
    this.size++;
  }

  /** One that is not in the list is not missed. */
  remove(slot: number, rankOf: RankOfSlot): void {
    const place = this.placeOf(rankOf(slot), rankOf);
    if (place >= this.size || this.slots[place] !== slot) return;
    this.slots.copyWithin(place, place + 1, this.size);
    this.size--;
  }

  clone(): RankedSlots {
    const copy = new RankedSlots(this.slots.slice());
    copy.size = this.size;
    return copy;
  }

  /** The first place whose rank is not below `rank`. */
  private placeOf(rank: number, rankOf: RankOfSlot): number {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rankOf(this.slots[middle]) < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The next capacity: a sixteenth more, so that little lies idle in what is held for years. */
export function grown(size: number): number {
  return size + 4 + (size >> 4);
}
