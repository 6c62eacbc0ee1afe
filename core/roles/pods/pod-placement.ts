import type { Peer } from '../../base/peers.ts';
import { mixInteger } from '../../base/rng.ts';
import type { Now } from '../../base/time.ts';
import { isDeparting } from '../../cluster/affiliation/affiliation.ts';
import { memberStateOf } from '../../cluster/membership/detector.ts';
import { ALIVE, LEFT } from '../../cluster/membership/member.ts';
import type { Node } from '../../machine/node-state.ts';
import { allowsStorage, isDurablePlace, type PlaceRule } from '../../policy/location-policy.ts';
import { effectiveTrust, ownTrust } from '../../trust/attestation.ts';
import { mayDo } from '../../trust/operations.ts';
import type { Fellows } from './pod-state.ts';

/** A pod host, and where it says that it lies. */
export interface Place {
  readonly peer: Peer;
  readonly region: string;
  /** What it is worth, as far as its attestations show it. */
  readonly level: number;
  /** Whether it declares encryption. */
  readonly seals: boolean;
  /** Whether it is on its way out of the cluster. */
  readonly isLeaving: boolean;
}

/** Every pod draws an order of hosts of its own, which hosts that come and go do not change (rendezvous hashing). */
function weightOf(node: Node, pod: string, host: Peer): number {
  const word = parseInt(pod.slice(0, 12), 16);
  return mixInteger(mixInteger(0x70d, Number.isNaN(word) ? 0 : word), node.pure.rank(host)) >>> 0;
}

/** Orders hosts by the pod's own order. */
export function rankPlaces<P extends Pick<Place, 'peer'>>(
  node: Node,
  pod: string,
  places: readonly P[],
): P[] {
  return places
    .map((place) => ({ place, weight: weightOf(node, pod, place.peer), rank: node.pure.rank(place.peer) }))
    .sort((left, right) => right.weight - left.weight || left.rank - right.rank)
    .map(({ place }) => place);
}

export function ownPlace(node: Node, now: Now): Place {
  const { region, podStorage } = node.config.manifest;
  return {
    peer: node.self,
    region,
    level: ownTrust(node, now),
    seals: podStorage?.encryption === true,
    isLeaving: isDeparting(node),
  };
}

/** The pod hosts that have said where they lie. What they say of their worth counts as far as attestors have signed it (R4-4). */
export function fellowPlaces(fellows: Fellows, now: Now): Place[] {
  const places: Place[] = [];
  for (const [peer, { region, trust, attestations, agreement, isLeaving }] of fellows) {
    const level = effectiveTrust(now, { claimedTrust: trust }, attestations);
    if (region !== '') places.push({ peer, region, level, seals: agreement !== '', isLeaving });
  }
  return places;
}

/** All pod hosts that have said where they lie, this one included. */
export function placesOf(node: Node, fellows: Fellows, now: Now): Place[] {
  return [ownPlace(node, now), ...fellowPlaces(fellows, now)];
}

/** Whether a copy may be there: by the policy, and by what the host is worth and declares (R6.1-1, R6.1-4, R8.1-2). */
export function mayHold(rule: PlaceRule, { region, level, seals, isLeaving }: Place): boolean {
  if (isLeaving) return false;
  const operation = rule.isSealed ? 'hold-sealed-replica' : 'process-personal';
  return allowsStorage(rule, region) && mayDo(level, operation) && (seals || !rule.isSealed);
}

/** Whether a host may have the key to what it holds sealed: with it the data are as open as others are (R8.1-2). */
export function mayHaveKey({ level, seals }: Place): boolean {
  return seals && mayDo(level, 'process-personal');
}

/** Whether a host that may hold it may be its primary, too. */
export function mayLead(rule: PlaceRule, { region, level }: Place): boolean {
  return isDurablePlace(rule, region) && mayDo(level, 'hold-primary');
}

/** Where the pod may be: those first that may lead, then the durable places, in the pod's order (R6.1-6). */
export function eligiblePlaces(
  node: Node,
  fellows: Fellows,
  now: Now,
  pod: string,
  rule: PlaceRule,
): Place[] {
  const may = placesOf(node, fellows, now).filter((place) => mayHold(rule, place));
  const ranked = rankPlaces(node, pod, may);
  const order = (place: Place): number =>
    mayLead(rule, place) ? 0 : isDurablePlace(rule, place.region) ? 1 : 2;
  return [0, 1, 2].flatMap((at) => ranked.filter((place) => order(place) === at));
}

/** Whether a host is there as far as this node knows, and not suspected. */
export function isAlive(node: Node, host: Peer): boolean {
  return host === node.self || memberStateOf(node, host) === ALIVE;
}

/** Whether a host counts as a holder: it is there, or has not been away for long (`podRepairAfterUs`). */
export function isPresent(node: Node, fellows: Fellows, now: Now, host: Peer): boolean {
  if (isAlive(node, host)) return true;
  if (memberStateOf(node, host) === LEFT) return false;
  const heardUs = fellows.get(host)?.heardUs ?? 0;
  return now.monoUs - heardUs < node.config.parameters.podRepairAfterUs;
}

/** Who is to hold the pod: the first few of its order that count. Fewer rather than where it may not be (R6.1-3). */
export function desiredHolders(
  node: Node,
  fellows: Fellows,
  now: Now,
  pod: string,
  rule: PlaceRule,
): Place[] {
  const present = eligiblePlaces(node, fellows, now, pod, rule).filter(({ peer }) =>
    isPresent(node, fellows, now, peer),
  );
  return present.slice(0, node.config.parameters.podCopies);
}
