import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { REFUSED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { allowsStorage, isDurablePlace, type PlaceRule } from '../../policy/location-policy.ts';
import { NO_CAPABLE_NODE, NO_ELIGIBLE_NODE, NOT_ADMITTED, type ErrorCode } from '../../routing/outcomes.ts';
import { eligiblePlaces, isAlive, mayHold, mayLead, ownPlace } from './pod-placement.ts';
import type { PodHost } from './pod-state.ts';

/** Why a request about a pod is refused. */
export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
}

export function fault(code: ErrorCode, detail: string): Fault {
  return { code, detail };
}

export const GONE = fault(NO_ELIGIBLE_NODE, 'the pod has been deleted');

export function refuse(node: Node, out: Outbox, envelope: Envelope, { code, detail }: Fault): void {
  if (code === NOT_ADMITTED) countRefusal(node, REFUSAL_UNADMITTED);
  reply(node, out, envelope, REFUSED, { code, retryAfterUs: 500_000, detail, struck: [] });
}

/** Whether this host is the one to take it: the first of those that the policy allows and that are not suspected. */
export function findPlaceFault(
  node: Node,
  pods: PodHost,
  now: Now,
  pod: string,
  rule: PlaceRule,
): Fault | null {
  const { region } = node.config.manifest;
  const own = ownPlace(node, now);
  if (!allowsStorage(rule, region))
    return fault(NO_CAPABLE_NODE, 'its policy does not allow it in this region');
  if (rule.isSealed && !own.seals)
    return fault(NO_CAPABLE_NODE, 'its policy asks for encryption, which this host does not declare');
  if (!isDurablePlace(rule, region))
    return fault(NO_CAPABLE_NODE, 'its policy wants the primary in another region');
  if (!mayHold(rule, own) || !mayLead(rule, own))
    return fault(NO_CAPABLE_NODE, `a host of level ${own.level} may not be the primary of a pod`);
  const places = eligiblePlaces(node, pods.fellows, now, pod, rule);
  const first = places.find(({ peer }) => isAlive(node, peer));
  if (first !== undefined && first.peer !== node.self)
    return fault(NO_CAPABLE_NODE, 'another host is the primary of the pod');
  const hasSecond = places.some(
    (place) => place.peer !== node.self && isDurablePlace(rule, place.region) && isAlive(node, place.peer),
  );
  if (rule.required !== null && !hasSecond)
    return fault(NO_CAPABLE_NODE, `its policy wants two copies in ${rule.required}, and one host is there`);
  return null;
}
