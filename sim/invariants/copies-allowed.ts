import type { Envelope } from '../../core/machine/envelope.ts';
import { CHUNK } from '../../core/machine/kinds.ts';
import type { ChunkBrought } from '../../core/models/model-bodies.ts';
import type { World } from '../world.ts';
import { isExported } from './exports-honoured.ts';
import { Invariant, isCovered } from './invariant.ts';

/** R7.2-1, R5.2-4: what the publisher allows and the peerings of the scenario say is the truth, whatever nodes believe. */
export class CopiesAllowed extends Invariant {
  readonly name = 'copies-allowed';
  readonly promise =
    'chunks of a model come only where its publisher lets copies be, and over a border only between bridges, where a peering exports it';
  readonly watches = { handled: [CHUNK] };

  override onHandled(world: World, { from, to, body }: Envelope): void {
    const [holder, taker] = [world.machines[from], world.machines[to]];
    const published = world.library?.find((body as ChunkBrought).id);
    if (holder === undefined || taker === undefined || published === undefined) return;
    // What a traitor hands out, or says that it takes, nobody can promise.
    if (holder.villain !== null || taker.villain !== null) return;
    this.checked++;
    const { model, entry } = published;
    const way = `${model} came from ${holder.spec.name} to ${taker.spec.name}`;
    if (!isCovered(taker.spec.region, entry.regions))
      this.violate(world, `${way}, and may not be in ${taker.spec.region}`);
    if (holder.cluster === taker.cluster) return;
    if (!holder.spec.types.includes('bridge') || !taker.spec.types.includes('bridge'))
      this.violate(world, `${way}, over a border, and only bridges speak there`);
    else if (!isExported(world, holder.spec.cluster, taker.spec.cluster, model))
      this.violate(world, `${way}, and no peering in force exports it`);
  }
}
