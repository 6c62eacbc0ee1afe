import { DEAD, LEFT } from '../core/cluster/membership/member.ts';
import type { MemberChange, Regard } from './frame.ts';
import type { Machine } from './machine.ts';
import type { World } from './world.ts';

/** Until then clusters are founded, and who is first seen joins nothing. */
const FOUNDING_US = 10_000_000;

/** How many of a cluster think so of each node. */
interface Votes {
  readonly suspect: Float64Array;
  readonly dead: Float64Array;
  readonly left: Float64Array;
}

/** What clusters think of their members, by majority of those who run, and how that changes from frame to frame. */
export class Regards {
  private readonly news = new RegardNews();
  /** Nodes that most of their cluster have known at some time. */
  private readonly known = new Set<number>();

  /** What is thought now other than well, and what has changed since the last time. */
  take(world: World): { regards: [number, Regard][]; changes: MemberChange[] } {
    const viewers = world.machines.filter(
      ({ isUp, pauses, node }) => isUp && pauses === 0 && node.membership !== null,
    );
    const counts = new Float64Array(world.scenario.clusters.length);
    for (const { cluster } of viewers) counts[cluster]++;
    const others = ({ cluster, isUp, pauses, node }: Machine): number =>
      counts[cluster] - (isUp && pauses === 0 && node.membership !== null ? 1 : 0);
    const votes = countVotes(world, viewers);
    const now = new Map<number, Regard>();
    for (const machine of world.machines) {
      const { suspect, dead, left } = votes;
      const of = machine.index;
      const regard = regardOf(suspect[of], dead[of], left[of], others(machine) / 2);
      if (regard !== null) now.set(machine.index, regard);
    }
    const changes = [...this.arrivals(world, viewers, others), ...this.news.take(now, world.nowUs)];
    return { regards: [...now], changes };
  }

  private arrivals(
    world: World,
    viewers: readonly Machine[],
    others: (machine: Machine) => number,
  ): MemberChange[] {
    const changes: MemberChange[] = [];
    for (const machine of world.machines) {
      const { index, cluster } = machine;
      if (this.known.has(index)) continue;
      const knowing = viewers.filter(
        (by) => by.cluster === cluster && by !== machine && knows(world, by, index),
      );
      if (knowing.length <= others(machine) / 2) continue;
      this.known.add(index);
      if (world.nowUs > FOUNDING_US) changes.push({ timeUs: world.nowUs, node: index, what: 'joined' });
    }
    return changes;
  }
}

/** How what is thought changes from one look to the next. */
export class RegardNews {
  private before: ReadonlyMap<number, Regard> = new Map();

  /** Who is given up, has left, or is back since the last look; suspicion alone is no news. */
  take(now: ReadonlyMap<number, Regard>, timeUs: number): MemberChange[] {
    const changes: MemberChange[] = [];
    const add = (node: number, what: MemberChange['what']): void => {
      changes.push({ timeUs, node, what });
    };
    for (const [node, regard] of now) {
      if (regard !== 'suspect' && this.before.get(node) !== regard) add(node, regard);
    }
    for (const [node, regard] of this.before) {
      const isBack = !now.has(node) || now.get(node) === 'suspect';
      if (regard !== 'suspect' && isBack) add(node, 'back');
    }
    this.before = now;
    return changes;
  }
}

/** What more than half think, of how many say so; null: nothing ill. */
export function regardOf(suspect: number, dead: number, left: number, half: number): Regard | null {
  if (left > half) return 'left';
  if (dead > half) return 'dead';
  return suspect + dead > half ? 'suspect' : null;
}

/** Only what members think ill of is listed by them, so this is quick however many they are. */
function countVotes(world: World, viewers: readonly Machine[]): Votes {
  const votes = () => new Float64Array(world.machines.length);
  const [suspect, dead, left] = [votes(), votes(), votes()];
  for (const by of viewers) {
    const { suspicions, departed, table } = by.node.membership!;
    for (const { peer } of suspicions) suspect[worldly(world, by, peer)]++;
    for (const { peer } of departed) {
      const state = table.stateAt(table.find(peer));
      if (state === DEAD) dead[worldly(world, by, peer)]++;
      else if (state === LEFT) left[worldly(world, by, peer)]++;
    }
  }
  return { suspect, dead, left };
}

function knows(world: World, { node, wire }: Machine, index: number): boolean {
  const { peer } = world.machines[index];
  const own = wire === null ? peer : node.pure.peerOf(world.identities.idOf(peer));
  return node.membership!.table.find(own) >= 0;
}

/** A node's number of a peer as the world's. */
function worldly({ identities }: World, { node, wire }: Machine, peer: number): number {
  return wire === null ? peer : identities.peerOf(node.pure.idOf(peer));
}

/** Peered clusters of which the first hears no bridge of the second. */
export function findSilent({ scenario, machines, nowUs }: World): [number, number][] {
  const heard = new Set<string>();
  for (const { isUp, cluster, node } of machines) {
    if (!isUp || node.bridge === null) continue;
    for (const session of node.bridge.sessions.sessions)
      if (session.isUp) heard.add(`${cluster} ${session.cluster}`);
  }
  const indexOf = new Map(scenario.clusters.map(({ name }, i) => [name, i]));
  return scenario.peerings.flatMap(({ between: [left, right], fromUs, untilUs }) => {
    if (nowUs < fromUs || (untilUs !== null && nowUs >= untilUs)) return [];
    const [a, b] = [indexOf.get(left)!, indexOf.get(right)!];
    const silent: [number, number][] = [];
    if (!heard.has(`${a} ${right}`)) silent.push([a, b]);
    if (!heard.has(`${b} ${left}`)) silent.push([b, a]);
    return silent;
  });
}
