import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, MODEL_NEWS, type Infer } from '../../core/machine/kinds.ts';
import type { ModelNews } from '../../core/models/model-bodies.ts';
import { WALL_EPOCH_US } from '../clocks.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/**
 * R7.2-2: whoever has been told that a version is withdrawn does not run it after its bound, by its own calendar. Who has not
 * been told cannot know: that all are told is a goal, not a promise in any weather.
 */
export class RevokedNotServed extends Invariant {
  readonly name = 'revoked-not-served';
  readonly promise = 'a version that is withdrawn is not run after its bound by whoever has been told';
  readonly watches = { handled: [MODEL_NEWS], sent: [INFER] };
  /** By node: what it was told in this life. */
  private readonly told = new Map<number, { life: number; readonly ids: Set<string> }>();

  override onHandled(world: World, { to, body }: Envelope): void {
    const machine = world.machines[to];
    if (machine === undefined) return;
    let heard = this.told.get(to);
    if (heard?.life !== machine.lives) this.told.set(to, (heard = { life: machine.lives, ids: new Set() }));
    for (const { id } of (body as ModelNews).withdrawals) heard.ids.add(id);
  }

  override onSent(world: World, { from, body }: Envelope): void {
    const { version, model } = body as Infer;
    const untilUs = world.rollouts.withdrawn.get(version);
    if (untilUs === undefined) return;
    const machine = world.machines[from];
    const heard = this.told.get(from);
    const isTold =
      (heard?.life === machine.lives && heard.ids.has(version)) ||
      machine.platter.records.has(`model/withdrawal/${version}`);
    if (!isTold) return;
    this.checked++;
    const wallUs = WALL_EPOCH_US + world.nowUs + machine.clock.wallOffsetUs;
    if (wallUs >= WALL_EPOCH_US + untilUs)
      this.violate(
        world,
        `${machine.spec.name} runs a version of ${model} that is withdrawn, and has been told`,
      );
  }
}
