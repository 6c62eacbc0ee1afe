import type { Envelope } from '../../core/machine/envelope.ts';
import { CROSS, INFER, RUN, TESTIMONY, type Infer } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';
import { TrueStanding } from './true-standing.ts';

/** R8.1-2: public inference is for peers and above, what is personal and bringing it for the community. */
const PEER = 2;
const COMMUNITY = 3;

export class TrustEarned extends Invariant {
  readonly name = 'trust-earned';
  readonly promise = 'no node works on, or brings, a request that its level does not permit';
  readonly watches = { sent: [TESTIMONY, INFER, RUN, CROSS] } as const;
  private readonly standing = new TrueStanding();

  override onSent(world: World, envelope: Envelope): void {
    const { kind, from } = envelope;
    if (kind === TESTIMONY) {
      this.standing.onTestimony(world, envelope);
      return;
    }
    const machine = world.machines[from];
    // A villain lets its own core believe what it likes: what such a node does is judged by who trusts it.
    if (machine.villain !== null) return;
    if (kind === INFER) {
      for (const request of this.lineage.requestsOf((envelope.body as Infer).prompt.hash))
        this.judge(world, from, labelOf(request), request.want.minTrust, request.want.minTrust, 'works on');
      return;
    }
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    const { minTrust } = request.want;
    this.judge(world, from, labelOf(request), minTrust >= PEER ? COMMUNITY : 1, minTrust, 'brings');
  }

  private judge(
    world: World,
    node: number,
    label: string,
    needed: number,
    minTrust: number,
    does: string,
  ): void {
    this.checked++;
    const machine = world.machines[node];
    const level = this.standing.mostOf(world, machine);
    if (level < needed)
      this.violate(
        world,
        `${label}: ${machine.spec.name} of level ${level} ${does} what is for trust ${minTrust}`,
      );
  }
}
