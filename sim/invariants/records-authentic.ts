import type { ClusterRecord } from '../../core/cluster/border/border-documents.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R5.1-5: hearing is not trusting, but what was heard is what operators have signed. */
export class RecordsAuthentic extends Invariant {
  readonly name = 'records-authentic';
  readonly promise =
    'what a bridge lists of a cluster is what its operators say, and sessions are with bridges of peered clusters';
  readonly watches = { ticks: true } as const;
  /** Bodies never change: each is judged once. */
  private readonly judged = new WeakSet<ClusterRecord>();

  override onTick(world: World): void {
    for (const machine of world.machines) {
      if (!machine.isUp || machine.node.bridge === null || machine.villain !== null) continue;
      const { directory, sessions } = machine.node.bridge;
      for (const { record } of directory.entries.values()) this.judgeRecord(world, machine, record);
      for (const { peer, cluster } of sessions.sessions) this.judgeSession(world, machine, peer, cluster);
    }
  }

  private judgeRecord(world: World, { node, spec }: Machine, record: ClusterRecord): void {
    if (this.judged.has(record)) return;
    this.judged.add(record);
    const { names } = world.identities;
    const nameOf = (peer: number): string => names[world.identities.peerOf(node.pure.idOf(peer))];
    const owners = new Set(record.genesis.operators.map((peer) => ownerOf(nameOf(peer))));
    const [owner] = owners;
    const cluster = world.scenario.clusters.find(({ name }) => name === owner);
    // Anybody may found a cluster of his own, of whatever name.
    if (cluster === undefined || owners.size > 1) return;
    this.checked++;
    const own = world.scenario.nodes.filter(
      (other) => other.cluster === cluster.name && other.types.includes('bridge'),
    );
    const stray = record.bridges
      .map(({ peer }) => nameOf(peer))
      .find((name) => !own.some((one) => one.name === name));
    const isSame = record.genesis.cluster === cluster.name && record.region === cluster.region;
    if (stray !== undefined)
      this.violate(world, `${spec.name} takes ${stray} for a bridge of ${cluster.name}`);
    else if (!isSame)
      this.violate(world, `${spec.name} lists ${cluster.name} in another place or by another name`);
  }

  private judgeSession(world: World, { node, spec }: Machine, peer: number, cluster: string): void {
    this.checked++;
    const other = world.machines[world.identities.peerOf(node.pure.idOf(peer))] as Machine | undefined;
    const isBridge = other?.spec.cluster === cluster && other.spec.types.includes('bridge');
    const arePeered = world.scenario.peerings.some(
      ({ between }) => between.includes(cluster) && between.includes(spec.cluster),
    );
    if (!isBridge || !arePeered)
      this.violate(world, `${spec.name} has a session with ${other?.spec.name ?? 'nobody'} for ${cluster}`);
  }
}

/** `brazil` for `operator 1 of brazil`; '' of whoever operates no cluster. */
function ownerOf(name: string): string {
  return /^operator \d+ of (.+)$/.exec(name)?.[1] ?? '';
}
