import type { Envelope } from '../core/machine/envelope.ts';
import { mixInteger, mixWord } from '../core/base/rng.ts';
import { EXPONENTIAL_P95_PPM, EXPONENTIAL_PPM } from './exponential.ts';
import type { ResolvedNetwork } from './scenario/resolved.ts';
import { valueAtQuantile } from './seeds.ts';

/** A direction between two clusters, and what faults do to it now. */
export interface Link {
  /** Faults that cut it; it delivers nothing while there is one. */
  readonly cuts: Set<FaultCount>;
  /** Chances and delays that faults add, each with the fault to credit. */
  readonly losses: Map<FaultCount, number>;
  readonly duplicates: Map<FaultCount, number>;
  readonly delays: Map<FaultCount, number>;
}

/** What became of a fault: how often it was to act, acted, and what it touched. */
export interface FaultCount {
  readonly label: string;
  readonly kind: string;
  armed: number;
  fired: number;
  /** Envelopes lost, doubled or delayed; nodes crashed or frozen. */
  affected: number;
}

export const LOST = -1;
export const CUT = -2;

/**
 * The network between nodes: how long an envelope takes from one region to another, and whether it arrives.
 * Draws are keyed by who sends what to whom, on account of which request, in which second: they depend on
 * nothing else, so another node or fault in the scenario does not reshuffle them.
 */
export class Network {
  readonly links: Link[] = [];
  private readonly clusters: number;
  private readonly regions: number;
  private readonly fixedUs: Float64Array;
  private readonly scaleUs: Float64Array;
  private readonly lossPpm: number;
  private readonly duplicatePpm: number;
  private readonly root: number;

  constructor(network: ResolvedNetwork, clusters: number, root: number) {
    this.clusters = clusters;
    this.regions = network.oneWayP95Us.length;
    this.root = root;
    this.lossPpm = network.lossPpm;
    this.duplicatePpm = network.duplicatePpm;
    this.fixedUs = new Float64Array(this.regions * this.regions);
    this.scaleUs = new Float64Array(this.regions * this.regions);
    network.oneWayP95Us.flat().forEach((p95Us, i) => {
      this.fixedUs[i] = Math.floor((p95Us * network.fixedPpm) / 1_000_000);
      this.scaleUs[i] = p95Us - this.fixedUs[i];
    });
    for (let i = 0; i < clusters * clusters; i++) {
      this.links.push({ cuts: new Set(), losses: new Map(), duplicates: new Map(), delays: new Map() });
    }
  }

  link(fromCluster: number, toCluster: number): Link {
    return this.links[fromCluster * this.clusters + toCluster];
  }

  /** 32 bits for all that chance does to one envelope. */
  wordOf(envelope: Envelope, fromKey: number, toKey: number, originKey: number, nowUs: number): number {
    let word = mixWord(mixWord(this.root, fromKey), toKey);
    word = mixWord(mixWord(word, envelope.kind), originKey);
    word = mixInteger(mixWord(word, envelope.originBoot), envelope.n);
    // A message that is said again each second must not be lost for good because it was lost once.
    return mixInteger(mixWord(word, envelope.attempt), Math.floor(nowUs / 1_000_000));
  }

  /** The delay of an envelope between two regions, µs, for one of its two words of chance. */
  delayUs(fromRegion: number, toRegion: number, word: number): number {
    const i = fromRegion * this.regions + toRegion;
    const exponential = valueAtQuantile(EXPONENTIAL_PPM, mixWord(word, 1) >>> 0);
    return this.fixedUs[i] + Math.floor((this.scaleUs[i] * exponential) / EXPONENTIAL_P95_PPM);
  }

  /** What faults and chance do on a link: CUT, LOST, or the delay that they add, µs ≥ 0. */
  passage(link: Link, word: number): number {
    if (link.cuts.size > 0) {
      for (const fault of link.cuts) fault.affected++;
      return CUT;
    }
    if (hits(word, 2, this.lossPpm)) return LOST;
    let salt = 16;
    for (const [fault, ppm] of link.losses) {
      if (!hits(word, salt++, ppm)) continue;
      fault.affected++;
      return LOST;
    }
    let addedUs = 0;
    for (const [fault, us] of link.delays) {
      fault.affected++;
      addedUs += us;
    }
    return addedUs;
  }

  /** Whether the envelope is delivered a second time. */
  isDoubled(link: Link, word: number): boolean {
    let isDoubled = hits(word, 3, this.duplicatePpm);
    let salt = 32;
    for (const [fault, ppm] of link.duplicates) {
      if (!hits(word, salt++, ppm)) continue;
      fault.affected++;
      isDoubled = true;
    }
    return isDoubled;
  }
}

function hits(word: number, salt: number, ppm: number): boolean {
  if (ppm === 0) return false;
  return ((mixWord(word, salt) >>> 0) * 1_000_000) / 4294967296 < ppm;
}
