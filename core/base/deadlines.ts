import { assert } from './assert.ts';
import { Digest } from './digest.ts';
import { NEVER_US } from './time.ts';

const NONE: number[] = [];

/**
 * When each open entry of a table falls due: a binary heap over (dueUs, key) that knows where each key lies,
 * so that a deadline can be moved or dropped, and never outlives its entry. Keys are a node's own counters,
 * so ties fall the same way whatever numbers the driver gave the peers.
 */
export class Deadlines {
  /** Nothing but a common nothing until there is one: most nodes of very many never wait for anything. */
  private keys: number[] = NONE;
  private dues: number[] = NONE;
  private places: Map<number, number> | null = null;

  get size(): number {
    return this.keys.length;
  }

  /** The earliest deadline, or NEVER_US. */
  get nextUs(): number {
    return this.keys.length === 0 ? NEVER_US : this.dues[0];
  }

  /** The key that falls due first. There must be one. */
  get firstKey(): number {
    assert(this.keys.length > 0, 'the first of no deadlines is not asked for');
    return this.keys[0];
  }

  set(key: number, dueUs: number): void {
    if (this.places === null) {
      this.places = new Map<number, number>();
      this.keys = [];
      this.dues = [];
    }
    const place = this.places.get(key);
    if (place === undefined) {
      this.keys.push(key);
      this.dues.push(dueUs);
      this.places.set(key, this.keys.length - 1);
      this.rise(this.keys.length - 1);
    } else {
      this.dues[place] = dueUs;
      this.rise(place);
      this.sink(this.places.get(key)!);
    }
  }

  delete(key: number): void {
    const place = this.places?.get(key);
    if (place !== undefined) this.removeAt(this.places!, place);
  }

  clone(): Deadlines {
    const copy = new Deadlines();
    for (let i = 0; i < this.keys.length; i++) copy.set(this.keys[i], this.dues[i]);
    return copy;
  }

  fold(digest: Digest): void {
    const sum = new Digest();
    const each = new Digest();
    for (let i = 0; i < this.keys.length; i++) {
      each.clear().integer(this.keys[i]).integer(this.dues[i]);
      sum.add(each.high, each.low);
    }
    digest.integer(this.keys.length).word(sum.high).word(sum.low);
  }

  private removeAt(places: Map<number, number>, place: number): void {
    const last = this.keys.length - 1;
    assert(place <= last, 'a deadline lies inside its heap');
    places.delete(this.keys[place]);
    const key = this.keys.pop()!;
    const dueUs = this.dues.pop()!;
    if (place === last) return;
    this.keys[place] = key;
    this.dues[place] = dueUs;
    places.set(key, place);
    this.rise(place);
    this.sink(places.get(key)!);
  }

  private isBefore(left: number, right: number): boolean {
    if (this.dues[left] !== this.dues[right]) return this.dues[left] < this.dues[right];
    return this.keys[left] < this.keys[right];
  }

  private swap(left: number, right: number): void {
    [this.keys[left], this.keys[right]] = [this.keys[right], this.keys[left]];
    [this.dues[left], this.dues[right]] = [this.dues[right], this.dues[left]];
    this.places!.set(this.keys[left], left);
    this.places!.set(this.keys[right], right);
  }

  private rise(place: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.isBefore(place, parent)) return;
      this.swap(place, parent);
      place = parent;
    }
  }

  private sink(place: number): void {
    for (;;) {
      const left = 2 * place + 1;
      if (left >= this.keys.length) return;
      const right = left + 1;
      const child = right < this.keys.length && this.isBefore(right, left) ? right : left;
      if (!this.isBefore(child, place)) return;
      this.swap(place, child);
      place = child;
    }
  }
}
