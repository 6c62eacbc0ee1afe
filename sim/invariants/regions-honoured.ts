import type { Envelope } from '../../core/machine/envelope.ts';
import { KINDS, RUN, STORE } from '../../core/machine/kinds.ts';
import type { Asked } from '../lineage.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { refsIn } from './contents.ts';
import { Invariant, isCovered, labelOf } from './invariant.ts';

/** Whatever can name a content and crosses the network. */
const CARRIERS: readonly number[] = KINDS.flatMap((entry) =>
  entry !== undefined && entry.hasRefs && entry.kind < STORE ? [entry.kind] : [],
);

/**
 * R6.1-2: computing on data is exporting it, and so is keeping it, however briefly. A node lies where the world has put it,
 * whatever its manifest says.
 */
export class RegionsHonoured extends Invariant {
  readonly name = 'regions-honoured';
  readonly promise =
    'what derives from a prompt comes only to allowed regions and the user’s own cluster, for computing only to allowed regions';
  readonly watches = { handled: CARRIERS };

  override onHandled(world: World, envelope: Envelope): void {
    const { kind, from, to } = envelope;
    if (to >= world.machines.length) return;
    // What a traitor does with a prompt that it was rightly given, nobody can promise.
    if (from >= 0 && from < world.machines.length && world.machines[from].villain !== null) return;
    for (const content of refsIn(kind, envelope.body)) {
      for (const request of this.lineage.requestsOf(content.hash)) {
        this.checked++;
        this.judge(world, world.machines[to], kind, request);
      }
    }
  }

  private judge(world: World, { spec, cluster }: Machine, kind: number, request: Asked): void {
    const { allowedRegions } = request.want;
    if (isCovered(spec.region, allowedRegions)) return;
    const isAtHome = kind !== RUN && cluster === request.cluster;
    if (isAtHome) return;
    this.violate(
      world,
      `${labelOf(request)}: allowed in ${allowedRegions.join(', ')}, came with ${KINDS[kind]!.name} to ${spec.name} in ${spec.region}`,
    );
  }
}
