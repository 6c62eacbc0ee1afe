import type { FindMembers, Members, Sayings } from '../../core/cluster/membership/member-messages.ts';
import type { Member } from '../../core/cluster/membership/member.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { ACK, FIND_MEMBERS, GOSSIP, MEMBERS, PING } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R5.2-2. */
export class IncarnationOwn extends Invariant {
  readonly name = 'incarnation-own';
  readonly promise =
    'nobody honest tells a higher incarnation of a member than that member has told of itself';
  readonly watches = { sent: [PING, ACK, GOSSIP, MEMBERS, FIND_MEMBERS] } as const;
  /** The highest that each has told of itself, by its number. */
  private readonly told: number[] = [];

  override onSent(world: World, { kind, from, body }: Envelope): void {
    const isVillain = world.machines[from].villain !== null;
    for (const { peer, incarnation } of sayingsOf(kind, body)) {
      if (peer === from) {
        this.told[peer] = Math.max(this.told[peer] ?? 0, incarnation);
        continue;
      }
      if (isVillain) continue;
      this.checked++;
      if (incarnation <= (this.told[peer] ?? 0)) continue;
      const [speaker, subject] = [from, peer].map((number) => world.machines[number].spec.name);
      this.violate(
        world,
        `${speaker} tells incarnation ${incarnation} of ${subject}, which has told none so high`,
      );
    }
  }
}

function sayingsOf(kind: number, body: unknown): readonly Member[] {
  if (kind === MEMBERS) return (body as Members).rows;
  return kind === FIND_MEMBERS ? [(body as FindMembers).own] : (body as Sayings).items;
}
