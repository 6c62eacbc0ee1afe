import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { isDeparting } from '../../cluster/affiliation/affiliation.ts';
import { hasMemberType, liveMembersOf, memberStateOf } from '../../cluster/membership/detector.ts';
import { LEFT } from '../../cluster/membership/member.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { LEASE, LEASED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { EXPERIMENTAL, keepValid, ownTrust } from '../../trust/attestation.ts';
import { learnLaw } from './pod-law.ts';
import { MAX_CIRCLE, MAX_LAWS_TOLD, type Lease, type Leased } from './pod-records.ts';
import type { Fellow, Fellows, PodHost } from './pod-state.ts';

/**
 * Leases on policies (R6.1-3). A host may export what its owner does not ask for just now only while a majority of the pod hosts
 * have told it all laws that they know, within the last `podLeaseUs`: a law that a majority has on disk is known to every
 * holder of a lease that begins later. It counts from when it asked; who waits for old leases to run out waits a thousandth longer.
 */
export function hasLease(node: Node, pods: PodHost, now: Now): boolean {
  const { podLeaseUs } = node.config.parameters;
  const granters = pods.circle.filter((peer) => {
    const grantedUs = pods.fellows.get(peer)?.grantedUs ?? -1;
    return peer === node.self || (grantedUs >= 0 && now.monoUs < grantedUs + podLeaseUs);
  });
  return isMajority(node, pods, granters);
}

/** How long a lease still holds if nobody grants another, µs; 0: there is none. */
export function leaseLeftUs(node: Node, pods: PodHost, now: Now): number {
  const { podLeaseUs } = node.config.parameters;
  const leftOf = (peer: Peer): number => {
    if (peer === node.self) return podLeaseUs;
    const grantedUs = pods.fellows.get(peer)?.grantedUs ?? -1;
    return grantedUs < 0 ? 0 : Math.max(0, grantedUs + podLeaseUs - now.monoUs);
  };
  let longestUs = 0;
  for (const leftUs of pods.circle.map(leftOf)) {
    const granters = pods.circle.filter((peer) => leftOf(peer) >= leftUs);
    if (leftUs > longestUs && isMajority(node, pods, granters)) longestUs = leftUs;
  }
  return longestUs;
}

/** Whether these are most of the pod hosts; of an even number half are enough if the first of all by rank is among them. */
export function isMajority(node: Node, { circle }: PodHost, peers: readonly Peer[]): boolean {
  const counted = circle.filter((peer) => peers.includes(peer)).length;
  if (counted * 2 !== circle.length) return counted * 2 > circle.length;
  const first = circle.reduce((low, peer) => (node.pure.rank(peer) < node.pure.rank(low) ? peer : low));
  return peers.includes(first);
}

/** How long after a law is known to a majority the last lease without it has run out. */
export function graceOf(node: Node): number {
  const { podLeaseUs } = node.config.parameters;
  return podLeaseUs + Math.ceil(podLeaseUs / 1_000);
}

/** Asks all pod hosts that are there how they are, and for laws and a lease. */
export function renewLeases(node: Node, fellows: Fellows, now: Now, out: Outbox, wantsLaws: boolean): void {
  for (const peer of liveMembersOf(node, 'pod-host')) {
    if (peer !== node.self && (fellows.has(peer) || fellows.size < MAX_CIRCLE))
      askLease(node, fellows, now, out, peer, wantsLaws);
  }
}

function askLease(node: Node, fellows: Fellows, now: Now, out: Outbox, peer: Peer, wantsLaws: boolean): void {
  const fellow = fellowOf(fellows, peer);
  fellow.askedUs = now.monoUs;
  fellow.askedN = node.nextN++;
  const { boot, seen } = fellow;
  const body: Lease = { boot, seen, wantsLaws, region: node.config.manifest.region };
  out.send(LEASE, node.self, peer, node.self, node.bootCount, fellow.askedN, 0, body);
}

function fellowOf(fellows: Fellows, peer: Peer): Fellow {
  let fellow = fellows.get(peer);
  if (fellow === undefined) {
    const none = { region: '', trust: EXPERIMENTAL, attestations: [] };
    fellow = {
      ...none,
      agreement: '',
      isLeaving: false,
      heardUs: 0,
      boot: 0,
      seen: 0,
      grantedUs: -1,
      askedUs: 0,
      askedN: 0,
    };
    fellows.set(peer, fellow);
  }
  return fellow;
}

/** Says how this host is, and which laws have changed since the asker last heard. */
export function onLease(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { boot, seen, wantsLaws } = envelope.body as Lease;
  const from = boot === node.bootCount ? seen : 0;
  // Nearly all that ask have heard all.
  const news =
    wantsLaws && from < pods.lawSeq && isFellow(node, envelope.from)
      ? [...pods.entries.values()]
          .filter(({ law, lawSeq }) => lawSeq > from && (law.policy !== null || law.deletion !== null))
          .sort((left, right) => left.lawSeq - right.lawSeq)
      : [];
  const told = news.slice(0, MAX_LAWS_TOLD);
  const isComplete = told.length === news.length;
  const storage = node.config.manifest.podStorage!;
  const body: Leased = {
    boot: node.bootCount,
    seen: isComplete ? pods.lawSeq : told[told.length - 1].lawSeq,
    isComplete,
    laws: told.map(({ law }) => law),
    region: node.config.manifest.region,
    trust: ownTrust(node, now),
    attestations: boot === node.bootCount ? [] : (node.config.attestations as Leased['attestations']),
    agreement: storage.encryption ? pods.agreement : '',
    isLeaving: isDeparting(node),
  };
  reply(node, out, envelope, LEASED, body);
}

/** A gateway hears how a pod host is. */
export function hearFellow(node: Node, fellows: Fellows, now: Now, envelope: Envelope): Fellow | null {
  const fellow = fellows.get(envelope.from);
  if (fellow === undefined || fellow.askedN !== envelope.n) return null;
  const { boot, region, trust, attestations, agreement, isLeaving } = envelope.body as Leased;
  fellow.askedN = 0;
  fellow.heardUs = now.monoUs;
  fellow.region = region;
  fellow.trust = trust;
  // It names them to who has not heard this boot of it yet: they are checked once.
  if (boot !== fellow.boot) fellow.attestations = keepValid(node, { id: envelope.from }, attestations);
  fellow.agreement = agreement;
  fellow.isLeaving = isLeaving;
  return fellow;
}

/** A host is told laws; when it has been told all, it has what that other one can give of a lease. */
export function onLeased(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const fellow = hearFellow(node, pods.fellows, now, envelope);
  if (fellow === null) {
    countRefusal(node, REFUSAL_LATE);
    return;
  }
  const { boot, seen, isComplete, laws } = envelope.body as Leased;
  // Whoever has started anew may have lost what it held: it is asked again.
  if (fellow.boot !== boot) for (const { others } of pods.entries.values()) others.delete(envelope.from);
  let isAllTaken = true;
  for (const law of laws) if (learnLaw(node, pods, now, out, law) === null) isAllTaken = false;
  // A law that does not hold is its teller's fault; one for which there is no room leaves this host without a lease.
  if (!isAllTaken) return;
  fellow.boot = boot;
  fellow.seen = seen;
  if (isComplete) fellow.grantedUs = fellow.askedUs;
  else askLease(node, pods.fellows, now, out, envelope.from, true);
}

/** Takes in who else is a pod host, before anything is said to it that it might keep. */
export function meetHosts(node: Node, pods: PodHost, peers: readonly Peer[]): void {
  for (const peer of peers) {
    if (pods.circle.includes(peer) || pods.circle.length >= MAX_CIRCLE) continue;
    pods.circle.push(peer);
    pods.isCircleStored = false;
  }
  pods.circle.sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
}

/** Whether a peer is a pod host of this cluster, and has not left it. */
export function isFellow(node: Node, peer: Peer): boolean {
  return hasMemberType(node, peer, 'pod-host') && memberStateOf(node, peer) !== LEFT;
}

export function onRenewAlarm(node: Node, pods: PodHost, now: Now, out: Outbox): void {
  if (now.monoUs < pods.nextRenewUs) return;
  const others = liveMembersOf(node, 'pod-host').filter((peer) => peer !== node.self);
  meetHosts(node, pods, others);
  renewLeases(node, pods.fellows, now, out, true);
  pods.nextRenewUs = now.monoUs + node.config.parameters.podRenewUs;
}
