import type { Envelope } from '../../core/machine/envelope.ts';
import {
  ANSWER,
  FIND,
  FOUND,
  REFUSED,
  RUN,
  type Candidate,
  type Found,
  type Refused,
} from '../../core/machine/kinds.ts';
import type { UserRequest } from '../users.ts';
import type { World } from '../world.ts';
import { Invariant, isCovered, labelOf } from './invariant.ts';

/**
 * The refusals that say “there is nobody”: NO_CAPABLE_NODE, NO_ELIGIBLE_NODE, OVERLOADED, CLUSTER_UNREACHABLE,
 * TRUST_TOO_LOW. Numbers of the wire.
 */
const NOBODY_CODES: readonly number[] = [1, 2, 3, 5, 6];
const UNKNOWN_MODEL = 8;

const NONE: readonly Candidate[] = [];

/** What a node has done and heard for one request. */
interface Hearing {
  readonly life: number;
  /** Under which number it asked its index nodes last: an answer to an earlier question is too late. */
  attempt: number;
  /** The list that it was given for it, until it asks one of them; null if none came. */
  candidates: readonly Candidate[] | null;
  asked: number;
}

/** R5.3-1, R3-4: an error names what is so. */
export class RefusedForCause extends Invariant {
  readonly name = 'refused-for-cause';
  readonly promise =
    'nobody refuses a request without having asked anyone, when what it was told named an eligible node';
  readonly watches = { sent: [FIND, RUN, ANSWER, REFUSED], handled: [FOUND] };
  /** By request and node. */
  private readonly hearings = new Map<number, Hearing>();

  override onSent(world: World, envelope: Envelope): void {
    const { kind, from, to } = envelope;
    const request = world.users.requestOf(envelope);
    if (request === null || world.machines[from].villain !== null) return;
    const key = keyOf(world, request, from);
    // A gateway that computes, too, tells itself how that went, and may still ask others.
    const isLastWord = to !== from && (kind === ANSWER || kind === REFUSED);
    if (kind === ANSWER) {
      if (isLastWord) this.hearings.delete(key);
      return;
    }
    const { lives } = world.machines[from];
    let hearing = this.hearings.get(key);
    if (hearing === undefined || hearing.life !== lives) {
      hearing = { life: lives, attempt: 0, candidates: null, asked: 0 };
      if (kind !== REFUSED) this.hearings.set(key, hearing);
    }
    if (kind === FIND) {
      hearing.attempt = envelope.attempt;
      hearing.candidates = null;
    } else if (kind === RUN) {
      hearing.asked++;
      hearing.candidates = NONE;
    } else {
      this.judge(world, request, envelope, hearing);
      if (isLastWord) this.hearings.delete(key);
    }
  }

  override onHandled(world: World, envelope: Envelope): void {
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    const hearing = this.hearings.get(keyOf(world, request, envelope.to));
    if (hearing === undefined || hearing.attempt !== envelope.attempt) return;
    if (hearing.life === world.machines[envelope.to].lives)
      hearing.candidates = (envelope.body as Found).candidates;
  }

  private judge(world: World, request: UserRequest, envelope: Envelope, hearing: Hearing): void {
    const { code } = envelope.body as Refused;
    const refuser = world.machines[envelope.from].spec.name;
    if (code === UNKNOWN_MODEL) {
      this.checked++;
      if (world.scenario.models.some(({ name }) => name === request.want.model))
        this.violate(world, `${labelOf(request)}: ${refuser} says that there is no such model`);
      return;
    }
    if (!NOBODY_CODES.includes(code) || hearing.candidates === null) return;
    this.checked++;
    if (hearing.asked > 0) return;
    const eligible = hearing.candidates.find((candidate) => isEligible(world, request, candidate));
    if (eligible === undefined) return;
    this.violate(
      world,
      `${labelOf(request)}: ${refuser} refused it, was told of ${world.identities.names[eligible.peer]}, and did not ask it`,
    );
  }
}

function keyOf({ machines }: World, { index }: UserRequest, node: number): number {
  return index * machines.length + node;
}

/** R3-4: the hard filters, over what was told of a node. */
export function isEligible(world: World, { want }: UserRequest, candidate: Candidate): boolean {
  const model = world.scenario.models.find(({ name }) => name === want.model);
  const { region, trust, gpuMemoryBytes, isOffered, load } = candidate;
  return (
    model !== undefined &&
    isCovered(region, want.allowedRegions) &&
    trust >= want.minTrust &&
    gpuMemoryBytes >= model.requiredMemoryBytes &&
    isOffered &&
    !load.draining &&
    load.room > 0
  );
}
