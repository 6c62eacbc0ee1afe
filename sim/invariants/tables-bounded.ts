import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** Nothing that strangers send can fill a node up. */
export class TablesBounded extends Invariant {
  readonly name = 'tables-bounded';
  readonly promise = 'every table of a node stays within the bound that its parameters set';
  readonly watches = { ticks: true } as const;

  override onTick(world: World): void {
    for (const machine of world.machines) if (machine.isUp) this.judge(world, machine);
  }

  private judge(world: World, { node, spec }: Machine): void {
    const { maxSearches, maxRemembered, maxDirectory } = node.config.parameters;
    const { gateway, index, compute, bridge } = node;
    const expectAtMost = (most: number, count: number, table: string): void => {
      this.checked++;
      if (count > most)
        this.violate(world, `${spec.name} holds ${count} ${table}, at most ${most} are allowed`);
    };
    if (gateway !== null) {
      expectAtMost(maxSearches, gateway.searcher.searches.size, 'requests as a gateway');
      expectAtMost(maxRemembered, gateway.remembered.size, 'remembered outcomes');
    }
    if (index !== null) expectAtMost(maxDirectory, index.entries.size, 'nodes in its directory');
    if (compute !== null) expectAtMost(spec.slots + spec.queueLimit, compute.jobs.length, 'jobs');
    if (bridge !== null) {
      expectAtMost(maxSearches, bridge.outward.searches.size, 'requests on their way out');
      expectAtMost(maxSearches, bridge.inward.searches.size, 'requests on their way in');
      expectAtMost(node.config.peeredBridges.length, bridge.sessions.sessions.length, 'sessions');
    }
  }
}
