import type { Envelope } from '../../core/machine/envelope.ts';
import { NOTE_OUTCOME, type Noted } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf, OK } from './invariant.ts';

/** R5.3-3: clocks are assumed to differ by no more. */
const BOUND_US = 30_000_000;

/** R5.3-3. */
export class DeadlinesKept extends Invariant {
  readonly name = 'deadlines-kept';
  readonly promise = 'no answer is released later than 30 s after its deadline';
  readonly watches = { notes: [NOTE_OUTCOME] };

  override onNoted(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null || (envelope.body as Noted).code !== OK) return;
    this.checked++;
    const lateUs = world.nowUs - request.askedUs - request.want.timeLeftUs;
    if (lateUs > BOUND_US)
      this.violate(
        world,
        `${labelOf(request)}: ${world.machines[envelope.from].spec.name} released an answer ${lateUs} µs after the deadline`,
      );
  }
}
