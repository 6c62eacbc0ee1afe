import { assert } from '../core/base/assert.ts';
import { Digest } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import { copyEnvelope, Envelope } from '../core/machine/envelope.ts';
import { sumChains } from './machine.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { WINDOW_US, World } from './world.ts';

/** What a world that is only a part of one asks of those who hold the parts together. */
export interface Part {
  /** Whether what happens to a cluster, its nodes and its users happens in this part. */
  owns(cluster: number): boolean;
  /** Takes an envelope to another part. The record is the caller's; the counter, the source's, goes with it. */
  handOver(toCluster: number, envelope: Envelope, atUs: number, source: Peer, counter: number): void;
}

/** An envelope on its way from one part to another, with the key of its event. */
interface Crossing {
  readonly envelope: Envelope;
  readonly atUs: number;
  readonly source: Peer;
  readonly counter: number;
}

/**
 * One world in several event loops, window by window. A window is as wide as the least latency between two parts: what
 * one of them does in it reaches no other before it ends, so each can be run alone, in any order or at once. The run has
 * the digest that it has in one loop, since the order of events goes by their sources and not by who handles them.
 * Faults act in every part, each on what is its own.
 */
export class PartitionedWorld {
  readonly parts: readonly World[];
  /** How wide a window is, µs. */
  readonly lookaheadUs: number;
  /** The digest of the run at the end of each of World's windows. */
  readonly windows: string[] = [];
  private readonly mail: Crossing[][];
  private doneUs = -1;

  /**
   * @param partOf by cluster, the part that it belongs to, from 0 without gaps
   * @param isChecking as for World
   * @throws RangeError if the scenario cannot be run in these parts
   */
  constructor(scenario: ResolvedScenario, partOf: readonly number[], isChecking = false) {
    if (partOf.length !== scenario.clusters.length) throw new RangeError('each cluster belongs to one part');
    if (scenario.faults.some(({ after }) => after !== undefined))
      throw new RangeError('a fault that waits for an event of one part cannot act in another at once');
    this.mail = Array.from({ length: Math.max(...partOf) + 1 }, () => []);
    this.parts = this.mail.map(
      (_, own) =>
        new World(scenario, null, isChecking, {
          owns: (cluster) => partOf[cluster] === own,
          handOver: (toCluster, envelope, atUs, source, counter) =>
            this.mail[partOf[toCluster]].push({
              envelope: copyEnvelope(envelope, new Envelope()),
              atUs,
              source,
              counter,
            }),
        }),
    );
    this.lookaheadUs = leastLatencyUs(this.parts[0], partOf);
    if (this.lookaheadUs === 0) throw new RangeError('there must be a latency between any two parts');
  }

  start(): void {
    for (const part of this.parts) part.start();
    this.deliver();
  }

  /** Everything that happens up to `untilUs`. */
  run(untilUs: number): void {
    while (this.doneUs < untilUs) {
      const firstUs = Math.min(...this.parts.map(({ nextUs }) => nextUs));
      const windowEndUs = (this.windows.length + 1) * WINDOW_US;
      this.doneUs = Math.min(firstUs + this.lookaheadUs - 1, windowEndUs, untilUs);
      for (const part of this.parts) part.run(this.doneUs);
      this.deliver();
      if (this.doneUs === windowEndUs) this.windows.push(this.digest());
    }
  }

  digest(): string {
    const machines = this.parts.flatMap(({ own }) => own);
    const none = new Digest();
    const users = new Digest();
    for (const { users: ofPart } of this.parts) {
      users.add(ofPart.digest.high, ofPart.digest.low);
      // Less what every sum starts with, of which one is enough: −x is ~x + 1.
      users.add(~none.high, ~none.low).add(0, 1);
    }
    return sumChains(machines, users);
  }

  private deliver(): void {
    this.mail.forEach((crossings, part) => {
      for (const { envelope, atUs, source, counter } of crossings) {
        assert(atUs > this.doneUs, 'nothing reaches another part in the window in which it was sent');
        this.parts[part].transport.accept(envelope, atUs, source, counter);
      }
      crossings.length = 0;
    });
  }
}

/** The least that an envelope takes between two parts, µs. Infinity if there is one part only. */
function leastLatencyUs(world: World, partOf: readonly number[]): number {
  const { clusters } = world.scenario;
  const places = [
    ...world.machines,
    ...clusters.map(({ region }, cluster) => ({ cluster, region: world.regionOf(region) })),
  ];
  // Many nodes stand in few places.
  const byPlace = new Map(
    places.map(({ cluster, region }) => [`${region} ${partOf[cluster]}`, { cluster, region }]),
  );
  let leastUs = Infinity;
  for (const from of byPlace.values()) {
    for (const to of byPlace.values()) {
      if (partOf[from.cluster] === partOf[to.cluster]) continue;
      leastUs = Math.min(leastUs, world.network.leastDelayUs(from.region, to.region));
    }
  }
  return leastUs;
}
