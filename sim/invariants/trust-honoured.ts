import type { Envelope } from '../../core/machine/envelope.ts';
import { RUN, TESTIMONY } from '../../core/machine/kinds.ts';
import type { Want } from '../../core/routing/want.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';
import { TrueStanding } from './true-standing.ts';

/** R4-4, R8.1-2, §9: what a node is worth is the lower of what it claims and what it has earned. */
export class TrustHonoured extends Invariant {
  readonly name = 'trust-honoured';
  readonly promise = 'a prompt is brought for computing only to nodes of the trust that its user asked for';
  readonly watches = { sent: [TESTIMONY], handled: [RUN] };
  private readonly standing = new TrueStanding();

  override onSent(world: World, envelope: Envelope): void {
    this.standing.onTestimony(world, envelope);
  }

  override onHandled(world: World, envelope: Envelope): void {
    const { prompt } = envelope.body as Want;
    const machine = world.machines[envelope.to];
    const { spec } = machine;
    if (world.machines[envelope.from].villain !== null) return;
    for (const request of this.lineage.requestsOf(prompt.hash)) {
      this.checked++;
      const { minTrust } = request.want;
      const trust = this.standing.mostOf(world, machine);
      if (trust < minTrust)
        this.violate(
          world,
          `${labelOf(request)}: its prompt was to be seen by trust ${minTrust}, and came to ${spec.name} of trust ${trust}`,
        );
    }
  }
}
