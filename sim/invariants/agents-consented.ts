import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, type Infer } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** R4-6, R6.2-4: nothing is done on somebody's account that they have not understood and authorised. */
export class AgentsConsented extends Invariant {
  readonly name = 'agents-consented';
  readonly promise = 'no step of an agent is run to which its owner has not consented';
  readonly watches = { sent: [INFER] };

  override onSent(world: World, envelope: Envelope): void {
    const { spec, villain } = world.machines[envelope.from];
    if (villain !== null) return;
    for (const asked of this.lineage.requestsOf((envelope.body as Infer).prompt.hash)) {
      if (!('agent' in asked)) continue;
      this.checked++;
      // The owner knows what it has signed, whatever the plan says that reached the node.
      const { consent } = world.owners.agents[asked.agent].plan;
      if (consent === null)
        this.violate(world, `${labelOf(asked)}: ${spec.name} runs a step to which nobody has consented`);
    }
  }
}
