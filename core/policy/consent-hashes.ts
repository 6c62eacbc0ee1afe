import type { Pure } from '../base/peers.ts';
import { hashDocument } from '../machine/codec.ts';
import { integer, peer, record, text } from '../machine/shape.ts';
import {
  FIRST_LOCK,
  hash,
  patternTermsShape,
  proposedShape,
  words,
  type Lock,
  type PatternTerms,
  type Proposed,
  type Withdrawal,
  type Word,
} from './consent-documents.ts';
import { podId } from './pod-terms.ts';

const spokenShape = record({
  what: text(32),
  pod: podId,
  proposal: hash,
  by: peer,
  version: integer,
  said: integer,
  authorisation: integer,
  detail: words,
  untilWallUs: integer,
  wallUs: integer,
});
const lockedPatternShape = record({ what: text(32), pattern: hash });
const signedWithdrawalShape = record({ what: text(32), pod: podId, target: hash, wallUs: integer });

/** What a proposer signs, and what owners are asked about: another purpose, pod or date is another proposal. */
export function proposedHash(pure: Pure, terms: Proposed): string {
  return hashDocument(pure, proposedShape, terms);
}

const LOCKS = ['', 'understanding of proposal', 'decision on proposal'];

/** What is signed at one of the locks of a pod. */
export function wordHash(
  pure: Pure,
  lock: Lock,
  pod: string,
  proposal: string,
  { by, version, said, authorisation, detail, untilWallUs, wallUs }: Omit<Word, 'signature'>,
): string {
  const spoken = { what: LOCKS[lock], pod, proposal, by, version, said, authorisation };
  return hashDocument(pure, spokenShape, { ...spoken, detail, untilWallUs, wallUs });
}

export function patternHash(pure: Pure, terms: PatternTerms): string {
  return hashDocument(pure, patternTermsShape, terms);
}

/** What an owner signs of a pattern at one of the locks. */
export function lockedPatternHash(pure: Pure, lock: Lock, pattern: string): string {
  const what = lock === FIRST_LOCK ? 'understanding of pattern' : 'authorisation of pattern';
  return hashDocument(pure, lockedPatternShape, { what, pattern });
}

export function withdrawalHash(
  pure: Pure,
  pod: string,
  { target, wallUs }: Omit<Withdrawal, 'signature'>,
): string {
  const document = { what: 'withdrawal of consent', pod, target, wallUs };
  return hashDocument(pure, signedWithdrawalShape, document);
}
