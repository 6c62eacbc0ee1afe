import type { Join, Joined, Pending } from './affiliation-bodies.ts';
import { NETWORK, NOBODY } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { MAX_KNOWN } from '../../machine/disk-records.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  DIAL,
  JOIN,
  JOINED,
  PENDING,
  REFUSED,
  ROUTE,
  type Dialled,
  type Refused,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { CLUSTER_UNREACHABLE, isRetryable, NOT_ADMITTED, OVERLOADED } from '../../routing/outcomes.ts';
import { admit } from '../../trust/admission.ts';
import { MAX_SEEDS, type Certificate, type Seed } from '../../trust/documents.ts';
import {
  affiliationOf,
  certificateOf,
  hasLeft,
  hasRunOut,
  isOrderedBy,
  owedFor,
  pay,
  storeAffiliation,
  type Affiliation,
  type Joining,
} from './affiliation.ts';
import { isStarted, startDetector, stopDetector } from '../membership/detector.ts';
import { renewOwn } from '../membership/expiry.ts';
import { ownApplication, startPresence } from '../presence.ts';

/** After so many questions about its ticket in vain an applicant looks for another sponsor. */
const MOST_SILENT = 3;

/** Whoever runs the node tells it to join its cluster (R5.1-2). Joining twice is a no-op, but for a later certificate: that renews. */
export function onJoinOrder(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  if (!isOrderedBy(node, envelope.from)) {
    countRefusal(node, REFUSAL_UNADMITTED);
    const detail = 'only whoever runs this node tells it to join';
    reply(node, out, envelope, REFUSED, refusalOf(NOT_ADMITTED, detail));
    return;
  }
  const order = envelope.body as Join;
  if (order.certificate !== null && hasRunOut(order.certificate, now)) {
    reply(node, out, envelope, REFUSED, refusalOf(NOT_ADMITTED, 'the certificate has run out'));
    return;
  }
  const held = order.certificate ?? certificateOf(node);
  const isAdmitted = admit(node.pure, node.config.genesis, held, node.self, now) === null;
  if (held !== null && isAdmitted && isStarted(node) && !hasLeft(node)) {
    renewOwn(node, now, out, held);
    reply(node, out, envelope, JOINED, { certificate: certificateOf(node)! } satisfies Joined);
    return;
  }
  const affiliation = affiliationOf(node);
  if (affiliation.joining !== null) {
    const { origin, originBoot, n } = affiliation.joining.order;
    if (envelope.origin === origin && envelope.originBoot === originBoot && envelope.n === n) return;
    end(node, out, affiliation, affiliation.joining, OVERLOADED, 'the node was told to join again');
  }
  const contacts = contactsOf(node, order.seeds);
  const joining: Joining = {
    order: owedFor(envelope),
    certificate: order.certificate,
    contacts,
    next: 0,
    rounds: 0,
    asked: NOBODY,
    n: 0,
    dueUs: now.monoUs,
    pending: null,
    silent: 0,
  };
  affiliation.joining = joining;
  // The first of a cluster has nobody to ask.
  if (contacts.length === 0 && held !== null && isAdmitted)
    settle(node, now, out, affiliation, joining, held);
  else tryNext(node, now, out, affiliation, joining);
}

/** Whom the node can ask, each once: those named with the order, those of its configuration, those it knew last. */
function contactsOf(node: Node, named: readonly Seed[]): Seed[] {
  const contacts: Seed[] = [];
  for (const seed of [...named, ...node.config.seeds, ...node.known]) {
    const isOwn = seed.peer === node.self || (seed.peer === null && seed.address === node.config.address);
    const isThere = contacts.some(({ peer, address }) =>
      seed.peer === null ? address === seed.address : peer === seed.peer,
    );
    if (!isOwn && !isThere && contacts.length < MAX_SEEDS) contacts.push(seed);
  }
  return contacts;
}

/** Goes on to the next who may let it in; after so many rounds it gives up. */
function tryNext(node: Node, now: Now, out: Outbox, affiliation: Affiliation, joining: Joining): void {
  const { parameters } = node.config;
  joining.asked = NOBODY;
  joining.n = 0;
  joining.pending = null;
  joining.silent = 0;
  if (joining.next >= joining.contacts.length) {
    joining.next = 0;
    joining.rounds++;
    if (joining.rounds >= parameters.joinRounds || joining.contacts.length === 0)
      end(node, out, affiliation, joining, CLUSTER_UNREACHABLE, 'nobody whom the node knows lets it in');
    else joining.dueUs = now.monoUs + parameters.joinWaitUs;
    return;
  }
  const { peer, address } = joining.contacts[joining.next++];
  joining.dueUs = now.monoUs + parameters.joinWaitUs;
  if (peer === null) {
    joining.n = node.nextN++;
    out.send(DIAL, node.self, NETWORK, node.self, node.bootCount, joining.n, 0, { peer, address });
    return;
  }
  if (address !== '')
    out.send(ROUTE, node.self, NETWORK, node.self, node.bootCount, node.nextN++, 0, { peer, address });
  joining.asked = peer;
  apply(node, now, out, joining);
}

/** Asks to be let in. */
function apply(node: Node, now: Now, out: Outbox, joining: Joining): void {
  joining.n = node.nextN++;
  joining.dueUs = now.monoUs + node.config.parameters.joinWaitUs;
  const held = joining.certificate ?? certificateOf(node);
  // One that has run out shows nothing: operators are to admit it anew.
  const certificate = held === null || hasRunOut(held, now) ? null : held;
  const body: Join = { application: ownApplication(node), certificate, seeds: [] };
  out.send(JOIN, node.self, joining.asked, node.self, node.bootCount, joining.n, 0, body);
}

/** Somebody listens at the address of a seed, or nobody does. False if this is not what the node waits for. */
export function onSeedDialled(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { affiliation } = node;
  const joining = affiliation?.joining ?? null;
  if (
    affiliation === null ||
    joining === null ||
    joining.asked !== NOBODY ||
    !isAwaited(node, joining, envelope)
  )
    return false;
  const { peer, isReached } = envelope.body as Dialled;
  if (!isReached || peer === null || peer === node.self) tryNext(node, now, out, affiliation, joining);
  else {
    joining.asked = peer;
    apply(node, now, out, joining);
  }
  return true;
}

/** A sponsor has answered. False if this is not what the node waits for. */
export function onSponsorAnswer(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { affiliation } = node;
  const joining = affiliation?.joining ?? null;
  if (
    affiliation === null ||
    joining === null ||
    envelope.from !== joining.asked ||
    !isAwaited(node, joining, envelope)
  )
    return false;
  if (envelope.kind === JOINED) {
    const { certificate } = envelope.body as Joined;
    // A sponsor that gives what does not hold is none.
    if (admit(node.pure, node.config.genesis, certificate, node.self, now) !== null)
      tryNext(node, now, out, affiliation, joining);
    else settle(node, now, out, affiliation, joining, certificate);
  } else if (envelope.kind === PENDING) {
    const isFirst = joining.pending === null;
    joining.pending = envelope.body as Pending;
    joining.silent = 0;
    joining.dueUs = now.monoUs + node.config.parameters.pollTicketUs;
    if (isFirst) pay(node, out, joining.order, PENDING, joining.pending);
  } else if (envelope.kind !== REFUSED) {
    return false;
  } else {
    const { code, detail } = envelope.body as Refused;
    if (isRetryable(code)) tryNext(node, now, out, affiliation, joining);
    else end(node, out, affiliation, joining, code, detail);
  }
  return true;
}

export function onJoiningAlarm(node: Node, now: Now, out: Outbox, affiliation: Affiliation): void {
  const { joining } = affiliation;
  if (joining === null || now.monoUs < joining.dueUs) return;
  if (joining.pending === null || joining.silent >= MOST_SILENT)
    tryNext(node, now, out, affiliation, joining);
  else {
    joining.silent++;
    apply(node, now, out, joining);
  }
}

function isAwaited(node: Node, { n }: Joining, envelope: Envelope): boolean {
  return envelope.origin === node.self && envelope.originBoot === node.bootCount && envelope.n === n;
}

/** The node is admitted: it keeps that on its disk, and becomes a member. */
function settle(
  node: Node,
  now: Now,
  out: Outbox,
  affiliation: Affiliation,
  joining: Joining,
  certificate: Certificate,
): void {
  const sponsor = joining.asked;
  affiliation.certificate = certificate;
  affiliation.joining = null;
  affiliation.leaving = null;
  const others = node.known.filter(({ peer }) => peer !== sponsor);
  if (sponsor !== NOBODY) node.known = [{ peer: sponsor, address: '' }, ...others].slice(0, MAX_KNOWN);
  storeAffiliation(node, out, affiliation);
  startPresence(node, now);
  stopDetector(node);
  startDetector(node, now, out);
  pay(node, out, joining.order, JOINED, { certificate } satisfies Joined);
}

/** Gives up, and says why. */
function end(
  node: Node,
  out: Outbox,
  affiliation: Affiliation,
  joining: Joining,
  code: number,
  detail: string,
): void {
  affiliation.joining = null;
  pay(node, out, joining.order, REFUSED, refusalOf(code, detail));
}

function refusalOf(code: number, detail: string): Refused {
  return { code, retryAfterUs: 0, detail, struck: [] };
}
