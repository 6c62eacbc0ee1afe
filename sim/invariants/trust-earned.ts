import type { Envelope } from '../../core/machine/envelope.ts';
import { CROSS, INFER, POD_COPY, POD_WRITTEN, RUN, TESTIMONY, type Infer } from '../../core/machine/kinds.ts';
import type { PodCopied, PodWritten } from '../../core/roles/pods/pod-records.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';
import { TrueStanding } from './true-standing.ts';

/** R8.1-2: public inference is for peers and above, what is personal and bringing it for the community. */
const PEER = 2;
const COMMUNITY = 3;
const VERIFIED = 4;

export class TrustEarned extends Invariant {
  readonly name = 'trust-earned';
  readonly promise =
    'no node works on, or brings, a request that its level does not permit, nor is given or leads a pod';
  readonly watches = { sent: [TESTIMONY, INFER, RUN, CROSS, POD_COPY, POD_WRITTEN] } as const;
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
    if (kind === POD_COPY || kind === POD_WRITTEN) {
      this.judgePod(world, envelope);
      return;
    }
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

  /** Whoever is given a copy is worth it (R8.1-2), and so is the primary that says that something is written. */
  private judgePod(world: World, { kind, to, body }: Envelope): void {
    this.checked++;
    const isCopy = kind === POD_COPY;
    const host = world.machines[isCopy ? to : (body as PodWritten).primary];
    const holding = isCopy && (body as PodCopied).policy.terms.policy.encryptionRequired ? PEER : COMMUNITY;
    const level = this.standing.mostOf(world, host);
    const does = isCopy ? 'is given a copy of a pod' : 'is the primary of a pod';
    if (level < (isCopy ? holding : VERIFIED))
      this.violate(world, `${host.spec.name} of level ${level} ${does}`);
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
