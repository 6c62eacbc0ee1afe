import { assert } from '../../base/assert.ts';
import { Digest } from '../../base/digest.ts';
import type { Peer } from '../../base/peers.ts';
import { mixWord } from '../../base/rng.ts';
import { NEVER_US } from '../../base/time.ts';
import type { Own } from '../../machine/shape.ts';
import type { Certificate } from '../../trust/documents.ts';
import { isLiveState } from './member.ts';

/** Columns of a row that are 32 bits wide: who, what is thought of it, how it was last reached, and when it is probed. */
const PEER = 0;
const STATE = 1;
const RTT = 2;
const BOOT = 3;
const LEAST_RTT = 4;
/** Not of the row: the i-th of these says which row is the i-th of the round of probes. */
const ORDER = 5;
const NARROW = 6;
/** Columns that hold larger integers. */
const INCARNATION = 0;
const SEEN = 1;
const WIDE = 2;

const FIRST_CAPACITY = 8;

/** How a member did when it was last probed. */
export const PROBES = ['never', 'in time', 'late', 'through others', 'in vain'] as const;
export const PROBED_NEVER = 0;
export const PROBED_IN_TIME = 1;
export const PROBED_LATE = 2;
export const PROBED_INDIRECTLY = 3;
export const PROBED_IN_VAIN = 4;

/**
 * Who is in a cluster, and what is thought of each: columns, since there may be thousands, found by peer through a hash table
 * of rows. A row's place depends on what happened and never on the driver's numbers, so rows may be drawn by chance. Row 0 is
 * the node itself. Two sums over the rows are kept as they change: one of all that is thought, for the hash of the state, and
 * one of those who are live, for comparing tables.
 */
export class MemberTable implements Own {
  count = 0;
  liveCount = 0;
  /** When the first of all admissions runs out, by the wall clock. */
  nextExpiryWallUs = NEVER_US;
  private capacity = 0;
  private narrow = new Int32Array(0);
  private wide = new Float64Array(0);
  /** Row + 1 by hash of the peer; 0: none. */
  private slots = new Int32Array(0);
  /** By row; empty while nobody has an address. */
  private addresses: string[] = [];
  /** By row. */
  private certificates: (Certificate | null)[] = [];
  private readonly sum = new Digest();
  private readonly live = new Digest();
  /** All that was observed, in one word. */
  private observed = 0;
  /** Scratch. */
  private readonly term = new Digest();

  /** The row of a peer, or −1. */
  find(peer: Peer): number {
    const { slots } = this;
    if (slots.length === 0) return -1;
    const mask = slots.length - 1;
    for (let i = hashOf(peer) & mask; slots[i] !== 0; i = (i + 1) & mask) {
      if (this.narrow[(slots[i] - 1) * NARROW + PEER] === peer) return slots[i] - 1;
    }
    return -1;
  }

  peerAt(row: number): Peer {
    return this.narrow[row * NARROW + PEER];
  }

  incarnationAt(row: number): number {
    return this.wide[row * WIDE + INCARNATION];
  }

  stateAt(row: number): number {
    return this.narrow[row * NARROW + STATE] & 3;
  }

  typesAt(row: number): number {
    return (this.narrow[row * NARROW + STATE] >> 2) & 31;
  }

  probedAt(row: number): number {
    return (this.narrow[row * NARROW + STATE] >> 7) & 7;
  }

  addressAt(row: number): string {
    return this.addresses[row] ?? '';
  }

  /** As it was admitted by. */
  certificateAt(row: number): Certificate | null {
    return this.certificates[row] ?? null;
  }

  /** When its admission runs out, by the wall clock; NEVER_US of one that was never shown. */
  untilWallUsAt(row: number): number {
    return this.certificates[row]?.untilWallUs ?? NEVER_US;
  }

  /** Smoothed round trip, µs; 0 unknown. */
  rttUsAt(row: number): number {
    return this.narrow[row * NARROW + RTT];
  }

  /** The shortest round trip that was ever measured to it in this boot, µs; 0 unknown. */
  leastRttUsAt(row: number): number {
    return this.narrow[row * NARROW + LEAST_RTT];
  }

  /** When it was last heard itself, by this node's steady clock; 0 never. */
  seenUsAt(row: number): number {
    return this.wide[row * WIDE + SEEN];
  }

  /** The boot in which it was last heard; 0 unknown. */
  bootAt(row: number): number {
    return this.narrow[row * NARROW + BOOT];
  }

  isLiveAt(row: number): boolean {
    return isLiveState(this.stateAt(row));
  }

  /** Adds a row, and returns it. */
  add(
    peer: Peer,
    rank: number,
    incarnation: number,
    state: number,
    types: number,
    address: string,
    certificate: Certificate | null,
  ): number {
    assert(this.find(peer) < 0, 'a member has one row');
    if (this.count === this.capacity) this.grow();
    const row = this.count++;
    const at = row * NARROW;
    this.narrow[at + PEER] = peer;
    this.narrow[at + RTT] = 0;
    this.narrow[at + LEAST_RTT] = 0;
    this.narrow[at + BOOT] = 0;
    this.narrow[at + STATE] = state | (types << 2);
    // Among those whose turn is still to come in this round.
    if (row > 0) this.narrow[(row - 1) * NARROW + ORDER] = row;
    this.wide[row * WIDE + INCARNATION] = incarnation;
    this.wide[row * WIDE + SEEN] = 0;
    if (address !== '') this.setAddress(row, address);
    else if (this.addresses.length > 0) this.addresses[row] = '';
    this.certificates.push(certificate);
    this.nextExpiryWallUs = Math.min(this.nextExpiryWallUs, this.untilWallUsAt(row));
    this.place(row);
    this.include(row, rank);
    return row;
  }

  /** Puts another admission in the place of the one that a member had. */
  renew(row: number, rank: number, certificate: Certificate): void {
    this.exclude(row, rank);
    this.certificates[row] = certificate;
    this.include(row, rank);
    this.findNextExpiry();
  }

  /** Changes what is thought of a member. */
  set(row: number, rank: number, incarnation: number, state: number, types: number, address: string): void {
    this.exclude(row, rank);
    this.wide[row * WIDE + INCARNATION] = incarnation;
    const at = row * NARROW + STATE;
    this.narrow[at] = (this.narrow[at] & ~127) | state | (types << 2);
    if (address !== this.addressAt(row)) this.setAddress(row, address);
    this.include(row, rank);
  }

  /** Changes the state alone. */
  setState(row: number, rank: number, incarnation: number, state: number): void {
    this.set(row, rank, incarnation, state, this.typesAt(row), this.addressAt(row));
  }

  /** Takes a row out; the last row takes its place. `rank` is that of the peer that goes. Returns its place in the round. */
  remove(row: number, rank: number): number {
    assert(row > 0, 'a node does not forget itself');
    this.exclude(row, rank);
    const last = --this.count;
    const turn = this.leaveOrder(row, last);
    if (row !== last) {
      for (let i = 0; i < ORDER; i++) this.narrow[row * NARROW + i] = this.narrow[last * NARROW + i];
      for (let i = 0; i < WIDE; i++) this.wide[row * WIDE + i] = this.wide[last * WIDE + i];
      if (this.addresses.length > 0) this.addresses[row] = this.addressAt(last);
      this.certificates[row] = this.certificates[last];
    }
    if (this.addresses.length > 0) this.addresses.length = this.count;
    this.certificates.length = this.count;
    this.findNextExpiry();
    this.slots.fill(0);
    for (let i = 0; i < this.count; i++) this.place(i);
    return turn;
  }

  /** Says that a member was heard itself, in which boot; 0 where it did not say. */
  see(row: number, nowUs: number, boot: number): void {
    this.wide[row * WIDE + SEEN] = nowUs;
    if (boot > 0) this.narrow[row * NARROW + BOOT] = boot | 0;
    this.observed = mixWord(this.observed, nowUs | 0);
  }

  /** Notes how a probe went. */
  noteProbe(row: number, probed: number): void {
    const at = row * NARROW + STATE;
    this.narrow[at] = (this.narrow[at] & 127) | (probed << 7);
    this.observed = mixWord(this.observed, probed);
  }

  /** Takes a round trip into the smoothed one. */
  noteRoundTrip(row: number, rttUs: number): void {
    const at = row * NARROW + RTT;
    const before = this.narrow[at];
    const tookUs = Math.min(rttUs, 0x7fffffff);
    this.narrow[at] = before === 0 ? tookUs : before + Math.round((tookUs - before) / 8);
    const least = row * NARROW + LEAST_RTT;
    if (this.narrow[least] === 0 || tookUs < this.narrow[least]) this.narrow[least] = Math.max(1, tookUs);
    this.observed = mixWord(mixWord(this.observed, this.narrow[at]), this.narrow[least]);
  }

  /**
   * The row that is the i-th of a round of probes, 0 ≤ i < count − 1, drawn among those that have not been: `drawn` lies in
   * i … count − 2. So each comes once a round, in an order that changes from round to round, and newcomers in this one.
   */
  takeTurn(i: number, drawn: number): number {
    const row = this.narrow[drawn * NARROW + ORDER];
    this.narrow[drawn * NARROW + ORDER] = this.narrow[i * NARROW + ORDER];
    this.narrow[i * NARROW + ORDER] = row;
    return row;
  }

  /** The sum over those who are live, for comparing tables. */
  get liveHigh(): number {
    return this.live.high;
  }

  get liveLow(): number {
    return this.live.low;
  }

  /** The bytes that the columns take; addresses and certificates are values of their own, held by many. */
  get sizeBytes(): number {
    return this.narrow.byteLength + this.wide.byteLength + this.slots.byteLength;
  }

  clone(): MemberTable {
    const copy = new MemberTable();
    copy.count = this.count;
    copy.liveCount = this.liveCount;
    copy.nextExpiryWallUs = this.nextExpiryWallUs;
    copy.capacity = this.capacity;
    copy.narrow = this.narrow.slice();
    copy.wide = this.wide.slice();
    copy.slots = this.slots.slice();
    copy.addresses = this.addresses.slice();
    copy.certificates = this.certificates.slice();
    for (const name of ['sum', 'live'] as const) {
      copy[name].high = this[name].high;
      copy[name].low = this[name].low;
    }
    copy.observed = this.observed;
    return copy;
  }

  /** In constant time: the sums are kept. */
  fold(digest: Digest): void {
    digest.word(this.count).word(this.liveCount).word(this.observed);
    digest.word(this.sum.high).word(this.sum.low).word(this.live.high).word(this.live.low);
  }

  private include(row: number, rank: number): void {
    this.describe(row, rank);
    const { term } = this;
    if (this.isLiveAt(row)) {
      this.live.add(term.high, term.low);
      this.liveCount++;
    }
    term.word(this.stateAt(row));
    this.sum.add(term.high, term.low);
  }

  private exclude(row: number, rank: number): void {
    this.describe(row, rank);
    const { term } = this;
    if (this.isLiveAt(row)) {
      this.live.subtract(term.high, term.low);
      this.liveCount--;
    }
    term.word(this.stateAt(row));
    this.sum.subtract(term.high, term.low);
  }

  /** What is the same in all tables that agree on a member. */
  private describe(row: number, rank: number): void {
    this.term.clear().integer(rank).integer(this.incarnationAt(row)).word(this.typesAt(row));
    this.term.text(this.addressAt(row)).integer(this.untilWallUsAt(row));
  }

  private findNextExpiry(): void {
    let nextUs = NEVER_US;
    for (let row = 0; row < this.count; row++) nextUs = Math.min(nextUs, this.untilWallUsAt(row));
    this.nextExpiryWallUs = nextUs;
  }

  private setAddress(row: number, address: string): void {
    while (this.addresses.length < this.count) this.addresses.push('');
    this.addresses[row] = address;
  }

  /** Takes a row out of the round of probes; what lies behind it moves up, and the last row goes by its new number. */
  private leaveOrder(row: number, last: number): number {
    let kept = 0;
    let place = 0;
    for (let i = 0; i < last; i++) {
      const turn = this.narrow[i * NARROW + ORDER];
      if (turn === row) {
        place = i;
        continue;
      }
      this.narrow[kept++ * NARROW + ORDER] = turn === last ? row : turn;
    }
    return place;
  }

  private place(row: number): void {
    const mask = this.slots.length - 1;
    let i = hashOf(this.peerAt(row)) & mask;
    while (this.slots[i] !== 0) i = (i + 1) & mask;
    this.slots[i] = row + 1;
  }

  private grow(): void {
    this.capacity = this.capacity === 0 ? FIRST_CAPACITY : Math.ceil(this.capacity * 1.125) + 4;
    const narrow = new Int32Array(this.capacity * NARROW);
    narrow.set(this.narrow);
    this.narrow = narrow;
    const wide = new Float64Array(this.capacity * WIDE);
    wide.set(this.wide);
    this.wide = wide;
    let slots = Math.max(this.slots.length, 2 * FIRST_CAPACITY);
    while (slots * 3 < this.capacity * 4) slots *= 2;
    if (slots === this.slots.length) return;
    this.slots = new Int32Array(slots);
    for (let i = 0; i < this.count; i++) this.place(i);
  }
}

/** Where the search for a peer begins. Nothing but the time it takes depends on it. */
function hashOf(peer: Peer): number {
  const mixed = Math.imul(peer, 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
