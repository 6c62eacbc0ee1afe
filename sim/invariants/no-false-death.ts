import type { Envelope } from '../../core/machine/envelope.ts';
import { NOTE_DEAD, type Noted } from '../../core/machine/kinds.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** More than this the protocol is not asked to bear: one in fifty is lost. */
const MOST_LOSS_PPM = 20_000;
/** A suspicion that harm to a link has begun is over after so long. */
const AFTERMATH_US = 300_000_000;

/** R5.2-2. Judged of members and accusers to whom nothing ever happened, where nothing lately happened to their links. */
export class NoFalseDeath extends Invariant {
  readonly name = 'no-false-death';
  readonly promise = 'no member that never stopped, froze or was cut off is declared dead';
  readonly watches = { notes: [NOTE_DEAD], ticks: true } as const;
  private readonly harmed = new Set<number>();
  /** By cluster: when its own links were last harmed. */
  private readonly linkHarmUs = new Map<number, number>();

  override onTick(world: World): void {
    for (const machine of world.machines) {
      if (this.isHarmed(machine)) this.harmed.add(machine.index);
      else if (machine.node.membership !== null && machine.node.membership.table.count > 1) this.checked++;
      const { cluster } = machine;
      if (world.network.link(cluster, cluster).harms.length > 0) this.linkHarmUs.set(cluster, world.nowUs);
    }
  }

  override onNoted(world: World, { from, body }: Envelope): void {
    const [accuser, dead] = [from, (body as Noted).chosen].map((number) => world.machines[number]);
    if (this.isHarmed(accuser) || this.isHarmed(dead) || world.scenario.network.lossPpm > MOST_LOSS_PPM)
      return;
    const harmedUs = this.linkHarmUs.get(dead.cluster);
    if (harmedUs !== undefined && world.nowUs - harmedUs < AFTERMATH_US) return;
    this.violate(
      world,
      `${accuser.spec.name} declares ${dead.spec.name} dead, to which nothing has happened`,
    );
  }

  private isHarmed({ index, isUp, pauses, lives, faults, villain }: Machine): boolean {
    if (!isUp || pauses > 0 || lives > 1 || faults.length > 0 || villain !== null) return true;
    return this.harmed.has(index);
  }
}
