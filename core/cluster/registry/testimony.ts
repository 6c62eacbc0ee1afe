import type { Peer } from '../../base/peers.ts';
import { Digest } from '../../base/digest.ts';
import { drawBelow, drawSome } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { LEVEL, TESTIMONY, TESTIMONY_SUM } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_FORGED, REFUSAL_MISPLACED } from '../../machine/refusals.ts';
import { foldValue } from '../../machine/snapshot.ts';
import { noteLevel } from '../../machine/speech.ts';
import type { IndexNode } from '../../roles/index-node.ts';
import { effectiveTrust, keepMasked, keepValid, ownTrust } from '../../trust/attestation.ts';
import { mayDo } from '../../trust/operations.ts';
import {
  backingIn,
  createStandingBook,
  joinTestimony,
  observe,
  rootOf,
  spokenShape,
  standingIn,
  subjectsOf,
  vouchedIn,
  type StandingBook,
} from '../../trust/standing-book.ts';
import {
  hashAudit,
  hashVouch,
  type LevelTold,
  type Testimony,
  type TestimonyHeard,
  type TestimonySum,
} from '../../trust/standing-documents.ts';
import { indexNodesOf, isIndexNode } from '../membership/detector.ts';
import { firstToHear } from '../presence.ts';
import { otherIndexNodes } from './registry.ts';

/** How documents on trust come to the index nodes of a cluster, and what follows from them comes back (R8.1-3). */

/** Testimonies that one answer to a differing sum brings at most; what is left over waits for the next exchange. */
const MAX_PUSHED = 64;

/** What this node has to say in matters of trust by now; null if nothing. Who may not vouch does not. */
function ownTestimony(node: Node, now: Now): Testimony | null {
  const { vouches, audits } = node.config;
  const due = vouches.filter(
    (one) =>
      one.fromWallUs <= now.wallUs &&
      !vouches.some(
        (other) =>
          other.subject === one.subject && other.version > one.version && other.fromWallUs <= now.wallUs,
      ),
  );
  const said = mayDo(ownTrust(node, now), 'vouch') ? due : [];
  if (said.length === 0 && audits.length === 0) return null;
  const attestations = keepMasked(node.config.attestations, node.presence.valid);
  return { speaker: node.self, attestations, vouches: said, audits: audits as Testimony['audits'] };
}

/** Tells one index node that asks who this is. */
export function sayTestimony(node: Node, now: Now, out: Outbox, index: Peer): void {
  const testimony = ownTestimony(node, now);
  if (testimony !== null) sendTestimony(node, out, index, testimony, node.config.parameters.maxHops);
}

/** With each heartbeat: what has become due since the last one is said. */
export function sayWhatIsDue(node: Node, now: Now, out: Outbox): void {
  const { vouches, audits } = node.config;
  if (vouches.length === 0 && audits.length === 0) return;
  let due = 0;
  for (const { fromWallUs } of vouches) if (fromWallUs <= now.wallUs) due++;
  for (const { fromWallUs } of audits) if (fromWallUs <= now.wallUs) due++;
  if (due === node.presence.vouched) return;
  node.presence.vouched = due;
  for (const index of firstToHear(node, indexNodesOf(node))) sayTestimony(node, now, out, index);
}

function sendTestimony(node: Node, out: Outbox, to: Peer, testimony: Testimony, hopsLeft: number): void {
  out.send(TESTIMONY, node.self, to, node.self, node.bootCount, node.nextN++, 0, { testimony, hopsLeft });
}

/** False if it is none for this node. */
export function onTrustSaid(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { index } = node;
  const isOfIndexNode = isIndexNode(node, envelope.from);
  if (envelope.kind === LEVEL) {
    if (isOfIndexNode) onLevel(node, now, envelope);
    return isOfIndexNode;
  }
  if (index === null) return false;
  if (envelope.kind === TESTIMONY) onTestimony(node, index, now, out, envelope, isOfIndexNode);
  else if (isOfIndexNode) onTestimonySum(node, index, out, envelope);
  return envelope.kind === TESTIMONY || isOfIndexNode;
}

/** Takes in what a node says of others, or another index node has heard: each document is checked by itself. */
function onTestimony(
  node: Node,
  index: IndexNode,
  now: Now,
  out: Outbox,
  envelope: Envelope,
  isOfIndexNode: boolean,
): void {
  const { testimony, hopsLeft } = envelope.body as TestimonyHeard;
  if (envelope.from !== testimony.speaker && !isOfIndexNode) {
    countRefusal(node, REFUSAL_MISPLACED);
    return;
  }
  const checked = keepSound(node, now, testimony);
  const isEmpty = checked.vouches.length === 0 && checked.audits.length === 0;
  if (isEmpty) {
    countRefusal(node, REFUSAL_FORGED);
    return;
  }
  const { maxSpeakers, maxHops } = node.config.parameters;
  index.book ??= createStandingBook(now.monoUs);
  if (!joinTestimony(node.pure, index.book, checked, maxSpeakers)) return;
  const hops = Math.min(hopsLeft, maxHops) - 1;
  if (hops > 0) index.book.pending.set(checked.speaker, hops);
  workOut(node, index, index.book, now, out);
}

/** What of a testimony really says what it seems to. Vouches of who has not been attested to be worth it are nothing. */
function keepSound(node: Node, now: Now, { speaker, attestations, vouches, audits }: Testimony): Testimony {
  const { pure, config } = node;
  const valid = keepValid(node, { id: speaker }, attestations);
  const isRooted = mayDo(rootOf(valid, now.wallUs).level, 'vouch');
  return {
    speaker,
    attestations: valid,
    vouches: vouches.filter(
      (one) =>
        isRooted &&
        one.voucher === speaker &&
        one.subject !== speaker &&
        pure.verify(speaker, hashVouch(pure, one), one.signature),
    ),
    audits: audits.filter(
      (one) =>
        one.subject === speaker &&
        config.auditors.includes(one.auditor) &&
        pure.verify(one.auditor, hashAudit(pure, one), one.signature),
    ),
  };
}

/** At each sweep: what was seen of those who are vouched for, what follows by now, and who is to be told. */
export function onStandingSweep(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  const { book } = index;
  if (book === null) return;
  const tookUs = now.monoUs - book.countedUs;
  book.countedUs = now.monoUs;
  const { risePeerUs, riseCommunityUs } = node.config.parameters;
  const mostUs = 2 * Math.max(risePeerUs, riseCommunityUs);
  for (const subject of vouchedIn(book)) observe(book, subject, tookUs, index.directory.has(subject), mostUs);
  passOnTestimonies(node, book, out);
  workOut(node, index, book, now, out);
}

function passOnTestimonies(node: Node, book: StandingBook, out: Outbox): void {
  if (book.pending.size === 0) return;
  const speakers = [...book.pending.keys()].sort(
    (left, right) => node.pure.rank(left) - node.pure.rank(right),
  );
  for (const to of drawSome(node.random, otherIndexNodes(node), node.config.parameters.passFanout))
    for (const speaker of speakers) push(node, book, out, to, speaker, book.pending.get(speaker)!);
  book.pending.clear();
}

function push(node: Node, book: StandingBook, out: Outbox, to: Peer, speaker: Peer, hopsLeft: number): void {
  const { attestations, vouches, audits } = book.speakers.get(speaker)!;
  sendTestimony(node, out, to, { speaker, attestations, vouches, audits }, hopsLeft);
}

/** Works out what each node that the book speaks of has earned, and tells those for whom it differs from what was attested. */
function workOut(node: Node, index: IndexNode, book: StandingBook, now: Now, out: Outbox): void {
  const { directory } = index;
  const { parameters } = node.config;
  const isGuilty = (peer: Peer): boolean => index.evidence.has(peer);
  const backing = backingIn(book, isGuilty, now.wallUs);
  const isTelling = now.monoUs >= book.nextTellUs;
  if (isTelling || book.nextTellUs === NEVER_US)
    book.nextTellUs = now.monoUs + Math.floor(parameters.levelUs / 3);
  for (const subject of subjectsOf(node.pure, book)) {
    const slot = directory.slotOf(subject);
    if (slot < 0) {
      book.earned.delete(subject);
      continue;
    }
    const { manifest, attestations } = directory.at(slot);
    const attested = keepMasked(attestations, directory.validAt(slot));
    const found = standingIn(
      book,
      subject,
      attested,
      backing.get(subject) ?? [],
      isGuilty,
      now.wallUs,
      parameters,
    );
    const before = book.earned.get(subject);
    book.earned.set(subject, { level: found.level, untilWallUs: found.untilWallUs });
    const isChanged = before?.level !== found.level;
    if (isChanged) noteLevel(node, out, subject, found.level, found.why.join('; '));
    const isOther = found.level !== rootOf(attested, now.wallUs).level;
    if ((isChanged && before !== undefined) || (isOther && (isChanged || isTelling))) {
      const holdsUs = Math.max(0, Math.min(parameters.levelUs, found.untilWallUs - now.wallUs));
      out.send(LEVEL, node.self, manifest.id, node.self, node.bootCount, node.nextN++, 0, {
        level: found.level,
        holdsUs,
      });
    }
  }
}

/** What an index node holds a listed node to be worth: the lower of what it claims and what it has earned by now (R4-4). */
export function trustAt(index: IndexNode, now: Now, slot: number): number {
  const { directory, book } = index;
  const { manifest, attestations } = directory.at(slot);
  const attested = effectiveTrust(now, manifest, attestations, directory.validAt(slot));
  const earned = book === null ? undefined : book.earned.get(manifest.id);
  if (earned === undefined) return attested;
  // What has run out holds no more, even before it is worked out again.
  if (now.wallUs >= earned.untilWallUs) return Math.min(attested, earned.level);
  return Math.min(Math.max(1, manifest.claimedTrust), earned.level);
}

/** An index node says what this node is worth. It holds for a while, and is said again. */
function onLevel(node: Node, now: Now, envelope: Envelope): void {
  const { level, holdsUs } = envelope.body as LevelTold;
  node.presence.toldLevel = level;
  node.presence.toldUntilUs = now.monoUs + Math.min(holdsUs, node.config.parameters.levelUs);
}

/** Opens a comparison of testimonies with another index node: part of the exchange of directories (R3-2). */
export function sendTestimonySum(
  node: Node,
  book: StandingBook | null,
  out: Outbox,
  to: Peer,
  asks: 0 | 1,
): void {
  if (book === null && asks === 1) return;
  const body: TestimonySum = { sum: sumOf(node, book), asks };
  out.send(TESTIMONY_SUM, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

function onTestimonySum(node: Node, { book }: IndexNode, out: Outbox, envelope: Envelope): void {
  const { sum, asks } = envelope.body as TestimonySum;
  if (sum === sumOf(node, book)) return;
  if (asks === 1) sendTestimonySum(node, book, out, envelope.from, 0);
  if (book === null) return;
  const speakers = speakersOf(node, book);
  const first = speakers.length > MAX_PUSHED ? drawBelow(node.random, speakers.length) : 0;
  for (let i = 0; i < Math.min(MAX_PUSHED, speakers.length); i++)
    push(node, book, out, envelope.from, speakers[(first + i) % speakers.length], 1);
}

function speakersOf(node: Node, { speakers }: StandingBook): Peer[] {
  return [...speakers.keys()].sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
}

function sumOf(node: Node, book: StandingBook | null): string {
  if (book === null) return '';
  const digest = new Digest();
  const rank = (peer: Peer): number => node.pure.rank(peer);
  for (const speaker of speakersOf(node, book)) {
    digest.integer(rank(speaker));
    foldValue(spokenShape, book.speakers.get(speaker)!, digest, rank);
  }
  return digest.hex();
}
