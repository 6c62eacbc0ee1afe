import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, MODEL_NEWS, type Infer } from '../../core/machine/kinds.ts';
import type { ModelNews } from '../../core/models/model-bodies.ts';
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
    for (const [id, untilUs] of world.rollouts.withdrawn) {
      if (world.library!.find(id)!.model === model && this.isTold(world, from, id))
        this.judge(world, from, model, version === id ? untilUs : Infinity);
    }
  }

  /** A run by somebody who has been told of a version of that model: withdrawn from some time on, or another. */
  private judge(world: World, node: number, model: string, untilUs: number): void {
    this.checked++;
    const { spec, clock } = world.machines[node];
    if (world.nowUs + clock.wallOffsetUs >= untilUs)
      this.violate(world, `${spec.name} runs a version of ${model} that is withdrawn, and has been told`);
  }

  private isTold({ machines }: World, node: number, id: string): boolean {
    const { lives, platter } = machines[node];
    const heard = this.told.get(node);
    return (heard?.life === lives && heard.ids.has(id)) || platter.records.has(`model/withdrawal/${id}`);
  }
}
