import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_FOUND } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';
import { nameOf } from './pods-at-home.ts';

/** R6.2-1, R6.2-4. */
export class AccessConsented extends Invariant {
  readonly name = 'access-consented';
  readonly promise =
    'nobody but its owner is given a pod without the owner’s consent, nor without an entry in its list';
  readonly watches = { sent: [POD_FOUND] } as const;

  override onSent(world: World, envelope: Envelope): void {
    const request = world.podOwners.requestOf(envelope);
    if (request === null) return;
    this.checked++;
    const { pod, person, isConsented } = request;
    if (person === pod.owner) return;
    if (!isConsented)
      this.violate(world, `${nameOf(pod)}: it is given to somebody to whom nobody has consented`);
    else if (!isListed(world, pod.id, envelope))
      this.violate(world, `${nameOf(pod)}: it is given to somebody, and no disk has it on the owner’s list`);
  }
}

function isListed(world: World, id: string, { origin, n }: Envelope): boolean {
  return world.machines.some(({ platter }) =>
    (platter.records.get(`pod/${id}`)?.pod?.copy.receipts ?? []).some(
      (receipt) => receipt.n === n && receipt.asker === origin,
    ),
  );
}
