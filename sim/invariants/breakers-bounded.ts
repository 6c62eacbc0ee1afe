import type { Envelope } from '../../core/machine/envelope.ts';
import {
  FIND,
  FOUND,
  NOTE_ASKED,
  RUN,
  type Candidate,
  type Found,
  type Noted,
} from '../../core/machine/kinds.ts';
import type { UserRequest } from '../users.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';
import { isEligible } from './refused-for-cause.ts';

/** Why a candidate was passed over: its breaker. On the wire. */
const EJECTED = 12;
/** Where the choice among nodes of a cluster is noted. On the wire. */
const STAGE_CLUSTER = 1;

/** What a node was told for a request, until it has chosen. */
interface Choice {
  readonly life: number;
  attempt: number;
  candidates: readonly Candidate[] | null;
  /** Whom it has asked already. */
  readonly asked: number[];
}

/** R5.3-3. */
export class BreakersBounded extends Invariant {
  readonly name = 'breakers-bounded';
  readonly promise = 'breakers eject at most their share of a small pool, and never everybody';
  readonly watches = { sent: [FIND, RUN], handled: [FOUND], notes: [NOTE_ASKED] };
  /** By request and node. */
  private readonly choices = new Map<number, Choice>();

  override onSent(world: World, envelope: Envelope): void {
    const { kind, from, to } = envelope;
    const request = world.users.requestOf(envelope);
    if (request === null || from >= world.machines.length) return;
    const key = keyOf(world, request, from);
    const life = world.machines[from].lives;
    let choice = this.choices.get(key);
    if (choice === undefined || choice.life !== life)
      this.choices.set(key, (choice = { life, attempt: 0, candidates: null, asked: [] }));
    if (kind === RUN) choice.asked.push(to);
    // What an index node says once somebody was asked comes too late: the choice was made by what was remembered.
    choice.attempt = envelope.attempt;
  }

  override onHandled(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    const choice = this.choices.get(keyOf(world, request, envelope.to));
    if (choice === undefined || choice.attempt !== envelope.attempt) return;
    if (choice.life === world.machines[envelope.to].lives)
      choice.candidates = (envelope.body as Found).candidates;
  }

  override onNoted(world: World, envelope: Envelope): void {
    const { from } = envelope;
    const { stage, struck, chosen } = envelope.body as Noted;
    const request = world.users.requestOf(envelope);
    if (request === null || stage !== STAGE_CLUSTER) return;
    const choice = this.choices.get(keyOf(world, request, from));
    if (choice === undefined || choice.candidates === null || choice.asked.at(-1) !== chosen) return;
    // Who was asked before is none of the pool.
    const earlier = choice.asked.slice(0, -1);
    const pool = choice.candidates.filter(
      (candidate) => !earlier.includes(candidate.peer) && isEligible(world, request, candidate),
    );
    choice.candidates = null;
    const ejected = pool.filter(({ peer }) =>
      struck.some((entry) => entry.peer === peer && entry.reason === EJECTED),
    ).length;
    this.checked++;
    const { breakerPool, breakerSharePpm } = world.scenario.parameters;
    const most =
      pool.length < breakerPool ? Math.floor((pool.length * breakerSharePpm) / 1_000_000) : pool.length - 1;
    if (ejected > most)
      this.violate(
        world,
        `${labelOf(request)}: ${world.machines[from].spec.name} passed over ${ejected} of ${pool.length} as failing, at most ${most} are allowed`,
      );
  }
}

function keyOf({ machines }: World, { index }: UserRequest, node: number): number {
  return index * machines.length + node;
}
