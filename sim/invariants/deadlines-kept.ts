import type { Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, ASK, NOTE_OUTCOME, REFUSED, type Noted } from '../../core/machine/kinds.ts';
import type { Want } from '../../core/routing/want.ts';
import { MAX_DRIFT_PPM } from '../clocks.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf, OK } from './invariant.ts';

/** R5.3-3: clocks are assumed to differ by no more. */
const BOUND_US = 30_000_000;

/** A request that a gateway has taken in and has not answered. */
interface Taken {
  readonly life: number;
  /** When its time is up, by the slowest clock that a node may have. */
  readonly untilUs: number;
}

/**
 * R5.3-3: the deadline travels twice. By the wall clock no answer comes 30 s after it; and a gateway counts what was left
 * when it took the request in, also while it is frozen.
 */
export class DeadlinesKept extends Invariant {
  readonly name = 'deadlines-kept';
  readonly promise =
    'no answer is released later than 30 s after its deadline, nor when the gateway’s own time for it is up';
  readonly watches = { handled: [ASK], sent: [ANSWER, REFUSED], notes: [NOTE_OUTCOME] };
  /** By request and gateway. */
  private readonly taken = new Map<number, Taken>();

  override onHandled(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null || envelope.to >= world.machines.length) return;
    const key = request.index * world.machines.length + envelope.to;
    const life = world.machines[envelope.to].lives;
    // A duplicate does not win time: what counts is when it was first taken in.
    if (this.taken.get(key)?.life === life) return;
    const { timeLeftUs } = envelope.body as Want;
    const driftUs = Math.ceil((timeLeftUs * (MAX_DRIFT_PPM + 1)) / 1_000_000) + 2;
    this.taken.set(key, { life, untilUs: world.nowUs + timeLeftUs + driftUs });
  }

  override onSent(world: World, envelope: Envelope): void {
    const { from, to, kind } = envelope;
    const request = world.users.requestOf(envelope);
    if (request === null || to !== request.user || from >= world.machines.length) return;
    const key = request.index * world.machines.length + from;
    const taken = this.taken.get(key);
    if (taken === undefined || taken.life !== world.machines[from].lives) return;
    this.taken.delete(key);
    if (kind !== ANSWER) return;
    this.checked++;
    if (world.nowUs > taken.untilUs)
      this.violate(
        world,
        `${labelOf(request)}: ${world.machines[from].spec.name} released an answer ${world.nowUs - taken.untilUs} µs after its time for it was up`,
      );
  }

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
