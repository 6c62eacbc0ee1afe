import { countMissing } from '../tally.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** Between two counts, µs: each looks at everything that is in flight. */
const PERIOD_US = 10_000_000;

/** The network is the world's own: it loses nothing that it does not count. */
export class MessagesConserved extends Invariant {
  readonly name = 'messages-conserved';
  readonly promise = 'what was sent or doubled has been handled, or dropped, or is still on its way';
  readonly watches = { ticks: true } as const;
  private nextUs = 0;

  override onTick(world: World): void {
    if (world.nowUs < this.nextUs) return;
    this.nextUs = world.nowUs + PERIOD_US;
    this.checked++;
    const missing = countMissing(world.tally, world.census());
    if (missing !== 0) this.violate(world, `${missing} envelopes are missing from the counts`);
  }
}
