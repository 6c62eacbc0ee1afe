import type { Envelope } from '../../core/machine/envelope.ts';
import { CROSS, type Cross } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** R5.2-4. */
export class OneCrossing extends Invariant {
  readonly name = 'one-crossing';
  readonly promise =
    'a request crosses one border at most: out of the cluster of its user, from bridge to bridge';
  readonly watches = { handled: [CROSS] };

  override onHandled(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    const [from, to] = [world.machines[envelope.from], world.machines[envelope.to]];
    if (request === null || from === undefined || from.cluster === to.cluster || from.villain !== null)
      return;
    this.checked++;
    const { path } = envelope.body as Cross;
    const way = `${labelOf(request)}: came from ${from.spec.name} to ${to.spec.name}`;
    if (from.cluster !== request.cluster) this.violate(world, `${way}, a second border`);
    else if (path.length !== 1 || path[0] !== from.spec.cluster)
      this.violate(world, `${way} with the path ${path.join(', ') || 'of none'}`);
    else if (!from.spec.types.includes('bridge')) this.violate(world, `${way}, and that is no bridge`);
  }
}
