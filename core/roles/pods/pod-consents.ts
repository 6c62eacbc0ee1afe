import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { POD_CONSENTED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { reply } from '../../machine/speech.ts';
import { findBookFault, isEmptyBook, joinBooks, pruneBook } from '../../policy/consent-book.ts';
import { MAX_CONSENT_US, type Matter } from '../../policy/consent-documents.ts';
import { podIdOf } from '../../policy/pod-documents.ts';
import {
  DEADLINE_EXCEEDED,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_ADMITTED,
  OVERLOADED,
} from '../../routing/outcomes.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { EMPTY_COPY, joinCopies } from './pod-copies.ts';
import { fault, GONE, refuse, type Fault } from './pod-faults.ts';
import { consentedFor } from './pod-giving.ts';
import { isOver, learnLaw } from './pod-law.ts';
import type { PodConsent, PodLaw } from './pod-records.ts';
import { CONSENTING, type PodEntry, type PodHost } from './pod-state.ts';
import { createWork, goOnWhenStored } from './pod-works.ts';

/**
 * Proposers, owners and delegates say something of consent to uses of a pod, or ask how it stands (R6.2-4). What was said is in force,
 * and answered, when no pod host can act any more without knowing it: as it is with a policy.
 */
export function onPodConsent(node: Node, pods: PodHost, now: Now, out: Outbox, envelope: Envelope): void {
  const said = envelope.body as PodConsent;
  const pod = podIdOf(node.pure, said.owner, said.number);
  const entry = pods.entries.get(pod);
  const wrong = findFault(node, now, said, envelope.origin, entry);
  if (wrong !== null || entry === undefined) {
    refuse(node, out, envelope, wrong ?? GONE);
    return;
  }
  if (isEmptyBook(said.told) && said.taken.length === 0) {
    reply(node, out, envelope, POD_CONSENTED, consentedFor(node, entry, envelope.origin));
    return;
  }
  const { policy } = entry.law;
  const told = { pod, policy, deletion: null, book: said.told } as PodLaw;
  if (learnLaw(node, pods, now, out, told) === null) {
    refuse(node, out, envelope, fault(NOT_ADMITTED, 'not all of it is signed by whom it is of'));
    return;
  }
  if (said.taken.length > 0 && entry.wanted !== null) {
    const taking = { ...EMPTY_COPY, taken: said.taken };
    entry.wanted = joinCopies(node, entry.wanted, taking) as PodEntry['wanted'];
  }
  const work = createWork(pods, now, envelope, CONSENTING, pod, said);
  work.lawVersion = entry.lawSeq;
  goOnWhenStored(node, pods, entry, work, now, out);
}

function findFault(
  node: Node,
  now: Now,
  { owner, told, taken, notAfterWallUs }: PodConsent,
  origin: Peer,
  entry: PodEntry | undefined,
): Fault | null {
  if (now.wallUs >= notAfterWallUs + WALL_SKEW_BOUND_US)
    return fault(DEADLINE_EXCEEDED, 'it was to be said earlier');
  if (entry === undefined || (entry.law.policy === null && entry.law.deletion === null))
    return fault(NO_CAPABLE_NODE, 'nothing is known of the pod here');
  if (isOver(entry, now)) return GONE;
  if (origin === owner && entry.copy === null)
    return fault(NO_CAPABLE_NODE, 'there is no copy of the pod here, nor receipts of its uses');
  const isOwners = told.patterns.length + told.withdrawals.length + taken.length > 0 || told.all !== null;
  if (isOwners && origin !== owner) return fault(NOT_ADMITTED, 'only the owner of a pod says this of it');
  const delegates = entry.law.book.patterns.map(({ terms }) => terms.delegate);
  for (const matter of told.matters) {
    const strange = findStranger(matter, owner, origin, delegates);
    if (strange !== null) return fault(NOT_ADMITTED, strange);
    if (matter.proposal.terms.untilWallUs > now.wallUs + MAX_CONSENT_US)
      return fault(NO_ELIGIBLE_NODE, 'nothing is authorised for more than a year');
  }
  const book = pruneBook(entry.law.book, now.wallUs);
  const full = findBookFault(book, told, joinBooks(node.pure, owner, book, told));
  return full === null ? null : fault(OVERLOADED, full);
}

/** Everybody speaks for themselves, and at the locks only the owner, and who may authorise in its place. */
function findStranger(
  { proposal, understood, decided }: Matter,
  owner: Peer,
  origin: Peer,
  delegates: readonly Peer[],
): string | null {
  const words = [understood, decided].filter((word) => word !== null);
  if (words.some(({ by }) => by !== owner && !delegates.includes(by)))
    return 'somebody speaks at a lock to whom the owner has not delegated it';
  const isOfOrigin = proposal.terms.proposer === origin || words.some(({ by }) => by === origin);
  return isOfOrigin ? null : 'it is brought by somebody who has not said anything of it';
}
