import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { hasMemberType } from '../../cluster/membership/detector.ts';
import type { Node } from '../../machine/node-state.ts';
import { AGENT_USE, EMERGENCY, FIRST_LOCK, READING_USE } from '../../policy/consent-documents.ts';
import { visibleBook } from '../../policy/consent-book.ts';
import { ALLOWS_NOTHING, allowsStorage } from '../../policy/location-policy.ts';
import { decideUse, type Limit, type UseGrounds, type UseVerdict } from '../../policy/use-of-pods.ts';
import {
  CONSENT_REQUIRED,
  DEADLINE_EXCEEDED,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  NOT_READY,
  OVERLOADED,
} from '../../routing/outcomes.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { hasSealed, SEALED_FROM_AGENTS } from './pod-exports.ts';
import { fault, GONE, type Fault } from './pod-faults.ts';
import { hasLease, leaseLeftUs } from './pod-lease.ts';
import { isOver } from './pod-law.ts';
import { rankPlaces } from './pod-placement.ts';
import { hasRoom, nextReceiptDot, shareOf, spentAt } from './pod-receipts.ts';
import type { PodConsented, PodCopy, PodFound, PodRead, Receipt } from './pod-records.ts';
import { ruleOf, type PodEntry, type PodHost } from './pod-state.ts';
import type { Version } from './pod-version.ts';

/** Who asks a pod host for data, by which request. */
export interface Asker {
  readonly origin: Peer;
  readonly originBoot: number;
  readonly n: number;
}

/** Nodes ask on behalf of whoever has work done there: the proposer of what the owner has consented to. */
function readerOf(node: Node, { use, permission }: PodRead, origin: Peer): Peer {
  const isForUser = use !== READING_USE && permission !== null && hasMemberType(node, origin, 'compute');
  return isForUser ? permission.proposal.terms.proposer : origin;
}

/** What consent says of a use here and now (R6.2-4). What is being given out is counted already. */
function judgeUse(
  node: Node,
  now: Now,
  entry: PodEntry,
  read: PodRead,
  origin: Peer,
  isCounted: boolean,
): UseVerdict {
  const { pure, config } = node;
  const { owner, use, plan, region, permission } = read;
  const { emergencyUs } = config.parameters;
  const asked = { pod: entry.pod, owner, reader: readerOf(node, read, origin), use, plan, region };
  const spent = isCounted ? [] : (entry.wanted?.spent ?? []);
  return decideUse(pure, { wallUs: now.wallUs, emergencyUs }, asked, permission, entry.law.book, spent);
}

/** Why the data are not read, or null. Asked before the receipt is written, and again before they are given out. */
export function findUseFault(
  node: Node,
  pods: PodHost,
  now: Now,
  read: PodRead,
  asker: Asker,
  entry: PodEntry | undefined,
  isCounted = false,
): Fault | null {
  const said = decideGiving(node, pods, now, read, asker, entry, isCounted);
  return said !== null && 'code' in said ? said : null;
}

/** The same, with what the consent comes to where nothing is in the way; null: it is its owner's. */
export function decideGiving(
  node: Node,
  pods: PodHost,
  now: Now,
  read: PodRead,
  asker: Asker,
  entry: PodEntry | undefined,
  isCounted: boolean,
): Fault | UseGrounds | null {
  const { origin } = asker;
  const { owner, region, notAfterWallUs } = read;
  if (now.wallUs >= notAfterWallUs + WALL_SKEW_BOUND_US)
    return fault(DEADLINE_EXCEEDED, 'it was to be read earlier');
  if (entry === undefined) return fault(NO_CAPABLE_NODE, 'nothing is known of the pod here');
  if (isOver(entry, now)) return GONE;
  const rule = ruleOf(entry.law);
  if (rule === null || entry.copy === null || entry.wanted === null)
    return fault(NO_CAPABLE_NODE, 'there is no copy of the pod here');
  if (!allowsStorage(rule, region)) return fault(NO_ELIGIBLE_NODE, `whoever is given it ${ALLOWS_NOTHING}`);
  if (origin === owner) return null;
  const verdict = judgeUse(node, now, entry, read, origin, isCounted);
  if (verdict.shut !== 0) {
    const lock = verdict.shut === FIRST_LOCK ? 'first' : 'second';
    return fault(CONSENT_REQUIRED, `the ${lock} lock is shut: ${verdict.reason}`);
  }
  if (read.use === AGENT_USE && hasSealed(entry.copy)) return fault(NO_ELIGIBLE_NODE, SEALED_FROM_AGENTS);
  if (!hasLease(node, pods, now))
    return fault(NOT_READY, 'this host cannot be sure of what the owner has said just now');
  if (isCounted && isWrittenOver(entry.wanted, node.self, asker))
    return fault(NOT_READY, 'what its receipt names has been written over meanwhile: ask for it anew');
  const spent = isCounted ? null : findCountFault(node, pods, entry, entry.wanted, verdict.limits);
  return spent ?? verdict;
}

/** Whether this host may give it out once more, and write that down. */
function findCountFault(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  copy: PodCopy,
  limits: readonly Limit[],
): Fault | null {
  if (!hasRoom(copy, limits))
    return fault(OVERLOADED, 'the owner has to take over the receipts of earlier uses first');
  const rule = ruleOf(entry.law)!;
  const places = pods.circle
    .map((peer) => ({ peer, region: pods.fellows.get(peer)?.region ?? '', level: 0 }))
    .filter(({ region }) => region === '' || allowsStorage(rule, region));
  const ranked = rankPlaces(node, entry.pod, places).map(({ peer }) => peer);
  const holders = ranked.slice(0, node.config.parameters.podCopies);
  const isSpent = limits.some(
    ({ under, most }) => spentAt(copy.spent, under, node.self) >= shareOf(most, holders, node.self),
  );
  return isSpent ? fault(NO_CAPABLE_NODE, 'the share of the uses that this host may give is spent') : null;
}

/** The receipt of a use that is about to be given out (R6.2-1). */
export function receiptOf(
  node: Node,
  now: Now,
  entry: PodEntry,
  read: PodRead,
  { origin: asker, originBoot: askerBoot, n }: Asker,
  { authorisation, proposal, pattern }: UseGrounds,
): Receipt {
  const copy = entry.wanted!;
  return {
    dot: nextReceiptDot(copy, node.self, node.epoch),
    reader: readerOf(node, read, asker),
    asker,
    askerBoot,
    n,
    use: read.use,
    purpose: read.permission!.proposal.terms.purpose,
    authorisation,
    proposal,
    pattern,
    versions: versionsFor(copy, read).map(({ dot }) => dot),
    wallUs: now.wallUs,
    permission: authorisation === EMERGENCY ? (read.permission as Receipt['permission']) : null,
  } as Receipt;
}

/** The versions that a permission touches. */
function versionsFor({ versions }: PodCopy, { permission }: PodRead): Version[] {
  const byWallUs = permission!.proposal.terms.writtenByWallUs;
  return versions.filter(({ wallUs }) => wallUs <= byWallUs);
}

/** The receipt that a host has written of a request, if it has. */
export function receiptFor({ receipts }: PodCopy, host: Peer, asker: Asker): Receipt | undefined {
  const { origin, originBoot, n } = asker;
  return receipts.find(
    (one) => one.dot.host === host && one.asker === origin && one.askerBoot === originBoot && one.n === n,
  ) as Receipt | undefined;
}

function isNamed({ versions }: Receipt, { dot: { host, epoch, n } }: Version): boolean {
  return versions.some((dot) => dot.host === host && dot.epoch === epoch && dot.n === n);
}

/** Whether nothing is left of what a receipt names. */
function isWrittenOver(copy: PodCopy, host: Peer, asker: Asker): boolean {
  const receipt = receiptFor(copy, host, asker);
  if (receipt === undefined || receipt.versions.length === 0) return false;
  return !copy.versions.some((version) => isNamed(receipt, version));
}

/** What somebody else is given of a pod, and how long it may wait before it is used: nothing of what its receipt does not name. */
export function foundFor(
  node: Node,
  pods: PodHost,
  now: Now,
  entry: PodEntry,
  read: PodRead,
  asker: Asker,
): PodFound {
  const receipt = receiptFor(entry.copy!, node.self, asker);
  const versions = versionsFor(entry.copy!, read).filter(
    (version) => receipt === undefined || isNamed(receipt, version),
  );
  const copy = { versions, recent: [], receipts: [], taken: [], spent: [] } as PodFound['copy'];
  return { policy: entry.law.policy!, copy, keys: [], leftUs: leaseLeftUs(node, pods, now) };
}

/** How it stands with consent to uses of a pod, for somebody who asks. */
export function consentedFor(node: Node, { pod, law, copy }: PodEntry, asker: Peer): PodConsented {
  const owner = law.policy?.terms.owner ?? null;
  const none = { pod, receipts: [], taken: [], hasSealed: false };
  if (owner === null) return { ...none, book: law.book };
  const book = visibleBook(node.pure, owner, law.book, asker) as PodConsented['book'];
  if (asker !== owner || copy === null) return { ...none, book };
  return { pod, book, receipts: copy.receipts, taken: copy.taken, hasSealed: hasSealed(copy) };
}
