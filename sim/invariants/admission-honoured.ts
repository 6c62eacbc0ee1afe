import type { Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, BEAT, FIND, GOSSIP, MANIFEST, MEMBERS, PING, RUN } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R5.1-2: the world keeps a record of its own of whom operators have admitted. */
export class AdmissionHonoured extends Invariant {
  readonly name = 'admission-honoured';
  readonly promise =
    'members treat as a member, and let serve, only whom operators of the cluster have admitted';
  readonly watches = { handled: [PING, GOSSIP, MEMBERS, BEAT, MANIFEST, FIND, RUN], sent: [ANSWER] };

  /** What members say to one another reaches no one else. */
  override onHandled(world: World, envelope: Envelope): void {
    const { from, to } = envelope;
    if (from < 0 || from >= world.machines.length || to >= world.machines.length) return;
    const { spec, cluster, index } = world.machines[to];
    if (world.machines[from].villain !== null || !isSwim(world, cluster)) return;
    this.checked++;
    if (!world.operators.admitted.has(index))
      this.violate(
        world,
        `${world.machines[from].spec.name} speaks to ${spec.name}, which nobody has admitted, as to a member`,
      );
  }

  override onSent(world: World, { from }: Envelope): void {
    if (from < 0 || from >= world.machines.length) return;
    const { spec, cluster, index } = world.machines[from];
    if (!isSwim(world, cluster)) return;
    this.checked++;
    if (!world.operators.admitted.has(index))
      this.violate(world, `${spec.name}, which nobody has admitted, answers a request`);
  }
}

/** Elsewhere nobody knows who is a member. */
function isSwim(world: World, cluster: number): boolean {
  return (world.scenario.clusters[cluster].detector ?? 'swim') === 'swim';
}
