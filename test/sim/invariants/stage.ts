import { Envelope } from '../../../core/machine/envelope.ts';
import { ASK } from '../../../core/machine/kinds.ts';
import { Lineage } from '../../../sim/lineage.ts';
import type { ResolvedScenario } from '../../../sim/scenario/resolved.ts';
import { simulate } from '../../../sim/simulate.ts';
import type { UserRequest } from '../../../sim/users.ts';
import type { World } from '../../../sim/world.ts';
import { tinyScenario } from '../tiny-scenario.ts';

/** By name in tinyScenario: their numbers are their places in the list of nodes. */
export const FRANCE_FRONT = 0;
export const FRANCE_COMPUTE = 1;
export const US_FRONT = 2;
export const US_COMPUTE = 3;

/** A world in which something has happened, and an account of its contents in which all prompts are minted. */
export interface Stage {
  readonly world: World;
  readonly lineage: Lineage;
  /** The first request for `b`, allowed in Europe only. */
  readonly european: UserRequest;
  /** The first for `b`, allowed on both sides. */
  readonly worldly: UserRequest;
}

export function setStage(changes: Partial<ResolvedScenario> = {}): Stage {
  const { world } = simulate(tinyScenario({ faults: [], ...changes }));
  const lineage = new Lineage();
  for (const request of world.users.requests) {
    lineage.onSent(world, said(request, { kind: ASK, from: request.user, body: request.want }));
  }
  const ofB = world.users.requests.filter(({ want }) => want.model === 'b');
  return {
    world,
    lineage,
    european: ofB.find(({ want }) => want.allowedRegions.length === 1)!,
    worldly: ofB.find(({ want }) => want.allowedRegions.length === 2)!,
  };
}

/** An envelope on account of a request. */
export function said({ user, n }: UserRequest, fields: Partial<Envelope>): Envelope {
  return Object.assign(new Envelope(), { origin: user, originBoot: 0, n }, fields);
}
