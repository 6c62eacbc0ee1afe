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
  /** By request: who released its answer. */
  private readonly released = new Map<number, Speaker>();
  /** By request and gateway: what it told the user. */
  private readonly told = new Map<number, Told>();

  override onNoted(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    this.checked++;
    if ((envelope.body as Noted).code !== OK) return;
    const { from: node } = envelope;
    const speaker = { node, life: world.machines[node].lives };
    const before = this.released.get(request.index);
    if (before === undefined) this.released.set(request.index, speaker);
    else
      this.violate(
        world,
        `${labelOf(request)}: a second answer released by ${nameOf(world, speaker)}, after one by ${nameOf(world, before)}`,
      );
  }

  override onSent(world: World, envelope: Envelope): void {
    if (envelope.to < world.machines.length) return;
    const request = world.users.requestOf(envelope);
    if (request === null || envelope.to !== request.user) return;
    const { from: node, kind, body } = envelope;
    const outcome = kind === ANSWER ? (body as Answer).answer.hash : (body as Refused).code;
    if (typeof outcome === 'number' && NOT_TAKEN_UP.includes(outcome)) return;
    this.checked++;
    const said = { node, life: world.machines[node].lives, outcome };
    const key = request.index * world.machines.length + node;
    const before = this.told.get(key);
    if (before === undefined || before.life !== said.life) this.told.set(key, said);
    else if (before.outcome !== outcome)
      this.violate(
        world,
        `${labelOf(request)}: ${nameOf(world, said)} said ${describeOutcome(before)}, and then ${describeOutcome(said)}`,
      );
  }
}

/** A gateway, in one of its lives. */
interface Speaker {
  readonly node: number;
  readonly life: number;
}

interface Told extends Speaker {
  /** What the answer hashes to, or the code of a refusal. */
  readonly outcome: string | number;
}

function describeOutcome({ outcome }: Told): string {
  return typeof outcome === 'string' ? `answer ${outcome}` : `refusal ${outcome}`;
}

function nameOf({ machines }: World, { node, life }: Speaker): string {
  return `${machines[node].spec.name}, life ${life}`;
}
