import { mixInteger, mixWord } from '../core/base/rng.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { EXPONENTIAL_P95_PPM, EXPONENTIAL_PPM } from './exponential.ts';
import {
  CUTS,
  DELAYS,
  DOUBLES,
  HOLDS,
  LIMITS,
  LOSES,
  MOST_HELD,
  REORDERS,
  SLOWS,
  type LinkHarm,
} from './faults/link-harm.ts';
import type { ArmedFault } from './faults/harm.ts';
import type { ResolvedNetwork } from './scenario/resolved.ts';
import { valueAtQuantile } from './seeds.ts';

/** A direction between two clusters, and what faults do to it now: in the order in which they act, nearly always nothing. */
export interface Link {
  readonly harms: LinkHarm[];
}

/** What a fault has laid on links, to be taken off again. */
export type Laid = readonly (readonly [link: Link, harm: LinkHarm])[];

/** What becomes of an envelope that does not pass: it is dropped, or a fault holds it. */
export const LOST = -1;
export const CUT = -2;
export const OVERFLOWN = -3;
export const HELD = -4;

const UNHARMED: Link = { harms: [] };

/** Words of chance of an envelope are told apart by these. */
const DELAY = 1;
const LOSS = 2;
const DUPLICATE = 3;
const EXTRA = 4;

/**
 * The network between nodes: how long an envelope takes from one region to another, and whether it arrives.
 * Draws are keyed by who sends what to whom, on account of which request, in which second, and by the fault: they
 * depend on nothing else, so another node or fault in the scenario does not reshuffle them.
 */
export class Network {
  /** Those on which a fault has ever acted: between a thousand clusters there are a million. */
  readonly links: (Link | undefined)[];
  /** What each fault that acts has laid on links. */
  readonly laid = new Map<ArmedFault, Laid>();
  /** After `pass`: when the second copy of a doubled envelope arrives, after the first was sent, µs; −1: there is none. */
  secondUs = -1;
  /** After `pass` gave HELD: what holds the envelope. */
  holder: LinkHarm | null = null;
  private readonly clusters: number;
  private readonly regions: number;
  private readonly fixedUs: Float64Array;
  private readonly scaleUs: Float64Array;
  private readonly lossPpm: number;
  private readonly duplicatePpm: number;
  /** Whether chance harms envelopes without any fault. */
  private readonly isLossy: boolean;
  private readonly root: number;

  constructor(network: ResolvedNetwork, clusters: number, root: number) {
    this.clusters = clusters;
    this.regions = network.oneWayP95Us.length;
    this.root = root;
    this.lossPpm = network.lossPpm;
    this.duplicatePpm = network.duplicatePpm;
    this.isLossy = network.lossPpm > 0 || network.duplicatePpm > 0;
    this.fixedUs = new Float64Array(this.regions * this.regions);
    this.scaleUs = new Float64Array(this.regions * this.regions);
    network.oneWayP95Us.flat().forEach((p95Us, i) => {
      this.fixedUs[i] = Math.floor((p95Us * network.fixedPpm) / 1_000_000);
      this.scaleUs[i] = p95Us - this.fixedUs[i];
    });
    this.links = new Array<Link | undefined>(clusters * clusters);
  }

  link(fromCluster: number, toCluster: number): Link {
    return this.links[fromCluster * this.clusters + toCluster] ?? UNHARMED;
  }

  /** The same, to lay something on it. */
  linkToHarm(fromCluster: number, toCluster: number): Link {
    return (this.links[fromCluster * this.clusters + toCluster] ??= { harms: [] });
  }

  /** Whether an envelope on the link takes its usual time and nothing else can happen to it. */
  isClear(link: Link): boolean {
    return link.harms.length === 0 && !this.isLossy;
  }

  /** 32 bits for all that chance does to one envelope. */
  wordOf(envelope: Envelope, fromKey: number, toKey: number, originKey: number, nowUs: number): number {
    let word = mixWord(mixWord(this.root, fromKey), toKey);
    word = mixWord(mixWord(word, envelope.kind), originKey);
    word = mixInteger(mixWord(word, envelope.originBoot), envelope.n);
    // A message that is said again each second must not be lost for good because it was lost once.
    return mixInteger(mixWord(word, envelope.attempt), Math.floor(nowUs / 1_000_000));
  }

  /** No envelope between two regions takes less, µs. */
  leastDelayUs(fromRegion: number, toRegion: number): number {
    return this.fixedUs[fromRegion * this.regions + toRegion];
  }

  /** The delay of an envelope between two regions, µs, for one of its two words of chance. */
  delayUs(fromRegion: number, toRegion: number, word: number): number {
    const i = fromRegion * this.regions + toRegion;
    const exponential = valueAtQuantile(EXPONENTIAL_PPM, mixWord(word, DELAY) >>> 0);
    return this.fixedUs[i] + Math.floor((this.scaleUs[i] * exponential) / EXPONENTIAL_P95_PPM);
  }

  /**
   * Lets an envelope onto a link at `enterUs`. `usualUs` and `secondUsualUs` are the delays that it and, should it be doubled,
   * its copy have when nothing is wrong; `sizeBytes` is its size with the contents that it names.
   * @returns how long after `enterUs` it arrives, µs ≥ 0, or LOST, CUT, OVERFLOWN or HELD
   */
  pass(
    link: Link,
    envelope: Envelope,
    word: number,
    enterUs: number,
    sizeBytes: number,
    usualUs: number,
    secondUsualUs: number,
  ): number {
    const { kind, from, to } = envelope;
    this.secondUs = -1;
    const fate = this.fateOn(link, envelope, word);
    if (fate < 0) return fate;
    let addedUs = 0;
    let wayUs = usualUs;
    let secondWayUs = secondUsualUs;
    let isDoubled = hits(word, DUPLICATE, this.duplicatePpm);
    for (const harm of link.harms) {
      if (harm.act < LIMITS || !harm.concerns(kind, from, to)) continue;
      const { armed } = harm;
      switch (harm.act) {
        case LIMITS: {
          armed.affected++;
          const queuedUs = queue(harm, enterUs + addedUs, sizeBytes);
          if (queuedUs < 0) return OVERFLOWN;
          addedUs += queuedUs;
          continue;
        }
        case DELAYS:
        case REORDERS:
          if (!hits(word, armed.key, harm.ppm)) continue;
          armed.affected++;
          addedUs += valueAtQuantile(harm.addUs, mixWord(mixWord(word, armed.key), EXTRA) >>> 0);
          continue;
        case SLOWS:
          armed.affected++;
          wayUs = Math.floor((wayUs * harm.ppm) / 1_000_000);
          secondWayUs = Math.floor((secondWayUs * harm.ppm) / 1_000_000);
          continue;
        case DOUBLES:
          if (!hits(word, armed.key, harm.ppm)) continue;
          armed.affected++;
          isDoubled = true;
      }
    }
    if (isDoubled) this.secondUs = addedUs + secondWayUs;
    return addedUs + wayUs;
  }

  /** Where the world keeps the envelopes that faults hold. */
  heldSlots(): number[] {
    return [...this.laid.values()].flatMap((laid) =>
      laid.flatMap(([, { held }]) => held.map(({ slot }) => slot)),
    );
  }

  /** CUT, LOST, HELD, or 0 for what goes on. Every fault that would have stopped the envelope has touched it. */
  private fateOn(link: Link, { kind, from, to }: Envelope, word: number): number {
    let fate = 0;
    for (const harm of link.harms) {
      if (harm.act > LOSES || !harm.concerns(kind, from, to)) continue;
      if (harm.act === CUTS) fate = CUT;
      else if (fate === CUT || !hits(word, harm.armed.key, harm.ppm)) continue;
      else fate = LOST;
      harm.armed.affected++;
    }
    if (fate < 0) return fate;
    if (hits(word, LOSS, this.lossPpm)) return LOST;
    for (const harm of link.harms) {
      if (harm.act !== HOLDS || !harm.concerns(kind, from, to)) continue;
      harm.armed.affected++;
      this.holder = harm;
      return harm.held.length < MOST_HELD ? HELD : OVERFLOWN;
    }
    return 0;
  }
}

/** How long an envelope needs to get through a limited link, µs, or −1 where the queue before it is full. */
function queue(harm: LinkHarm, enterUs: number, sizeBytes: number): number {
  const waitUs = Math.max(0, harm.busyUntilUs - enterUs);
  const queuedBytes = Math.ceil((waitUs * harm.bytesPerSecond) / 1_000_000);
  if (waitUs > 0 && queuedBytes + sizeBytes > harm.queueBytes) return -1;
  harm.busyUntilUs = enterUs + waitUs + Math.ceil((sizeBytes * 1_000_000) / harm.bytesPerSecond);
  return harm.busyUntilUs - enterUs;
}

function hits(word: number, salt: number, ppm: number): boolean {
  if (ppm === 0) return false;
  return ((mixWord(word, salt) >>> 0) * 1_000_000) / 4294967296 < ppm;
}
