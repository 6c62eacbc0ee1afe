import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_DELETED, POD_FOUND } from '../../core/machine/kinds.ts';
import type { PodDeleted, PodFound } from '../../core/roles/pods/pod-records.ts';
import type { Machine } from '../machine.ts';
import type { OwnedPod } from '../owned-pod.ts';
import type { World } from '../world.ts';
import { Invariant, mayRegress } from './invariant.ts';
import { hasCopy, hasKey } from './pod-remains.ts';
import { nameOf } from './pods-at-home.ts';

/** A disk that has lied about what it synced, or that a backup was put back on, brings back what was erased; a host that runs has it erased again within so long. */
const AGAIN_US = 60_000_000;

/** R6.2-2. The disks of traitors count, too: what they keep no node can see, and the world does. */
export class DeletionTrue extends Invariant {
  readonly name = 'deletion-true';
  readonly promise =
    'a certificate of deletion is true of every disk and every key, running or not, and nothing deleted returns';
  readonly watches = { sent: [POD_DELETED, POD_FOUND], ticks: true } as const;
  private readonly certified = new Set<OwnedPod>();
  private readonly since = new Map<string, number>();

  override onSent(world: World, { kind, from, to, body }: Envelope): void {
    if (from < world.machines.length && world.machines[from].villain !== null) return;
    if (kind === POD_DELETED) {
      const { isCertified, pod: id } = body as PodDeleted;
      const pod = world.podOwners.podOf(id);
      if (!isCertified || pod === undefined) return;
      this.checked++;
      if (pod.deletedUs === Infinity)
        this.violate(world, `${nameOf(pod)}: its owner has not asked for its deletion`);
      this.certified.add(pod);
      this.look(world, pod, 'is certified to be deleted');
      return;
    }
    if (to < world.machines.length) return;
    const { terms } = (body as PodFound).policy;
    const pod = [...this.certified].find(
      ({ owner, number }) => owner === terms.owner && number === terms.number,
    );
    if (pod !== undefined) this.violate(world, `${nameOf(pod)}: it is read, and was certified to be deleted`);
  }

  override onTick(world: World): void {
    for (const pod of this.certified) this.look(world, pod, 'was certified to be deleted');
  }

  private look(world: World, pod: OwnedPod, what: string): void {
    for (const machine of world.machines) {
      if (hasKey(machine, pod)) this.see(world, pod, machine, what, 'a key of it');
      for (const { content } of pod.requests) {
        if (content === null) continue;
        this.checked++;
        if (hasCopy(world, machine, content.hash)) this.see(world, pod, machine, what, content.hash);
      }
    }
  }

  private see(world: World, pod: OwnedPod, machine: Machine, what: string, remains: string): void {
    const { name } = machine.spec;
    if (!mayRegress(world, name) || this.staysFor(world, machine, `${pod.id} ${remains}`) > AGAIN_US)
      this.violate(world, `${nameOf(pod)} ${what}, and ${remains} lies on ${name}`);
  }

  /** How long a host that runs has had what it must not have. */
  private staysFor(world: World, { index, lives, isUp }: Machine, remains: string): number {
    const key = `${index} ${lives} ${remains}`;
    if (!isUp) return 0;
    const sinceUs = this.since.get(key) ?? world.nowUs;
    this.since.set(key, sinceUs);
    return world.nowUs - sinceUs;
  }
}
