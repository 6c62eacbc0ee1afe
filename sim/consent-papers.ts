import type { Peer, Pure } from '../core/base/peers.ts';
import {
  EXECUTE,
  EXPLICIT,
  FIRST_LOCK,
  SECOND_LOCK,
  UNDERSTOOD,
  type Lock,
  type Pattern,
  type PatternTerms,
  type Permission,
  type Proposal,
  type Proposed,
  type Withdrawal,
  type Word,
} from '../core/policy/consent-documents.ts';
import {
  lockedPatternHash,
  patternHash,
  proposedHash,
  withdrawalHash,
  wordHash,
} from '../core/policy/consent-hashes.ts';

/** Who can sign for others: the world, and casts of tests. */
export interface Notary extends Pure {
  mint(signer: Peer, hash: string): string;
}

export function signProposal(notary: Notary, terms: Proposed): Proposal {
  return { terms, signature: notary.mint(terms.proposer, proposedHash(notary, terms)) } as Proposal;
}

/** What somebody says at one of the locks of a pod; what is left out is the plainest. */
export function signWord(
  notary: Notary,
  lock: Lock,
  pod: string,
  proposal: Proposal,
  by: Peer,
  changes: Partial<Word> = {},
): Word {
  const plain = { version: 1, said: lock === FIRST_LOCK ? UNDERSTOOD : EXECUTE, authorisation: EXPLICIT };
  const { untilWallUs } = proposal.terms;
  const said = { by, ...plain, detail: '', untilWallUs, wallUs: 0, ...changes };
  const hash = wordHash(notary, lock, pod, proposedHash(notary, proposal.terms), said);
  return { ...said, signature: notary.mint(by, hash) };
}

export function signPattern(notary: Notary, terms: PatternTerms, by = terms.owner): Pattern {
  const hash = patternHash(notary, terms);
  return {
    terms,
    understood: notary.mint(by, lockedPatternHash(notary, FIRST_LOCK, hash)),
    authorised: notary.mint(by, lockedPatternHash(notary, SECOND_LOCK, hash)),
  } as Pattern;
}

export function signWithdrawal(
  notary: Notary,
  owner: Peer,
  pod: string,
  target: string,
  wallUs: number,
): Withdrawal {
  const said = { target, wallUs };
  return { ...said, signature: notary.mint(owner, withdrawalHash(notary, pod, said)) };
}

/** Both locks opened by an owner for just one proposal. */
export function permit(
  notary: Notary,
  owner: Peer,
  pod: string,
  proposal: Proposal,
  wallUs: number,
): Permission {
  return {
    proposal,
    pattern: null,
    understood: signWord(notary, FIRST_LOCK, pod, proposal, owner, { wallUs }),
    decided: signWord(notary, SECOND_LOCK, pod, proposal, owner, { wallUs }),
  } as Permission;
}
