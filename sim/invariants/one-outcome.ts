import type { Envelope } from '../../core/machine/envelope.ts';
import {
  ANSWER,
  NOTE_OUTCOME,
  REFUSED,
  type Answer,
  type Noted,
  type Refused,
} from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf, OK } from './invariant.ts';

/** Not yet ready, not admitted: nobody has taken the request up, and it may still be asked elsewhere. On the wire. */
const NOT_TAKEN_UP: readonly number[] = [9, 10];

/** R5.3-2. */
export class OneOutcome extends Invariant {
  readonly name = 'one-outcome';
  readonly promise = 'each request has one terminal outcome, and at most one answer is released';
  readonly watches = { sent: [ANSWER, REFUSED], notes: [NOTE_OUTCOME] };
  /** By request: which gateway released its answer, in which of its lives. */
  private readonly released = new Map<number, string>();
  /** By request and life of a gateway: what it told the user. */
  private readonly told = new Map<string, string>();

  override onNoted(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    this.checked++;
    if ((envelope.body as Noted).code !== OK) return;
    const gateway = lifeOf(world, envelope);
    const before = this.released.get(request.index);
    if (before === undefined) this.released.set(request.index, gateway);
    else
      this.violate(
        world,
        `${labelOf(request)}: a second answer released by ${gateway}, after one by ${before}`,
      );
  }

  override onSent(world: World, envelope: Envelope): void {
    if (envelope.to < world.machines.length) return;
    const request = world.users.requestOf(envelope);
    if (request === null || envelope.to !== request.user) return;
    const outcome = describeOutcome(envelope);
    if (outcome === null) return;
    this.checked++;
    const gateway = lifeOf(world, envelope);
    const key = `${request.index} ${gateway}`;
    const before = this.told.get(key);
    if (before === undefined) this.told.set(key, outcome);
    else if (before !== outcome)
      this.violate(world, `${labelOf(request)}: ${gateway} said ${before}, and then ${outcome}`);
  }
}

function describeOutcome({ kind, body }: Envelope): string | null {
  if (kind === ANSWER) return `answer ${(body as Answer).answer.hash}`;
  const { code } = body as Refused;
  return NOT_TAKEN_UP.includes(code) ? null : `refusal ${code}`;
}

function lifeOf({ machines }: World, { from }: Envelope): string {
  const { spec, lives } = machines[from];
  return `${spec.name}, life ${lives}`;
}
