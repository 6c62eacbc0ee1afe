import { assert } from '../base/assert.ts';
import { Digest } from '../base/digest.ts';
import { Deadlines } from '../base/deadlines.ts';
import type { Peer } from '../base/peers.ts';
import { cloneValue, foldValue } from './snapshot.ts';
import type { Own, Shape } from './shape.ts';

/** What every entry starts with: whose request it is, and a key of the table's own for its deadline. */
export interface RequestEntry {
  readonly key: number;
  readonly origin: Peer;
  readonly originBoot: number;
  readonly n: number;
}

/** Open or remembered requests by their id (origin, originBoot, n), each with one deadline. */
export class RequestTable<E extends RequestEntry> implements Own {
  readonly deadlines: Deadlines;
  private readonly shape: Shape<E>;
  /** By origin, then by boot, then by n. */
  private byOrigin: Map<Peer, Map<number, Map<number, E>>> | null = null;
  /** Null, as the other, until there is an entry: most nodes of very many never have one. */
  private byKey: Map<number, E> | null = null;
  private nextKey = 1;

  constructor(shape: Shape<E>, deadlines = new Deadlines()) {
    this.shape = shape;
    this.deadlines = deadlines;
  }

  get size(): number {
    return this.byKey?.size ?? 0;
  }

  takeKey(): number {
    return this.nextKey++;
  }

  get(origin: Peer, originBoot: number, n: number): E | undefined {
    return this.byOrigin?.get(origin)?.get(originBoot)?.get(n);
  }

  holds(origin: Peer, originBoot: number, n: number): boolean {
    return this.get(origin, originBoot, n) !== undefined;
  }

  add(entry: E, dueUs: number): void {
    assert(!this.holds(entry.origin, entry.originBoot, entry.n), 'a request is opened once');
    this.place(entry);
    this.deadlines.set(entry.key, dueUs);
  }

  delete(entry: E): void {
    const ofOrigin = this.byOrigin?.get(entry.origin);
    const ofBoot = ofOrigin?.get(entry.originBoot);
    assert(ofBoot?.get(entry.n) === entry, 'only an open request is closed');
    ofBoot.delete(entry.n);
    if (ofBoot.size === 0) ofOrigin!.delete(entry.originBoot);
    if (ofOrigin!.size === 0) this.byOrigin!.delete(entry.origin);
    this.byKey!.delete(entry.key);
    this.deadlines.delete(entry.key);
  }

  /** The entry that is due first, left in the table, or undefined if none is due. */
  firstDue(nowUs: number): E | undefined {
    if (this.deadlines.nextUs > nowUs) return undefined;
    return this.byKey?.get(this.deadlines.firstKey);
  }

  /** The entry with the earliest deadline, due or not. */
  first(): E | undefined {
    return this.deadlines.size === 0 ? undefined : this.byKey?.get(this.deadlines.firstKey);
  }

  /** Entries in the order in which they were opened. */
  entries(): E[] {
    return [...(this.byKey?.values() ?? [])].sort((left, right) => left.key - right.key);
  }

  clone(): RequestTable<E> {
    const copy = new RequestTable<E>(this.shape, this.deadlines.clone());
    copy.nextKey = this.nextKey;
    for (const entry of this.byKey?.values() ?? []) copy.place(cloneValue(this.shape, entry));
    return copy;
  }

  fold(digest: Digest, rank: (peer: Peer) => number): void {
    digest.integer(this.size).integer(this.nextKey);
    if (this.byKey === null || this.size === 0) return;
    const sum = new Digest();
    const each = new Digest();
    for (const entry of this.byKey.values()) {
      foldValue(this.shape, entry, each.clear(), rank);
      sum.add(each.high, each.low);
    }
    digest.pair(sum.high, sum.low);
    this.deadlines.fold(digest);
  }

  /** Adds an entry whose deadline is already known. */
  private place(entry: E): void {
    this.byOrigin ??= new Map<Peer, Map<number, Map<number, E>>>();
    this.byKey ??= new Map<number, E>();
    let ofOrigin = this.byOrigin.get(entry.origin);
    if (ofOrigin === undefined)
      this.byOrigin.set(entry.origin, (ofOrigin = new Map<number, Map<number, E>>()));
    let ofBoot = ofOrigin.get(entry.originBoot);
    if (ofBoot === undefined) ofOrigin.set(entry.originBoot, (ofBoot = new Map<number, E>()));
    ofBoot.set(entry.n, entry);
    this.byKey.set(entry.key, entry);
  }
}
