import type { Peer, Pure } from '../base/peers.ts';
import { WALL_SKEW_BOUND_US } from '../routing/want.ts';
import { isPatternSigned, isProposalSigned, isWordSigned, joinWords } from './consent-book.ts';
import {
  type ConsentBook,
  DELEGATED,
  EMERGENCY,
  EXECUTE,
  EXPLICIT,
  FIRST_LOCK,
  MAX_CONSENT_US,
  SECOND_LOCK,
  STANDING,
  UNDERSTOOD,
  type Matter,
  type Pattern,
  type Permission,
  type Word,
} from './consent-documents.ts';
import { patternHash, proposedHash } from './consent-hashes.ts';
import { isRegionAllowed } from './regions.ts';

/** What somebody is about to do with the data of a pod. */
export interface PodUse {
  readonly pod: string;
  readonly owner: Peer;
  readonly reader: Peer;
  /** Of USES. */
  readonly use: number;
  readonly plan: string;
  readonly region: string;
}

/** How often something was used, as far as is known. */
export interface Spent {
  readonly under: string;
  readonly uses: number;
}

/** What is counted where only so many uses are authorised. */
export interface Limit {
  readonly under: string;
  readonly most: number;
}

/** What a use is allowed by. */
export interface UseGrounds {
  readonly shut: 0;
  readonly authorisation: number;
  readonly proposal: string;
  /** '': it was authorised by itself. */
  readonly pattern: string;
  readonly limits: readonly Limit[];
}

/** Whether a use is allowed; if not, which lock is shut, and why. */
export type UseVerdict =
  UseGrounds | { readonly shut: typeof FIRST_LOCK | typeof SECOND_LOCK; readonly reason: string };

export interface Today {
  readonly wallUs: number;
  /** How long an emergency can last. */
  readonly emergencyUs: number;
}

function first(reason: string): UseVerdict {
  return { shut: FIRST_LOCK, reason };
}

function second(reason: string): UseVerdict {
  return { shut: SECOND_LOCK, reason };
}

/**
 * The one decision on every use of a pod's data by anybody but its owner (R6.2-4), whoever takes it: both locks are open for just this,
 * today. Nothing that is known in addition, heard again or in another order, opens a lock that was shut but a word of the owner's
 * of its own, later than the one that shut it.
 */
export function decideUse(
  pure: Pure,
  today: Today,
  use: PodUse,
  permission: Permission | null,
  book: ConsentBook,
  spent: readonly Spent[] = [],
): UseVerdict {
  if (permission === null) return first('the owner was not asked');
  const { proposal, pattern } = permission;
  const { terms } = proposal;
  const fault = findProposalFault(today, use, permission) ?? findSupersession(permission, book);
  if (fault !== null) return first(fault);
  if (!isProposalSigned(pure, proposal)) return first('the proposer has not signed the proposal');
  const hash = proposedHash(pure, terms);
  const known = book.matters.find(({ proposal: { signature } }) => signature === proposal.signature);
  const said = wordsOf(pure, use, hash, permission, known);
  const patternId = pattern === null ? '' : patternHash(pure, pattern.terms);
  const withdrawn = findWithdrawal(book, hash, patternId, pattern, said.decided);
  if (withdrawn !== null) return second(withdrawn);
  const shut =
    pattern === null
      ? findExplicitFault(today, use.owner, said)
      : findPatternFault(pure, today, use, permission, pattern, said);
  if (shut !== null) return shut;
  const limits: Limit[] = [];
  if (terms.uses > 0) limits.push({ under: hash, most: terms.uses });
  if (pattern !== null && pattern.terms.uses > 0) limits.push({ under: patternId, most: pattern.terms.uses });
  for (const { under, most } of limits)
    if (countSpent(spent, under) >= most) return second('it was used as often as was authorised');
  const authorisation = pattern === null ? EXPLICIT : pattern.terms.authorisation;
  return { shut: 0, authorisation, proposal: hash, pattern: patternId, limits };
}

function countSpent(spent: readonly Spent[], of: string): number {
  return spent.reduce((sum, { under, uses }) => (under === of ? sum + uses : sum), 0);
}

/** Whether what is about to be done is what was proposed. */
function findProposalFault(
  { wallUs }: Today,
  { pod, reader, use, plan, region }: PodUse,
  { proposal: { terms } }: Permission,
): string | null {
  if (terms.proposer !== reader) return 'somebody else was to use it';
  if (!terms.pods.includes(pod)) return 'the owner was asked about another pod';
  if (terms.use !== use || terms.plan !== plan) return 'the owner was asked about something else';
  if (!isRegionAllowed(terms.regions, region)) return 'the owner was asked about other places';
  if (wallUs >= terms.untilWallUs) return 'the time that the owner was told of is over';
  return null;
}

/** Whether something else has been proposed since in this matter. */
function findSupersession({ proposal }: Permission, { matters }: ConsentBook): string | null {
  const { proposer, number, round } = proposal.terms;
  const last = matters.find(
    ({ proposal: { terms } }) => terms.proposer === proposer && terms.number === number,
  );
  if (last === undefined || last.proposal.terms.round < round) return null;
  return last.proposal.signature === proposal.signature ? null : 'something else has been proposed since';
}

/** The last valid word at each lock, of those that came with the use and those that are known. */
function wordsOf(
  pure: Pure,
  { pod, owner }: PodUse,
  hash: string,
  permission: Permission,
  known: Matter | undefined,
): { readonly understood: Word | null; readonly decided: Word | null } {
  const valid = (lock: 1 | 2, word: Word | null): Word | null =>
    word !== null && isWordSigned(pure, lock, pod, hash, word) ? word : null;
  return {
    understood: joinWords(owner, known?.understood ?? null, valid(FIRST_LOCK, permission.understood)),
    decided: joinWords(owner, known?.decided ?? null, valid(SECOND_LOCK, permission.decided)),
  };
}

function findWithdrawal(
  { withdrawals, all }: ConsentBook,
  hash: string,
  patternId: string,
  pattern: Pattern | null,
  decided: Word | null,
): string | null {
  if (withdrawals.some(({ target }) => target === hash || target === patternId))
    return 'the owner has withdrawn it';
  const signedUs = pattern === null ? (decided?.wallUs ?? 0) : pattern.terms.wallUs;
  return all !== null && signedUs <= all.wallUs ? 'the owner has withdrawn all that was authorised' : null;
}

interface Words {
  readonly understood: Word | null;
  readonly decided: Word | null;
}

function findExplicitFault(today: Today, owner: Peer, { understood, decided }: Words): UseVerdict | null {
  if (understood?.by !== owner) return first('the owner has not said to have understood it');
  if (understood.said !== UNDERSTOOD) return first(UNCLEAR[understood.said]);
  if (decided?.by !== owner) return second('the owner has not authorised it');
  return findDecisionFault(today, decided, EXPLICIT);
}

const UNCLEAR = ['', 'the owner has asked a question', 'the owner has rejected it'];
const UNDECIDED = [
  '',
  'the owner has deferred it',
  'the owner wants it changed',
  'the owner has rejected it',
];

function findDecisionFault({ wallUs }: Today, decided: Word, authorisation: number): UseVerdict | null {
  if (decided.said !== EXECUTE) return second(UNDECIDED[decided.said]);
  if (decided.authorisation !== authorisation) return second('it was authorised in another way');
  if (wallUs >= Math.min(decided.untilWallUs, decided.wallUs + MAX_CONSENT_US))
    return second('what was authorised has run out');
  return null;
}

/** A pattern, and what is still to be said by whom where it does not stand by itself. What its owner says of a proposal goes before. */
function findPatternFault(
  pure: Pure,
  today: Today,
  use: PodUse,
  { proposal }: Permission,
  pattern: Pattern,
  { understood, decided }: Words,
): UseVerdict | null {
  const { terms } = pattern;
  const { authorisation, delegate } = terms;
  const fits =
    terms.owner === use.owner &&
    terms.pods.includes(use.pod) &&
    terms.use === use.use &&
    terms.purpose === proposal.terms.purpose &&
    (terms.proposer === null ? authorisation !== STANDING : terms.proposer === use.reader);
  if (!fits) return second('it is beyond what the owner has allowed beforehand');
  if (!isPatternSigned(pure, pattern)) return second('the owner has not signed the pattern');
  if (today.wallUs >= Math.min(terms.untilWallUs, terms.wallUs + MAX_CONSENT_US))
    return second('what was allowed beforehand has run out');
  if (understood?.by === use.owner && understood.said !== UNDERSTOOD) return first(UNCLEAR[understood.said]);
  if (decided?.by === use.owner && decided.said !== EXECUTE) return second(UNDECIDED[decided.said]);
  if (authorisation === STANDING) return null;
  if (authorisation !== DELEGATED && authorisation !== EMERGENCY)
    return second('a pattern is standing, delegated, or for emergencies');
  if (authorisation === EMERGENCY && (understood?.by !== delegate || understood.said !== UNDERSTOOD))
    return first('whoever is to decide in emergencies has not said to have understood it');
  if (decided?.by !== delegate) return second('whoever may authorise it has not');
  if (authorisation === EMERGENCY) {
    const isBrief = decided.untilWallUs <= decided.wallUs + today.emergencyUs;
    if (!isBrief) return second('an emergency does not last so long');
    if (decided.wallUs > today.wallUs + WALL_SKEW_BOUND_US) return second('the emergency is yet to come');
  }
  return findDecisionFault(today, decided, authorisation);
}
