import type { Peer, Pure } from '../base/peers.ts';
import { WALL_SKEW_BOUND_US } from '../routing/want.ts';
import {
  EMPTY_BOOK,
  FIRST_LOCK,
  MAX_CONSENT_US,
  MAX_OPEN_MATTERS,
  MAX_OPEN_OF_ONE,
  MAX_OPEN_PATTERNS,
  MAX_OPEN_WITHDRAWALS,
  SECOND_LOCK,
  type ConsentBook,
  type Lock,
  type Matter,
  type Pattern,
  type Proposal,
  type Withdrawal,
  type Word,
} from './consent-documents.ts';
import { lockedPatternHash, patternHash, proposedHash, withdrawalHash, wordHash } from './consent-hashes.ts';

export function isEmptyBook({ matters, patterns, withdrawals, all }: ConsentBook): boolean {
  return matters.length + patterns.length + withdrawals.length === 0 && all === null;
}

/** Of two words at one lock: the owner's before a delegate's, the later, the stricter. A join. */
export function joinWords(owner: Peer, left: Word | null, right: Word | null): Word | null {
  if (left === null || right === null) return left ?? right;
  const difference =
    Number(left.by === owner) - Number(right.by === owner) ||
    left.version - right.version ||
    left.said - right.said ||
    right.untilWallUs - left.untilWallUs;
  if (difference !== 0) return difference > 0 ? left : right;
  return left.signature <= right.signature ? left : right;
}

/** Of two proposals under one number the one of the higher round; of one round, which an honest proposer does not sign twice, either. */
function isLaterProposal(left: Proposal, right: Proposal): boolean {
  if (left.terms.round !== right.terms.round) return left.terms.round > right.terms.round;
  return left.signature < right.signature;
}

function joinMatters(owner: Peer, left: Matter, right: Matter): Matter {
  if (left.proposal.signature !== right.proposal.signature)
    return isLaterProposal(right.proposal, left.proposal) ? right : left;
  const understood = joinWords(owner, left.understood, right.understood);
  const decided = joinWords(owner, left.decided, right.decided);
  if (understood === left.understood && decided === left.decided) return left;
  return { proposal: left.proposal, understood, decided } as Matter;
}

/**
 * What is left of two books of a pod. A join: the order in which they meet, and how often, does not matter. The first is returned
 * itself when the second adds nothing.
 */
export function joinBooks(
  pure: Pick<Pure, 'rank'>,
  owner: Peer,
  left: ConsentBook,
  right: ConsentBook,
): ConsentBook {
  if (left === right || isEmptyBook(right)) return left;
  const matters = merge(
    left.matters,
    right.matters,
    ({ proposal: { terms: one } }, { proposal: { terms: other } }) =>
      pure.rank(one.proposer) - pure.rank(other.proposer) || one.number - other.number,
    (one, other) => joinMatters(owner, one, other),
  );
  const patterns = merge(
    left.patterns,
    right.patterns,
    (one, other) => one.terms.number - other.terms.number || compareTexts(one.authorised, other.authorised),
    (one) => one,
  );
  const withdrawals = merge(
    left.withdrawals,
    right.withdrawals,
    (one, other) => compareTexts(one.target, other.target),
    laterWithdrawal,
  );
  const all =
    left.all === null || right.all === null ? (left.all ?? right.all) : laterWithdrawal(left.all, right.all);
  const isSame =
    matters === left.matters &&
    patterns === left.patterns &&
    withdrawals === left.withdrawals &&
    all === left.all;
  return isSame ? left : ({ matters, patterns, withdrawals, all } as ConsentBook);
}

function laterWithdrawal(left: Withdrawal, right: Withdrawal): Withdrawal {
  if (left.wallUs !== right.wallUs) return left.wallUs > right.wallUs ? left : right;
  return left.signature <= right.signature ? left : right;
}

export function compareTexts(left: string, right: string): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

/** The union of two sorted lists; what is in both is joined. The first list itself if nothing comes of the second. */
function merge<T>(
  left: readonly T[],
  right: readonly T[],
  compare: (one: T, other: T) => number,
  join: (one: T, other: T) => T,
): readonly T[] {
  const merged = [...left];
  let isChanged = false;
  for (const item of right) {
    const at = merged.findIndex((other) => compare(other, item) === 0);
    const joined = at < 0 ? item : join(merged[at], item);
    if (at < 0) merged.push(item);
    else merged[at] = joined;
    isChanged ||= at < 0 || joined !== left[at];
  }
  return isChanged ? merged.sort(compare) : left;
}

/** Without what cannot allow or forbid anything any more, whatever comes after. The book itself if that is all of it. */
export function pruneBook(book: ConsentBook, wallUs: number): ConsentBook {
  const overUs = wallUs - 2 * WALL_SKEW_BOUND_US;
  const matters = book.matters.filter(({ proposal }) => proposal.terms.untilWallUs > overUs);
  const patterns = book.patterns.filter(
    ({ terms }) => Math.min(terms.untilWallUs, terms.wallUs + MAX_CONSENT_US) > overUs,
  );
  const isHeld = ({ wallUs: saidUs }: Withdrawal): boolean => saidUs + MAX_CONSENT_US > overUs;
  const withdrawals = book.withdrawals.filter(isHeld);
  const isSame =
    matters.length === book.matters.length &&
    patterns.length === book.patterns.length &&
    withdrawals.length === book.withdrawals.length;
  return isSame ? book : { ...book, matters, patterns, withdrawals };
}

export function isProposalSigned(pure: Pure, { terms, signature }: Proposal): boolean {
  return pure.verify(terms.proposer, proposedHash(pure, terms), signature);
}

export function isWordSigned(pure: Pure, lock: Lock, pod: string, proposal: string, word: Word): boolean {
  return pure.verify(word.by, wordHash(pure, lock, pod, proposal, word), word.signature);
}

export function isPatternSigned(pure: Pure, { terms, understood, authorised }: Pattern): boolean {
  const hash = patternHash(pure, terms);
  return (
    pure.verify(terms.owner, lockedPatternHash(pure, FIRST_LOCK, hash), understood) &&
    pure.verify(terms.owner, lockedPatternHash(pure, SECOND_LOCK, hash), authorised)
  );
}

function isWithdrawalSigned(pure: Pure, owner: Peer, pod: string, said: Withdrawal): boolean {
  return pure.verify(owner, withdrawalHash(pure, pod, said), said.signature);
}

/** Whether every document of a book is signed by whom it is of. What stands in the known book has been checked. */
export function isBookSigned(
  pure: Pure,
  owner: Peer,
  pod: string,
  book: ConsentBook,
  known: ConsentBook = EMPTY_BOOK,
): boolean {
  const { matters, patterns, withdrawals, all } = book;
  return (
    matters.every((matter) => known.matters.includes(matter) || isMatterSigned(pure, pod, matter)) &&
    patterns.every(
      (pattern) =>
        known.patterns.includes(pattern) || (pattern.terms.owner === owner && isPatternSigned(pure, pattern)),
    ) &&
    [...withdrawals, ...(all === null ? [] : [all])].every((said) =>
      isWithdrawalSigned(pure, owner, pod, said),
    ) &&
    withdrawals.every(({ target }) => target !== '') &&
    (all === null || all.target === '')
  );
}

function isMatterSigned(pure: Pure, pod: string, { proposal, understood, decided }: Matter): boolean {
  if (!proposal.terms.pods.includes(pod) || !isProposalSigned(pure, proposal)) return false;
  const hash = proposedHash(pure, proposal.terms);
  return (
    (understood === null || isWordSigned(pure, FIRST_LOCK, pod, hash, understood)) &&
    (decided === null || isWordSigned(pure, SECOND_LOCK, pod, hash, decided))
  );
}

/** What of a book somebody may see: the owner all, others what they have proposed or may authorise, and whether it was withdrawn. */
export function visibleBook(pure: Pure, owner: Peer, book: ConsentBook, asker: Peer): ConsentBook {
  if (asker === owner) return book;
  const patterns = book.patterns.filter(({ terms }) => terms.delegate === asker || terms.proposer === asker);
  const delegated = patterns.filter(({ terms }) => terms.delegate === asker);
  const matters = book.matters.filter(
    ({ proposal: { terms } }) =>
      terms.proposer === asker ||
      delegated.some(({ terms: of }) => of.purpose === terms.purpose && of.use === terms.use),
  );
  const targets = [
    ...matters.map(({ proposal }) => proposedHash(pure, proposal.terms)),
    ...patterns.map(({ terms }) => patternHash(pure, terms)),
  ];
  const withdrawals = book.withdrawals.filter(({ target }) => targets.includes(target));
  return { matters, patterns, withdrawals, all: book.all };
}

/** Why a book takes no more of somebody, or null: what has been said already is taken again. */
export function findBookFault(book: ConsentBook, told: ConsentBook, joined: ConsentBook): string | null {
  const grew = (what: 'matters' | 'patterns' | 'withdrawals'): boolean =>
    joined[what].length > book[what].length;
  if (grew('matters') && joined.matters.length > MAX_OPEN_MATTERS)
    return 'as much is proposed as may be at once';
  for (const { proposal } of grew('matters') ? told.matters : []) {
    const { proposer } = proposal.terms;
    const own = joined.matters.filter(({ proposal: { terms } }) => terms.proposer === proposer);
    if (own.length > MAX_OPEN_OF_ONE) return 'the proposer has as much open as may be at once';
  }
  if (grew('patterns') && joined.patterns.length > MAX_OPEN_PATTERNS)
    return 'as many patterns hold as may at once';
  if (grew('withdrawals') && joined.withdrawals.length > MAX_OPEN_WITHDRAWALS)
    return 'so much was withdrawn one by one that all has to be withdrawn at once';
  return null;
}
