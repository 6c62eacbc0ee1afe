import { KEYS, type Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  AGREE,
  LIST_KEYS,
  MAX_POD_KEYS,
  NEW_KEY,
  TAKE_KEY,
  WRAP,
  type Keyed,
  type KeysListed,
  type Wrapped,
} from '../../machine/key-kinds.ts';
import { POD_FOUND, POD_KEPT, POD_KEY_COPY, POD_KEY_GIVEN, REFUSED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { findConsentFault } from '../../policy/consent.ts';
import { READING_USE } from '../../policy/consent-documents.ts';
import { ALLOWS_NOTHING, allowsStorage } from '../../policy/location-policy.ts';
import { openingHash, podIdOf } from '../../policy/pod-documents.ts';
import {
  CONSENT_REQUIRED,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  OVERLOADED,
} from '../../routing/outcomes.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { mayExport } from './pod-exports.ts';
import { fault, GONE, refuse, type Fault } from './pod-faults.ts';
import { hasLease } from './pod-lease.ts';
import { findUseFault, foundFor } from './pod-giving.ts';
import { isOver, learnLaw, letGo, NO_BOOK, save } from './pod-law.ts';
import { fellowPlaces, mayHaveKey, mayHold, ownPlace, type Place } from './pod-placement.ts';
import {
  KEPT,
  NOT_KEPT,
  type PodCopy,
  type PodKeyCopied,
  type PodKeyWanted,
  type PodRead,
} from './pod-records.ts';
import {
  createEntry,
  entriesInOrder,
  FINDING,
  GIVING,
  HANDING,
  ruleOf,
  TAKING,
  WAITING,
  type KeyAsk,
  type PodEntry,
  type PodHost,
} from './pod-state.ts';
import { findWriterFault, openPod } from './pod-writers.ts';

/**
 * Keys of pods (R6.1-4). The first holder has one made; the others are handed it before a write counts as safe. A gateway is
 * given it for one boot, in memory, on its owner's word, to seal what comes and open what goes; a node that runs models, to open what
 * the owner has let them be given. Hosts themselves open nothing.
 */

/** How long a host that was handed a key has to say something before it is handed it again. */
const AGAIN_US = 1_000_000;

/** Which keys it holds only KEYS knows, whatever the disk says. */
export function startKeys(node: Node, out: Outbox): void {
  if (node.config.manifest.podStorage?.encryption === true) askKeys(node, out, AGREE, {});
  askKeys(node, out, LIST_KEYS, { after: 0 });
}

export function askKeys(node: Node, out: Outbox, kind: number, body: unknown): number {
  const n = node.nextN++;
  out.send(kind, node.self, KEYS, node.self, node.bootCount, n, 0, body);
  return n;
}

export function onKeysListed(
  node: Node,
  pods: PodHost,
  now: Now,
  out: Outbox,
  { keys, next }: KeysListed,
): void {
  for (const { pod, keyId } of keys) {
    // Its law may have been lost, or never stored: others tell it, or nobody ever asks for the pod.
    const entry =
      pods.entries.get(pod) ?? createEntry(pods, { pod, policy: null, deletion: null, book: NO_BOOK });
    addKey(entry, keyId);
  }
  if (next !== 0) {
    askKeys(node, out, LIST_KEYS, { after: next });
    return;
  }
  pods.areKeysListed = true;
  for (const entry of entriesInOrder(pods)) {
    if (!pods.isLongGone && !isOver(entry, now)) continue;
    letGo(node, pods, entry, out);
    if (entry.wanted !== entry.copy && entry.storing === 0) save(node, entry, out);
  }
}

function addKey(entry: PodEntry, keyId: number): boolean {
  if (entry.keys.includes(keyId)) return true;
  if (entry.keys.length >= MAX_POD_KEYS) return false;
  entry.keys.push(keyId);
  entry.keys.sort((left, right) => left - right);
  return true;
}

/** Names of the keys that contents of a copy are sealed with. */
export function keysOf(copy: PodCopy | null): number[] {
  const names = (copy?.versions ?? []).map(({ content }) => content.keyId);
  return [...new Set(names)].filter((keyId) => keyId !== 0);
}

/** Why the owner's word does not let a gateway have the key, or null: two locks, over the opening of this pod there (R6.2-4). */
export function findOpeningFault(
  node: Node,
  now: Now,
  { opening, region }: Pick<PodKeyWanted, 'opening' | 'region'>,
  owner: Peer,
  pod: string,
  { from }: Envelope,
): Fault | null {
  const refusal = findConsentFault(node.pure, now, opening, owner, openingHash(node.pure, pod, from));
  if (refusal === null) return null;
  return fault(CONSENT_REQUIRED, `the gateway in ${region} may not open the pod: ${refusal}`);
}

/** A gateway wants to seal what an owner writes. If the pod has no key yet, one is made. */
export function onPodKey(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const wanted = envelope.body as PodKeyWanted;
  const { owner, number } = wanted.policy.terms;
  const pod = podIdOf(node.pure, owner, number);
  const wrong = findKeyFault(node, pods, now, wanted, envelope, pod);
  if (wrong !== null) {
    refuse(node, out, envelope, wrong);
    return;
  }
  const entry = openPod(node, pods, now, out, pod, wanted.policy);
  if ('code' in entry) {
    refuse(node, out, envelope, entry);
    return;
  }
  const { from: to, origin, originBoot, n, attempt } = envelope;
  const ask: KeyAsk = {
    what: GIVING,
    ...{ pod, keyId: entry.keys[0] ?? 0, to, origin, originBoot, n, attempt },
    ...{ agreement: wanted.agreement, byWallUs: wanted.notAfterWallUs, wrapped: [], read: null },
  };
  if (entry.keys.length > 0) {
    askWrap(node, pods, out, ask);
    return;
  }
  pods.keyAsks.set(node.nextN++, { ...ask, what: WAITING });
  if (entry.minting === 0) entry.minting = askKeys(node, out, NEW_KEY, { pod });
}

function findKeyFault(
  node: Node,
  pods: PodHost,
  now: Now,
  wanted: PodKeyWanted,
  envelope: Envelope,
  pod: string,
): Fault | null {
  const { policy, region, notAfterWallUs } = wanted;
  const { terms } = policy;
  const entry = pods.entries.get(pod);
  const wrong = findWriterFault(node, now, policy, notAfterWallUs, envelope.origin, entry);
  if (wrong !== null) return wrong;
  if (!pods.areKeysListed || (entry !== undefined && entry.destroying !== 0))
    return fault(NOT_READY, 'its keys are being looked after');
  if (pods.keyAsks.size >= node.config.parameters.maxPodRequests)
    return fault(OVERLOADED, 'as many keys as it can give are asked for');
  const rule = ruleOf({ pod, policy, deletion: null, book: NO_BOOK } as PodEntry['law'])!;
  if (!allowsStorage(rule, region)) return fault(NO_ELIGIBLE_NODE, `the gateway ${ALLOWS_NOTHING}`);
  return findOpeningFault(node, now, wanted, terms.owner, pod, envelope);
}

function askWrap(node: Node, pods: PodHost, out: Outbox, ask: KeyAsk): void {
  const { pod, keyId, agreement } = ask;
  pods.keyAsks.set(askKeys(node, out, WRAP, { pod, keyId, agreement }), ask);
}

/**
 * What a reader is given: contents, and where they are sealed the keys, wrapped for who has asked on the reader's behalf. That it may
 * be given has been decided just before; KEYS takes a moment, and then it is decided again.
 */
export function giveFound(
  node: Node,
  pods: PodHost,
  now: Now,
  out: Outbox,
  entry: PodEntry,
  to: Peer,
  request: Pick<Envelope, 'origin' | 'originBoot' | 'n' | 'attempt'>,
  read: PodRead,
  wrapped: KeyAsk['wrapped'] = [],
): void {
  const { origin, originBoot, n, attempt } = request;
  const found =
    origin === read.owner
      ? { policy: entry.law.policy!, copy: entry.copy!, keys: [], leftUs: 0 }
      : foundFor(node, pods, now, entry, read, request);
  const needed = keysOf(found.copy);
  const next = needed.find((keyId) => !wrapped.some((key) => key.keyId === keyId));
  const send = (kind: number, body: unknown): void =>
    out.send(kind, node.self, to, origin, originBoot, n, attempt, body);
  if (next === undefined) {
    if (read.use !== READING_USE)
      entry.inUseUntilUs = Math.max(entry.inUseUntilUs, now.monoUs + found.leftUs);
    send(POD_FOUND, { ...found, keys: wrapped.filter(({ keyId }) => needed.includes(keyId)) });
    return;
  }
  const isFull = pods.keyAsks.size >= node.config.parameters.maxPodRequests;
  if (!isFull && entry.keys.includes(next) && entry.destroying === 0) {
    const { agreement } = read;
    const id = { pod: entry.pod, keyId: next, to, origin, originBoot, n, attempt };
    askWrap(node, pods, out, {
      what: FINDING,
      ...id,
      agreement,
      byWallUs: 0,
      wrapped,
      read: read as KeyAsk['read'],
    });
    return;
  }
  const detail = isFull
    ? 'as many keys as it can give are asked for'
    : 'this host has not been given the key';
  const code = isFull ? OVERLOADED : NO_CAPABLE_NODE;
  send(REFUSED, { code, retryAfterUs: 500_000, detail, struck: [] });
}

/** Hands the pod's keys to holders that have not said that they have them. */
export function pushKeys(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  now: Now,
  out: Outbox,
  targets: readonly Place[],
  byWallUs: number,
): void {
  if (entry.keys.length === 0 || entry.destroying !== 0) return;
  for (const place of targets) {
    const { peer } = place;
    const agreement = pods.fellows.get(peer)?.agreement ?? '';
    const other = entry.others.get(peer);
    const lacking = entry.keys.filter((keyId) => other === undefined || !other.keys.includes(keyId));
    const isTold = other !== undefined && other.keyToldUs > 0 && now.monoUs - other.keyToldUs < AGAIN_US;
    if (!mayHaveKey(place) || lacking.length === 0 || isTold) continue;
    if (!mayExport(node, pods, entry, now, place, byWallUs)) continue;
    const none = { revision: 0, toldUs: -AGAIN_US, keys: [] };
    entry.others.set(peer, { ...(other ?? none), keyToldUs: now.monoUs });
    for (const keyId of lacking) {
      if (pods.keyAsks.size >= node.config.parameters.maxPodRequests) return;
      const id = { to: peer, origin: node.self, originBoot: node.bootCount, n: node.nextN++, attempt: 0 };
      askWrap(node, pods, out, {
        what: HANDING,
        pod: entry.pod,
        keyId,
        ...id,
        agreement,
        byWallUs,
        wrapped: [],
        read: null,
      });
    }
  }
}

/** Another host hands over a key of a pod: it is taken where a copy would be, and is on disk when that is said. */
export function onPodKeyCopy(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const { policy, key, byWallUs } = envelope.body as PodKeyCopied;
  const pod = podIdOf(node.pure, policy.terms.owner, policy.terms.number);
  const entry = learnLaw(node, pods, now, out, { pod, policy, deletion: null, book: NO_BOOK });
  const rule = entry === null ? null : ruleOf(entry.law);
  const own = ownPlace(node, now);
  const isAsked = byWallUs > 0 && now.wallUs < byWallUs + WALL_SKEW_BOUND_US;
  const isWelcome =
    entry !== null &&
    rule !== null &&
    !isOver(entry, now) &&
    pods.areKeysListed &&
    entry.destroying === 0 &&
    mayHold(rule, own) &&
    mayHaveKey(own) &&
    (isAsked || hasLease(node, pods, now)) &&
    pods.keyAsks.size < node.config.parameters.maxPodRequests;
  if (!isWelcome || entry.keys.includes(key.keyId)) {
    sayKeys(node, out, envelope, pod, entry, isWelcome ? KEPT : NOT_KEPT);
    return;
  }
  const { from: to, origin, originBoot, n, attempt } = envelope;
  const { keyId, wrapped } = key;
  const asked = askKeys(node, out, TAKE_KEY, { pod, keyId, wrapped });
  const id = { to, origin, originBoot, n, attempt };
  pods.keyAsks.set(asked, {
    what: TAKING,
    pod,
    keyId,
    ...id,
    agreement: '',
    byWallUs,
    wrapped: [],
    read: null,
  });
}

function sayKeys(
  node: Node,
  out: Outbox,
  {
    from,
    origin,
    originBoot,
    n,
    attempt,
  }: Pick<Envelope, 'from' | 'origin' | 'originBoot' | 'n' | 'attempt'>,
  pod: string,
  entry: PodEntry | null,
  keeping: number,
): void {
  const keys = [...(entry?.keys ?? [])];
  const law = keeping === KEPT ? null : (entry?.law ?? null);
  const body = { pod, revision: 0, keeping, keys, law };
  out.send(POD_KEPT, node.self, from, origin, originBoot, n, attempt, body);
}

/** KEYS has made a key, or taken one, and has it on disk; or could not. */
export function onKeyed(node: Node, pods: PodHost, out: Outbox, { n, body }: Envelope): PodEntry | null {
  const { pod, keyId } = body as Keyed;
  const entry = pods.entries.get(pod);
  if (entry === undefined) return null;
  const ask = pods.keyAsks.get(n);
  if (ask !== undefined) {
    pods.keyAsks.delete(n);
    if (keyId !== 0) addKey(entry, keyId);
    sayKeys(node, out, { ...ask, from: ask.to }, pod, entry, keyId === 0 ? NOT_KEPT : KEPT);
    return null;
  }
  if (entry.minting !== n) return null;
  entry.minting = 0;
  if (keyId !== 0) addKey(entry, keyId);
  const asks = [...pods.keyAsks].sort(([left], [right]) => left - right);
  for (const [waiting, one] of asks) {
    if (one.what !== WAITING || one.pod !== pod) continue;
    pods.keyAsks.delete(waiting);
    if (keyId !== 0) askWrap(node, pods, out, { ...one, what: GIVING, keyId });
    else {
      const refused = {
        code: OVERLOADED,
        retryAfterUs: 500_000,
        detail: 'no key can be kept here',
        struck: [],
      };
      out.send(REFUSED, node.self, one.to, one.origin, one.originBoot, one.n, one.attempt, refused);
    }
  }
  return entry;
}

/** A key is wrapped for whoever is to have it. */
export function onWrapped(node: Node, pods: PodHost, now: Now, out: Outbox, { n, body }: Envelope): void {
  const ask = pods.keyAsks.get(n);
  if (ask === undefined) return;
  pods.keyAsks.delete(n);
  const { wrapped } = body as Wrapped;
  const entry = pods.entries.get(ask.pod);
  const { to, origin, originBoot, n: of, attempt, keyId, byWallUs } = ask;
  const say = (kind: number, said: unknown): void =>
    out.send(kind, node.self, to, origin, originBoot, of, attempt, said);
  const isGone = entry === undefined || entry.law.policy === null || isOver(entry, now);
  if (ask.what === HANDING) {
    if (isGone || wrapped === null) return;
    const place = fellowPlaces(pods.fellows, now).find(({ peer }) => peer === to);
    if (place === undefined || !mayHaveKey(place)) return;
    if (!mayExport(node, pods, entry, now, place, byWallUs)) return;
    say(POD_KEY_COPY, { policy: entry.law.policy, key: { keyId, wrapped }, byWallUs } as unknown);
  } else if (isGone || wrapped === null) {
    const { code, detail } = isGone ? GONE : fault(NOT_READY, 'the key cannot be wrapped');
    say(REFUSED, { code, retryAfterUs: 500_000, detail, struck: [] });
  } else if (ask.what === GIVING) say(POD_KEY_GIVEN, { pod: ask.pod, key: { keyId, wrapped } });
  else giveOn(node, pods, now, out, entry, { ...ask, wrapped: [...ask.wrapped, { keyId, wrapped }] });
}

/** A key more is wrapped for a reader. */
function giveOn(node: Node, pods: PodHost, now: Now, out: Outbox, entry: PodEntry, ask: KeyAsk): void {
  const { to, origin, originBoot, n, attempt, wrapped } = ask;
  const read = ask.read as PodRead;
  const wrong = findUseFault(node, pods, now, read, ask, entry, true);
  if (wrong === null) giveFound(node, pods, now, out, entry, to, ask, read, wrapped);
  else {
    const refused = { code: wrong.code, retryAfterUs: 500_000, detail: wrong.detail, struck: [] };
    out.send(REFUSED, node.self, to, origin, originBoot, n, attempt, refused);
  }
}
