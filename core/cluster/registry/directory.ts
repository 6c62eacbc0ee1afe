import { assert } from '../../base/assert.ts';
import { Digest } from '../../base/digest.ts';
import type { Ids, Peer } from '../../base/peers.ts';
import { mixWord } from '../../base/rng.ts';
import type { Announcement } from '../../machine/kinds.ts';
import { foldValue } from '../../machine/snapshot.ts';
import type { Own } from '../../machine/shape.ts';
import { loadShape, hasType, type Load, type Manifest, type ManifestVersion } from '../manifest.ts';
import { PeerPlaces } from './peer-places.ts';
import { grown, RankedSlots } from './ranked-slots.ts';

/** Flags of a slot. */
const QUARANTINED = 1;
/** The word of its load is not that of the load that it has now. */
const STALE = 2;

/** Ranks are divided into so many equal parts, and each has a sum of its own of what is held there. */
export const PARTS = 32;
const RANKS_PER_PART = 2 ** 52 / PARTS;

type Ranks = Pick<Ids, 'rank'>;

/** One node of the cluster, as the directory holds it. */
export interface Member {
  readonly manifest: Manifest;
  readonly version: ManifestVersion;
  readonly load: Load | null;
  readonly lastHeardUs: number;
  readonly isQuarantined: boolean;
}

/**
 * The nodes of a cluster as an index node knows them, in columns: a member of a thousand costs about 60 bytes, its manifest and its
 * load apart, which are bodies that came and are shared. Who offers a model and who is a bridge are kept as lists in the
 * order of ranks, changed as members change. No slot number is ever seen from outside in an order of its own.
 */
export class Directory implements Own {
  size = 0;
  /** Of a free slot the next one. */
  private peers = new Int32Array(0);
  private announced: (Announcement | null)[] = [];
  private loads: (Load | null)[] = [];
  private heardUs = new Float64Array(0);
  /** Two words a slot: who it is and what exactly was announced. */
  private prints = new Int32Array(0);
  /** A word a slot that stands for its load in the canonical hash, unless it is stale. */
  private loadWords = new Int32Array(0);
  private flags = new Uint8Array(0);
  private valid = new Uint8Array(0);
  private firstFree = -1;
  private used = 0;
  private places = new PeerPlaces();
  /** Compute nodes by model: who has it installed, and who only says that it would fit. */
  private offering = new Map<string, RankedSlots>();
  private fitting = new Map<string, RankedSlots>();
  private bridges = new RankedSlots();
  /** Two words a part: the sum of the prints there, quarantine included. */
  private sums = new Int32Array(2 * PARTS);
  private readonly peerOf = (slot: number): Peer => this.peerAt(slot);

  /** The slot of a peer, or −1. */
  slotOf(peer: Peer): number {
    return this.places.find(peer, this.peerOf);
  }

  has(peer: Peer): boolean {
    return this.slotOf(peer) >= 0;
  }

  get(peer: Peer): Member | undefined {
    const slot = this.slotOf(peer);
    return slot < 0 ? undefined : this.memberAt(slot);
  }

  /** All members, in an order that means nothing. */
  members(): Member[] {
    return this.slots().map((slot) => this.memberAt(slot));
  }

  /** All slots in use, in an order that means nothing. */
  slots(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.used; slot++) if (this.announced[slot] !== null) slots.push(slot);
    return slots;
  }

  /** What the member in a slot announced, with all that is needed to pass it on. */
  at(slot: number): Announcement {
    const announced = this.announced[slot];
    assert(announced !== null && announced !== undefined, 'only slots in use are asked about');
    return announced;
  }

  peerAt(slot: number): Peer {
    return this.peers[slot];
  }

  loadAt(slot: number): Load | null {
    return this.loads[slot];
  }

  heardAt(slot: number): number {
    return this.heardUs[slot];
  }

  isQuarantinedAt(slot: number): boolean {
    return (this.flags[slot] & QUARANTINED) !== 0;
  }

  /** Which of its attestations count here, a bit each. */
  validAt(slot: number): number {
    return this.valid[slot];
  }

  /** The two words that stand for exactly this announcement. */
  printHighAt(slot: number): number {
    return this.prints[2 * slot];
  }

  printLowAt(slot: number): number {
    return this.prints[2 * slot + 1];
  }

  sumHighOf(part: number): number {
    return this.sums[2 * part];
  }

  sumLowOf(part: number): number {
    return this.sums[2 * part + 1];
  }

  /** Lists a node, or takes over what it announces now. */
  put(ids: Ranks, announced: Announcement, hash: string, valid: number, heardUs: number): number {
    const peer = announced.manifest.id;
    let slot = this.slotOf(peer);
    const isNew = slot < 0;
    if (isNew) {
      slot = this.takeSlot();
      this.heardUs[slot] = heardUs;
      this.size++;
    } else {
      this.unlist(ids, slot);
      this.addSum(ids, slot, -1);
      // Who finds here the very load that a heartbeat brings knows that it came under this version.
      const load = this.loads[slot];
      if (load !== null) this.loads[slot] = { ...load };
    }
    this.announced[slot] = announced;
    this.peers[slot] = peer;
    if (isNew) this.places.add(slot, () => this.slots(), this.size, this.peerOf);
    this.valid[slot] = valid;
    const print = printOf(ids, announced, hash);
    this.prints[2 * slot] = print.high;
    this.prints[2 * slot + 1] = print.low;
    this.addSum(ids, slot, 1);
    this.list(ids, slot);
    return slot;
  }

  /** A member has been heard; what it says of its load may be new. */
  hear(ids: Ranks, slot: number, load: Load | null, heardUs: number): void {
    this.heardUs[slot] = heardUs;
    const before = this.loads[slot];
    // Nearly all say what they said before.
    if (load === null || load === before) return;
    const isSame = before !== null && isEqual(before.installedModels, load.installedModels);
    if (!isSame) this.unlist(ids, slot);
    this.loads[slot] = load;
    this.flags[slot] |= STALE;
    if (!isSame) this.list(ids, slot);
  }

  /** Never offered again, as long as it is listed. */
  quarantine(ids: Ranks, slot: number): void {
    if (this.isQuarantinedAt(slot)) return;
    this.unlist(ids, slot);
    this.addSum(ids, slot, -1);
    this.flags[slot] |= QUARANTINED;
    this.addSum(ids, slot, 1);
  }

  drop(ids: Ranks, slot: number): void {
    this.unlist(ids, slot);
    this.addSum(ids, slot, -1);
    this.places.remove(this.peerAt(slot), this.peerOf);
    this.announced[slot] = null;
    this.loads[slot] = null;
    this.flags[slot] = 0;
    this.loadWords[slot] = 0;
    this.peers[slot] = this.firstFree;
    this.firstFree = slot;
    this.size--;
  }

  /** Who has a model installed. */
  offeringOf(model: string): RankedSlots {
    return this.offering.get(model) ?? NONE;
  }

  /** Who only says that it would fit (R4-5). */
  fittingOf(model: string): RankedSlots {
    return this.fitting.get(model) ?? NONE;
  }

  bridgeSlots(): RankedSlots {
    return this.bridges;
  }

  /** What anybody here has installed, sorted. */
  modelsOffered(): string[] {
    return [...this.offering.keys()].sort((left, right) => (left < right ? -1 : 1));
  }

  clone(): Directory {
    const copy = new Directory();
    copy.size = this.size;
    copy.peers = this.peers.slice();
    copy.announced = this.announced.slice();
    copy.loads = this.loads.slice();
    copy.heardUs = this.heardUs.slice();
    copy.prints = this.prints.slice();
    copy.loadWords = this.loadWords.slice();
    copy.flags = this.flags.slice();
    copy.valid = this.valid.slice();
    copy.firstFree = this.firstFree;
    copy.used = this.used;
    copy.places = this.places.clone();
    for (const [model, slots] of this.offering) copy.offering.set(model, slots.clone());
    for (const [model, slots] of this.fitting) copy.fitting.set(model, slots.clone());
    copy.bridges = this.bridges.clone();
    copy.sums = this.sums.slice();
    return copy;
  }

  /** A sum over the members. Loads, which are long, are hashed again only if they have changed. */
  fold(digest: Digest, rank: (peer: Peer) => number): void {
    const { prints, flags, valid, heardUs, announced } = this;
    const sum = new Digest();
    const term = new Digest();
    for (let slot = 0; slot < this.used; slot++) {
      if (announced[slot] === null) continue;
      if ((flags[slot] & STALE) !== 0) this.renew(slot, rank);
      term
        .clear()
        .pair(prints[2 * slot], prints[2 * slot + 1])
        .pair(this.loadWords[slot], valid[slot]);
      if ((flags[slot] & QUARANTINED) !== 0) term.word(QUARANTINED);
      term.integer(heardUs[slot]);
      sum.add(term.high, term.low);
    }
    digest.integer(this.size).pair(sum.high, sum.low);
  }

  private renew(slot: number, rank: (peer: Peer) => number): void {
    const term = new Digest();
    foldValue(loadShape, this.loads[slot]!, term, rank);
    this.flags[slot] &= ~STALE;
    this.loadWords[slot] = term.high ^ term.low;
  }

  private memberAt(slot: number): Member {
    const { manifest, version } = this.at(slot);
    return {
      manifest,
      version,
      load: this.loads[slot],
      lastHeardUs: this.heardUs[slot],
      isQuarantined: this.isQuarantinedAt(slot),
    };
  }

  /** Takes a slot into the lists that it belongs to; quarantined ones belong to none. */
  private list(ids: Ranks, slot: number): void {
    this.visitLists(ids, slot, true);
  }

  private unlist(ids: Ranks, slot: number): void {
    this.visitLists(ids, slot, false);
  }

  private visitLists(ids: Ranks, slot: number, isAdding: boolean): void {
    if (this.isQuarantinedAt(slot)) return;
    const { manifest } = this.at(slot);
    const rankOf = (one: number): number => ids.rank(this.peerAt(one));
    if (hasType(manifest, 'bridge')) {
      if (isAdding) this.bridges.add(slot, rankOf);
      else this.bridges.remove(slot, rankOf);
    }
    if (!hasType(manifest, 'compute') || manifest.compute === null) return;
    const installed = this.loads[slot]?.installedModels ?? [];
    const change = isAdding ? addTo : removeFrom;
    for (const model of installed) change(this.offering, model, slot, rankOf);
    for (const model of manifest.compute.supportedModels) {
      if (!installed.includes(model)) change(this.fitting, model, slot, rankOf);
    }
  }

  private addSum(ids: Ranks, slot: number, sign: 1 | -1): void {
    const part = partOf(ids.rank(this.peerAt(slot)));
    let high = this.prints[2 * slot];
    let low = this.prints[2 * slot + 1];
    if (this.isQuarantinedAt(slot)) [high, low] = [mixWord(high, QUARANTINED), mixWord(low, QUARANTINED)];
    if (sign < 0) [high, low] = [negatedHigh(high, low), -low | 0];
    const sum = new Digest();
    sum.high = this.sums[2 * part];
    sum.low = this.sums[2 * part + 1];
    sum.add(high, low);
    this.sums[2 * part] = sum.high;
    this.sums[2 * part + 1] = sum.low;
  }

  private takeSlot(): number {
    if (this.firstFree >= 0) {
      const slot = this.firstFree;
      this.firstFree = this.peers[slot];
      return slot;
    }
    if (this.used === this.heardUs.length) this.grow(grown(this.used));
    return this.used++;
  }

  private grow(capacity: number): void {
    this.announced = lengthened(this.announced, capacity);
    this.loads = lengthened(this.loads, capacity);
    const { peers, heardUs, prints, loadWords, flags, valid } = this;
    (this.peers = new Int32Array(capacity)).set(peers);
    (this.heardUs = new Float64Array(capacity)).set(heardUs);
    (this.prints = new Int32Array(2 * capacity)).set(prints);
    (this.loadWords = new Int32Array(capacity)).set(loadWords);
    (this.flags = new Uint8Array(capacity)).set(flags);
    (this.valid = new Uint8Array(capacity)).set(valid);
  }
}

const NONE = new RankedSlots();

/** In which part of the ranks a rank lies. */
export function partOf(rank: number): number {
  return Math.floor(rank / RANKS_PER_PART);
}

/** The ranks of a part: from the first, until before the first of the next. */
export function ranksOfPart(part: number): { fromRank: number; untilRank: number } {
  return { fromRank: part * RANKS_PER_PART, untilRank: (part + 1) * RANKS_PER_PART };
}

/**
 * Stands for one announcement of one node, its attestations included. What anybody can show to differ is compared by full
 * hashes; this only says where to look.
 */
export function printOf(ids: Ranks, { manifest, version, attestations }: Announcement, hash: string): Digest {
  const print = new Digest().integer(ids.rank(manifest.id)).integer(version.epoch).integer(version.version);
  print.text(hash).word(attestations.length);
  for (const { signature } of attestations) print.text(signature);
  return print;
}

type Lists = Map<string, RankedSlots>;

function addTo(lists: Lists, model: string, slot: number, rankOf: (slot: number) => number): void {
  let slots = lists.get(model);
  if (slots === undefined) lists.set(model, (slots = new RankedSlots()));
  slots.add(slot, rankOf);
}

function removeFrom(lists: Lists, model: string, slot: number, rankOf: (slot: number) => number): void {
  const slots = lists.get(model);
  if (slots === undefined) return;
  slots.remove(slot, rankOf);
  if (slots.size === 0) lists.delete(model);
}

function isEqual(left: readonly string[], right: readonly string[]): boolean {
  return left === right || (left.length === right.length && left.every((text, i) => text === right[i]));
}

/** The upper half of the number of 64 bits that takes (high, low) back. */
function negatedHigh(high: number, low: number): number {
  return (~high + (low === 0 ? 1 : 0)) | 0;
}

function lengthened<T>(column: (T | null)[], capacity: number): (T | null)[] {
  const longer = new Array<T | null>(capacity).fill(null);
  for (let i = 0; i < column.length; i++) longer[i] = column[i];
  return longer;
}
