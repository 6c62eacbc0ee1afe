import { KEYS, NOBODY } from '../../base/peers.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import * as kinds from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { RequestTable } from '../../machine/request-table.ts';
import { agreementKey } from '../../machine/key-kinds.ts';
import { flag, integer, list, own, peer, record, ref, text, upTo, type Of } from '../../machine/shape.ts';
import { reply } from '../../machine/speech.ts';
import { compilePolicy, isDurablePlace } from '../../policy/location-policy.ts';
import { findPodPolicyFault, podIdOf } from '../../policy/pod-documents.ts';
import { podId } from '../../policy/pod-terms.ts';
import {
  DEADLINE_EXCEEDED,
  ERROR_CODES,
  isRetryable,
  NO_ELIGIBLE_NODE,
  OVERLOADED,
  TRUST_TOO_LOW,
  UNKNOWN_OUTCOME,
} from '../../routing/outcomes.ts';
import { MAX_DETAIL } from '../../routing/request-bodies.ts';
import { MAX_DEADLINE_US } from '../../routing/want.ts';
import { hearFellow, renewLeases } from './pod-lease.ts';
import {
  fellowPlaces,
  isAlive,
  mayHold,
  mayLead,
  ownPlace,
  rankPlaces,
  type Place,
} from './pod-placement.ts';
import {
  MAX_CIRCLE,
  type Leased,
  type PodConsent,
  type PodDelete,
  type PodFound,
  type PodKeyGiven,
  type PodRead,
  type PodRule,
  type PodWrite,
} from './pod-records.ts';
import { askToOpen, askToSeal, isToSeal, nextVersion, withOpened } from './pod-sealing.ts';
import { MAX_SIBLINGS } from './pod-version.ts';
import { fellowsShape } from './pod-state.ts';

/** How far a request has come: a host has it; a host is asked for a key; KEYS seals with it; KEYS opens what was found. */
const AT_HOST = 0;
const KEYING = 1;
const SEALING = 2;
const OPENING = 3;

/** A request about a pod that a gateway has taken to a pod host, or is about to. */
const errandShape = record({
  key: integer,
  origin: peer,
  originBoot: integer,
  n: integer,
  attempt: integer,
  kind: integer,
  pod: podId,
  /** Who has it now, or NOBODY; and who has had it in this round. */
  asked: peer,
  tried: list(peer, MAX_CIRCLE),
  tries: integer,
  /** Whether somebody may have done it without saying so. */
  isDoubtful: flag,
  dueUs: integer,
  stage: upTo(OPENING),
  /** The question to KEYS under way, and what has been opened, in the order of versions. */
  asking: integer,
  opened: list(ref, MAX_SIBLINGS),
  /** Why it was last refused. */
  code: upTo(ERROR_CODES.length - 1),
  detail: text(MAX_DETAIL),
});
type Errand = Of<typeof errandShape>;

/** How a gateway takes what owners want of their pods to those who hold them. Null until somebody wants something. */
export const podDeskShape = record({
  fellows: fellowsShape,
  errands: own(() => new RequestTable(errandShape)),
  /** What was asked, by key: a body. */
  bodies: own(() => new Bodies()),
  /** What was found and is being opened. */
  found: own(() => new Bodies()),
  /** What keys are wrapped with for this gateway; '': KEYS has not said so yet. */
  agreement: agreementKey,
  isAgreeing: flag,
  nextRenewUs: integer,
  /** Every pod host that this gateway has ever known, on disk; the STORE of it that is under way, 0: none, and how many it names. */
  circle: list(peer, MAX_CIRCLE),
  circleStoring: integer,
  circleFlying: integer,
});
export type PodDesk = Of<typeof podDeskShape>;

/** Bodies of envelopes, which never change: shared with whoever sent them. They are told apart by their requests. */
class Bodies {
  readonly byKey = new Map<number, unknown>();

  clone(): Bodies {
    const copy = new Bodies();
    for (const [key, body] of this.byKey) copy.byKey.set(key, body);
    return copy;
  }

  fold(): void {
    // The errands that they belong to are folded.
  }
}

/** After all hosts have refused, until they are asked again. */
const ROUND_US = 500_000;

/** A host answers so long before the time is over, so that what it says still comes. */
const WAY_BACK_US = 300_000;

export function createPodDesk(): PodDesk {
  return {
    fellows: new Map(),
    errands: new RequestTable(errandShape),
    bodies: new Bodies(),
    found: new Bodies(),
    agreement: '',
    isAgreeing: false,
    nextRenewUs: 0,
    circle: [],
    circleStoring: 0,
    circleFlying: 0,
  };
}

/** An owner, or somebody who reads with an owner's consent, comes to the gateway. */
export function onPodErrand(node: Node, desk: PodDesk, now: Now, out: Outbox, envelope: Envelope): void {
  const { origin, originBoot, n, kind, attempt } = envelope;
  const known = desk.errands.get(origin, originBoot, n);
  if (known !== undefined) {
    known.attempt = attempt;
    return;
  }
  if (desk.errands.size >= node.config.parameters.maxPodRequests) {
    const detail = 'as many requests about pods as it can take are open';
    reply(node, out, envelope, kinds.REFUSED, {
      code: OVERLOADED,
      retryAfterUs: ROUND_US,
      detail,
      struck: [],
    });
    return;
  }
  const wrong = findFault(node, kind, envelope.body);
  if (wrong !== null) {
    const refused = { code: NO_ELIGIBLE_NODE, retryAfterUs: 0, detail: wrong, struck: [] };
    reply(node, out, envelope, kinds.REFUSED, refused);
    return;
  }
  const body = bodyFor(node, desk, kind, envelope.body);
  const { timeLeftUs } = body as PodWrite;
  const errand: Errand = {
    key: desk.errands.takeKey(),
    origin,
    originBoot,
    n,
    attempt,
    kind,
    pod: podOf(node, kind, body),
    asked: NOBODY,
    tried: [],
    tries: 0,
    isDoubtful: false,
    dueUs: now.monoUs + Math.min(timeLeftUs, MAX_DEADLINE_US),
    stage: AT_HOST,
    asking: 0,
    opened: [],
    code: NO_ELIGIBLE_NODE,
    detail: 'this cluster has no pod host',
  };
  desk.bodies.byKey.set(errand.key, body);
  if (!desk.isAgreeing) {
    desk.isAgreeing = true;
    out.send(kinds.AGREE, node.self, KEYS, node.self, node.bootCount, node.nextN++, 0, {});
  }
  desk.errands.add(errand, errand.dueUs);
  if (desk.nextRenewUs <= now.monoUs) renew(node, desk, now, out);
  askNext(node, desk, errand, now, out);
}

/** What was asked, with what the gateway says itself: where it lies, and of which pod hosts it knows. */
function bodyFor({ config, pods }: Node, desk: PodDesk, kind: number, body: unknown): unknown {
  if (kind === kinds.POD_READ) return { ...(body as PodRead), region: config.manifest.region };
  if (kind === kinds.POD_DELETE)
    return { ...(body as PodDelete), circle: [...(pods?.circle ?? desk.circle)] };
  return body;
}

/** What no host would take: that is said at once, and before anything is shown to anybody. */
function findFault(node: Node, kind: number, body: unknown): string | null {
  if (kind !== kinds.POD_WRITE && kind !== kinds.POD_RULE) return null;
  if (kind === kinds.POD_WRITE && (body as PodWrite).content.keyId !== 0)
    return 'contents are sealed by the gateway: bring it as it is';
  return findPodPolicyFault(node.pure, (body as PodWrite | PodRule).policy);
}

function podOf(node: Node, kind: number, body: unknown): string {
  if (kind === kinds.POD_READ || kind === kinds.POD_CONSENT) {
    const { owner, number } = body as PodRead | PodConsent;
    return podIdOf(node.pure, owner, number);
  }
  const { owner, number } =
    kind === kinds.POD_DELETE ? (body as PodDelete).deletion : (body as PodWrite | PodRule).policy.terms;
  return podIdOf(node.pure, owner, number);
}

/** Takes it to the next host; when all have had it, after a while to the first again, until its time is over. */
function askNext(node: Node, desk: PodDesk, errand: Errand, now: Now, out: Outbox): void {
  const body = desk.bodies.byKey.get(errand.key);
  const places = candidatesFor(node, desk, now, errand, body);
  const next = places.find(({ peer }) => !errand.tried.includes(peer));
  errand.stage = AT_HOST;
  errand.asking = 0;
  if (next === undefined || desk.agreement === '') {
    if (places.length === 0) explainNobody(desk, errand, body);
    errand.tried = [];
    errand.asked = NOBODY;
    desk.errands.deadlines.set(errand.key, Math.min(errand.dueUs, now.monoUs + ROUND_US));
    return;
  }
  errand.tried.push(next.peer);
  errand.asked = next.peer;
  const { agreement } = desk;
  if (isToSeal(errand.kind, body)) {
    const { policy, opening, notAfterWallUs } = body as PodWrite;
    const { region } = node.config.manifest;
    errand.stage = KEYING;
    say(node, desk, errand, now, out, kinds.POD_KEY, { policy, opening, agreement, region, notAfterWallUs });
  } else {
    const isReading = errand.kind === kinds.POD_READ;
    say(node, desk, errand, now, out, errand.kind, {
      ...(body as object),
      ...(isReading ? { agreement } : {}),
    });
  }
}

/** Says something to the host that has the errand, and waits for it for a while. */
function say(
  node: Node,
  desk: PodDesk,
  errand: Errand,
  now: Now,
  out: Outbox,
  kind: number,
  body: object,
): void {
  const timeLeftUs = Math.max(1, errand.dueUs - now.monoUs - WAY_BACK_US);
  errand.tries++;
  // Who waits for others is silent meanwhile, as is who is gone: another is asked for the same, which does no harm.
  const silentAtUs = Math.min(errand.dueUs, now.monoUs + node.config.parameters.podSilenceUs);
  desk.errands.deadlines.set(errand.key, silentAtUs);
  const { asked, origin, originBoot, n, tries } = errand;
  out.send(kind, node.self, asked, origin, originBoot, n, tries, { ...body, timeLeftUs });
}

/** Whom to ask, in order. A content is shown to nobody who may not have it (R6.1-3). */
function candidatesFor(
  node: Node,
  { fellows }: PodDesk,
  now: Now,
  { kind, pod }: Errand,
  body: unknown,
): Place[] {
  const places = fellowPlaces(fellows, now).filter(({ peer }) => isAlive(node, peer));
  if (node.pods !== null && node.podDesk !== null) places.push(ownPlace(node, now));
  const ranked = rankPlaces(node, pod, places);
  if (kind !== kinds.POD_WRITE) return ranked;
  const { homeRegion, policy } = (body as PodWrite).policy.terms;
  const rule = compilePolicy(homeRegion, policy);
  return ranked.filter((place) => mayHold(rule, place) && mayLead(rule, place));
}

/** Why there is nobody to ask, for who is refused when the time is over. */
function explainNobody({ fellows }: PodDesk, errand: Errand, body: unknown): void {
  if (errand.kind !== kinds.POD_WRITE) return;
  const { homeRegion, policy } = (body as PodWrite).policy.terms;
  const rule = compilePolicy(homeRegion, policy);
  const known = [...fellows.values()].filter(({ region }) => region !== '');
  const near = known.filter(({ region }) => isDurablePlace(rule, region));
  if (near.length === 0) {
    if (known.length > 0)
      errand.detail = 'no pod host of this cluster lies where its policy wants its primary';
    return;
  }
  errand.code = TRUST_TOO_LOW;
  errand.detail = `of ${near.length} pod hosts where its policy wants its primary none is verified`;
}

/** A pod host answers. False if no errand waits for it. */
export function onPodAnswer(node: Node, desk: PodDesk, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { origin, originBoot, n, from, kind, body } = envelope;
  const errand = desk.errands.get(origin, originBoot, n);
  if (errand === undefined || (from !== node.self && !desk.fellows.has(from))) return false;
  if (errand.stage === SEALING || errand.stage === OPENING) return true;
  if (kind === kinds.POD_KEY_GIVEN) {
    if (errand.stage === KEYING && errand.asked === from) {
      const { content } = desk.bodies.byKey.get(errand.key) as PodWrite;
      errand.stage = SEALING;
      errand.asking = askToSeal(node, out, errand, content, body as PodKeyGiven);
    }
    return true;
  }
  if (kind === kinds.POD_FOUND) {
    errand.opened = [];
    desk.found.byKey.set(errand.key, body);
    openNext(node, desk, errand, now, out);
    return true;
  }
  if (kind !== kinds.REFUSED) {
    finish(node, desk, errand, out, kind, body);
    return true;
  }
  const { code, detail } = body as kinds.Refused;
  if (code === UNKNOWN_OUTCOME) errand.isDoubtful = true;
  if (!isRetryable(code) || code === UNKNOWN_OUTCOME || code === DEADLINE_EXCEEDED) {
    // What one host refuses another may have done that was asked before it, and was silent.
    const isDone = errand.isDoubtful && errand.kind === kinds.POD_WRITE;
    const said = { ...(body as kinds.Refused), code: isDone ? UNKNOWN_OUTCOME : code };
    finish(node, desk, errand, out, kind, said);
    return true;
  }
  errand.code = code;
  errand.detail = detail;
  if (errand.asked === from) askNext(node, desk, errand, now, out);
  return true;
}

/** Has the next of the contents that were found opened, or gives them out. */
function openNext(node: Node, desk: PodDesk, errand: Errand, now: Now, out: Outbox): void {
  const found = desk.found.byKey.get(errand.key) as PodFound;
  let version = nextVersion(found, errand.opened);
  for (; version !== null && version.content.keyId === 0; version = nextVersion(found, errand.opened))
    errand.opened.push(version.content);
  if (version === null) {
    finish(node, desk, errand, out, kinds.POD_FOUND, withOpened(found, errand.opened));
    return;
  }
  errand.stage = OPENING;
  errand.asking = askToOpen(node, out, errand.pod, found, version);
  if (errand.asking === 0) passOver(node, desk, errand, now, out, 'there is no key to what a host gave');
}

/** What a host gave was of no use: another is asked. */
function passOver(node: Node, desk: PodDesk, errand: Errand, now: Now, out: Outbox, detail: string): void {
  errand.code = NO_ELIGIBLE_NODE;
  errand.detail = detail;
  desk.found.byKey.delete(errand.key);
  askNext(node, desk, errand, now, out);
}

/** What KEYS answers: how keys are wrapped for this gateway, and what it has sealed or opened. */
export function onPodDeskKeys(
  node: Node,
  desk: PodDesk,
  now: Now,
  out: Outbox,
  { kind, n, body }: Envelope,
): void {
  if (kind === kinds.AGREED) {
    desk.agreement = (body as kinds.Agreed).agreement;
    wakeWaiting(desk, now);
    return;
  }
  if (kind !== kinds.SEALED && kind !== kinds.OPENED) return;
  const errand = desk.errands.entries().find(({ asking }) => asking === n);
  if (errand === undefined) return;
  errand.asking = 0;
  const { content } = body as kinds.Sealed;
  if (content === null)
    passOver(node, desk, errand, now, out, 'what a host gave does not open what it is for');
  else if (kind === kinds.SEALED) {
    const write = desk.bodies.byKey.get(errand.key) as PodWrite;
    errand.stage = AT_HOST;
    say(node, desk, errand, now, out, kinds.POD_WRITE, { ...write, content, opening: null });
  } else {
    errand.opened.push(content);
    openNext(node, desk, errand, now, out);
  }
}

export function onPodDeskLeased(node: Node, desk: PodDesk, now: Now, envelope: Envelope): boolean {
  const fellow = hearFellow(node, desk.fellows, now, envelope);
  if (fellow === null) return false;
  fellow.boot = (envelope.body as Leased).boot;
  wakeWaiting(desk, now);
  return true;
}

/** Who waits for somebody to turn to need not wait for the next round. */
function wakeWaiting({ errands }: PodDesk, now: Now): void {
  for (const { key, asked } of errands.entries())
    if (asked === NOBODY) errands.deadlines.set(key, now.monoUs);
}

function finish(node: Node, desk: PodDesk, errand: Errand, out: Outbox, kind: number, body: unknown): void {
  const { origin, originBoot, n, attempt } = errand;
  desk.errands.delete(errand);
  desk.bodies.byKey.delete(errand.key);
  desk.found.byKey.delete(errand.key);
  out.send(kind, node.self, origin, origin, originBoot, n, attempt, body);
}

export function onPodDeskAlarm(node: Node, desk: PodDesk, now: Now, out: Outbox): void {
  const { errands } = desk;
  for (let due = errands.firstDue(now.monoUs); due !== undefined; due = errands.firstDue(now.monoUs)) {
    if (now.monoUs < due.dueUs) {
      // Silence: whoever has it may have done it.
      if (mayBeDone(due)) due.isDoubtful = true;
      askNext(node, desk, due, now, out);
      continue;
    }
    const isDoubtful = due.isDoubtful || mayBeDone(due);
    const code = isDoubtful ? UNKNOWN_OUTCOME : due.asked === NOBODY ? due.code : DEADLINE_EXCEEDED;
    const detail = isDoubtful || due.asked !== NOBODY ? 'no answer in time' : due.detail;
    finish(node, desk, due, out, kinds.REFUSED, { code, retryAfterUs: 0, detail, struck: [] });
  }
  if (now.monoUs >= nextPodDeskUs(desk)) renew(node, desk, now, out);
}

/** Whether a host has it, and may have done what is asked. */
function mayBeDone({ asked, kind, stage }: Errand): boolean {
  return asked !== NOBODY && kind !== kinds.POD_READ && stage === AT_HOST;
}

function renew(node: Node, desk: PodDesk, now: Now, out: Outbox): void {
  desk.nextRenewUs = now.monoUs + node.config.parameters.podRenewUs;
  renewLeases(node, desk.fellows, now, out, false);
}

/** Only while something is under way: a gateway that nobody asks about pods asks nobody. */
export function nextPodDeskUs({ errands, nextRenewUs }: PodDesk): number {
  return errands.size === 0 ? NEVER_US : Math.min(errands.deadlines.nextUs, nextRenewUs);
}
