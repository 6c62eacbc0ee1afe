import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** What a bridge can hold of sessions, whatever records name. */
const MAX_SESSIONS = 256;

/** Nothing that strangers send can fill a node up. */
export class TablesBounded extends Invariant {
  readonly name = 'tables-bounded';
  readonly promise = 'every table of a node stays within the bound that its parameters set';
  readonly watches = { ticks: true } as const;

  override onTick(world: World): void {
    for (const machine of world.machines) if (machine.isUp) this.judge(world, machine);
  }

  private judge(world: World, { node, spec }: Machine): void {
    const { parameters } = node.config;
    const { maxSearches, maxRemembered, maxClusters, maxPeerings, maxRecalled, maxTargets } = parameters;
    const { gateway, index, compute, bridge, pods, podDesk } = node;
    const { name } = spec;
    if (gateway !== null) {
      this.compare(world, name, maxSearches, gateway.searcher.searches.size, 'requests as a gateway');
      this.compare(world, name, maxRemembered, gateway.remembered.size, 'remembered outcomes');
      this.compare(
        world,
        name,
        maxRecalled,
        gateway.searcher.recall.answers.length,
        'answers of index nodes',
      );
    }
    const searchers = [gateway?.searcher, bridge?.outward, bridge?.inward];
    for (const searcher of searchers)
      if (searcher !== undefined)
        this.compare(world, name, maxTargets, searcher.targets.size, 'peers judged');
    for (const role of [compute, bridge])
      if (role !== null) this.compare(world, name, maxRemembered, role.answered.size, 'remembered answers');
    if (pods !== null) {
      this.compare(world, name, parameters.maxPods, pods.entries.size, 'pods');
      this.compare(world, name, parameters.maxPodRequests, pods.works.size, 'requests about pods');
    }
    if (podDesk !== null)
      this.compare(world, name, parameters.maxPodRequests, podDesk.errands.size, 'errands about pods');
    if (index !== null) {
      const { maxDirectory, maxEvidence } = node.config.parameters;
      this.compare(world, name, maxDirectory, index.directory.size, 'nodes in its directory');
      this.compare(world, name, maxDirectory, index.pending.size, 'nodes to tell of');
      this.compare(world, name, maxEvidence, index.evidence.size, 'equivocations');
    }
    if (compute !== null)
      this.compare(world, name, spec.slots + spec.queueLimit, compute.jobs.length, 'jobs');
    if (bridge !== null) {
      this.compare(world, name, maxSearches, bridge.outward.searches.size, 'requests on their way out');
      this.compare(world, name, maxSearches, bridge.inward.searches.size, 'requests on their way in');
      this.compare(world, name, maxClusters, bridge.directory.entries.size, 'clusters');
      this.compare(world, name, maxClusters, bridge.directory.news.length, 'clusters to tell of');
      this.compare(world, name, maxPeerings, bridge.agreements.held.size, 'peerings');
      this.compare(world, name, MAX_SESSIONS, bridge.sessions.sessions.length, 'sessions');
    }
  }

  private compare(world: World, name: string, most: number, count: number, table: string): void {
    this.checked++;
    if (count > most) this.violate(world, `${name} holds ${count} ${table}, at most ${most} are allowed`);
  }
}
