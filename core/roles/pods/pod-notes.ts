import { mixInteger } from '../../base/rng.ts';
import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { isDeparting } from '../../cluster/affiliation/affiliation.ts';
import { memberStateOf } from '../../cluster/membership/detector.ts';
import { LEFT, SUSPECT } from '../../cluster/membership/member.ts';
import type { Outbox } from '../../machine/envelope.ts';
import {
  ABSENT_DEAD,
  ABSENT_LEFT,
  ABSENT_OWN,
  ABSENT_SILENT,
  ABSENT_SUSPECT,
  MAX_STRUCK,
  NOTE_POD_ASTRAY,
  NOTE_POD_DECLINED,
  NOTE_POD_GONE,
  NOTE_POD_KEPT,
  NOTE_POD_PENDING,
  NOTE_POD_PLACED,
  PLACED_AWAY,
  PLACED_HOLDER,
  PLACED_LATER,
  PLACED_LEFT,
  PLACED_REGION,
  PLACED_UNFIT,
  type Struck,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { noteWhy } from '../../machine/speech.ts';
import { allowsStorage, type PlaceRule } from '../../policy/location-policy.ts';
import { isAlive, isPresent, mayHold, ownPlace, placesOf, rankPlaces, type Place } from './pod-placement.ts';
import { awaitedFor, GO_ON, ruleOf, type PodEntry, type PodHost, type Task } from './pod-state.ts';

/** What a pod host tells its observer of where pods are, and why: nothing here changes what it does. */

/** Says where the pod is to be, if that is not what was said last. */
export function notePlacement(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  holders: readonly Place[],
  now: Now,
  out: Outbox,
): void {
  const rule = ruleOf(entry.law);
  if (rule === null) return;
  const others = rankPlaces(node, entry.pod, placesOf(node, pods.fellows, now)).map((place) => ({
    peer: place.peer,
    cluster: place.region,
    reason: placementOf(node, pods, holders, now, rule, place),
  }));
  let print = mixInteger(1, entry.law.policy!.terms.version);
  for (const { peer, reason } of others) print = mixInteger(mixInteger(print, node.pure.rank(peer)), reason);
  if (print === entry.placed) return;
  entry.placed = print;
  noteWhy(
    node,
    out,
    NOTE_POD_PLACED,
    entry.pod,
    holders[0]?.peer ?? node.self,
    describeRule(entry, rule),
    others,
  );
}

function placementOf(
  node: Node,
  pods: PodHost,
  holders: readonly Place[],
  now: Now,
  rule: PlaceRule,
  place: Place,
): number {
  const { peer, region } = place;
  if (holders.some((holder) => holder.peer === peer)) return PLACED_HOLDER;
  if (!allowsStorage(rule, region)) return PLACED_REGION;
  if (!mayHold(rule, place)) return PLACED_UNFIT;
  if (memberStateOf(node, peer) === LEFT) return PLACED_LEFT;
  return isPresent(node, pods.fellows, now, peer) ? PLACED_LATER : PLACED_AWAY;
}

function describeRule({ law }: PodEntry, { selectors, required }: PlaceRule): string {
  const terms = law.policy!.terms;
  const sealed = terms.policy.encryptionRequired ? ', sealed' : '';
  const durable = required === null ? '' : `, its durable copies in ${required}`;
  return `version ${terms.version} of its policy: in ${selectors.join(', ')}${durable}${sealed}`;
}

/** Says that a copy has come to this disk, or has gone from it, when a STORE of the pod is done. */
export function noteStored(
  node: Node,
  entry: PodEntry,
  had: boolean,
  isOver: boolean,
  tasks: readonly Task[],
  out: Outbox,
): void {
  if (had === (entry.copy !== null)) return;
  if (!had) {
    const bringer = tasks.find(({ what }) => what !== GO_ON);
    const isOwners = tasks.some(({ what }) => what === GO_ON);
    noteWhy(node, out, NOTE_POD_KEPT, entry.pod, isOwners ? node.self : (bringer?.to ?? node.self), '');
  } else noteWhy(node, out, NOTE_POD_GONE, entry.pod, node.self, reasonGone(node, entry, isOver));
}

function reasonGone(node: Node, entry: PodEntry, isOver: boolean): string {
  if (entry.law.deletion !== null) return 'its owner has deleted the pod';
  if (isOver) return 'the time that its owner lets it be kept is over';
  const rule = ruleOf(entry.law);
  if (rule === null) return 'no policy of it is known here';
  const { region } = node.config.manifest;
  if (!allowsStorage(rule, region)) return `${describeRule(entry, rule)}; this host lies in ${region}`;
  if (isDeparting(node)) return 'this host leaves the cluster, and others have it';
  return 'others are to hold it in its place, and have it';
}

/** R6.1-6: tells, once, of a copy that has been where it may not be for as long as moving may take. */
export function noteAstray(node: Node, entry: PodEntry, now: Now, out: Outbox): void {
  const rule = ruleOf(entry.law);
  const here = { ...ownPlace(node, now), isLeaving: false };
  if (entry.copy === null || rule === null || mayHold(rule, here)) {
    entry.astrayUs = 0;
    entry.isAstrayTold = false;
    return;
  }
  if (entry.astrayUs === 0) entry.astrayUs = Math.max(1, now.monoUs);
  if (entry.isAstrayTold || now.monoUs - entry.astrayUs < node.config.parameters.podMoveUs) return;
  entry.isAstrayTold = true;
  const why = `${describeRule(entry, rule)}; it still lies in ${here.region}`;
  noteWhy(node, out, NOTE_POD_ASTRAY, entry.pod, node.self, why);
}

export function noteDeclined(node: Node, out: Outbox, pod: string, from: Peer, why: string): void {
  noteWhy(node, out, NOTE_POD_DECLINED, pod, from, why);
}

/** Says for whom a deletion waits. */
export function notePending(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  missing: readonly Peer[],
  out: Outbox,
): void {
  const others: Struck[] = missing.slice(0, MAX_STRUCK).map((peer) => ({
    peer,
    cluster: peer === node.self ? node.config.manifest.region : (pods.fellows.get(peer)?.region ?? ''),
    reason: absenceOf(node, peer),
  }));
  const why = `${missing.length} of ${awaitedFor(pods, entry).length} pod hosts that there ever were have not confirmed`;
  noteWhy(node, out, NOTE_POD_PENDING, entry.pod, node.self, why, others);
}

function absenceOf(node: Node, peer: Peer): number {
  if (peer === node.self) return ABSENT_OWN;
  if (isAlive(node, peer)) return ABSENT_SILENT;
  const state = memberStateOf(node, peer);
  if (state === SUSPECT) return ABSENT_SUSPECT;
  return state === LEFT ? ABSENT_LEFT : ABSENT_DEAD;
}
