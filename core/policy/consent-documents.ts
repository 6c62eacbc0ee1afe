import { name } from '../cluster/manifest.ts';
import { integer, list, optional, peer, record, text, upTo, type Of } from '../machine/shape.ts';
import { AUTHORISATIONS } from './documents.ts';
import { podId } from './pod-terms.ts';

/**
 * What is said between somebody who wants to use the data of a pod and its owner (R6.2-4). Every document is signed and dated,
 * and names the pod by its id: whoever carries it, and however often, it says the same.
 */

/** What data can be used for. The numbers here are on the wire and on disk: never reused. */
export const USES = ['reading', 'agent', 'compute'] as const;
export const READING_USE = 0;
export const AGENT_USE = 1;
export const COMPUTE_USE = 2;
/** What an owner can say at the first lock and at the second, the stricter the later. */
export const ANSWERS = ['understood', 'clarify', 'reject'] as const;
export const UNDERSTOOD = 0;
export const DECISIONS = ['execute', 'defer', 'modify', 'reject'] as const;
export const EXECUTE = 0;
export const EXPLICIT = 0;
export const STANDING = 1;
export const DELEGATED = 2;
export const EMERGENCY = 3;

/** Pods that one proposal can touch. */
export const MAX_TOUCHED = 8;
/** Nothing is authorised for longer after it was signed: a leap year. */
export const MAX_CONSENT_US = 366 * 86_400_000_000;
export const words = text(128);
const signature = text(256);
export const hash = text(128);

/** What somebody proposes to do with pods. */
export const proposedShape = record({
  proposer: peer,
  /** Which of the proposer's matters; and the round of its dialogue, from 1: a question answered, a change taken up. */
  number: integer,
  round: integer,
  /** What will happen: to be read, or to be given to the steps of an agent or to a model, as `plan` says. */
  use: upTo(USES.length - 1),
  /** Reading: ''; an agent: the hash of its plan; a model: its name. */
  plan: words,
  /** Why, in words for the owner; patterns name it. */
  purpose: words,
  /** What it touches: these pods, in versions that were written by then. */
  pods: list(podId, MAX_TOUCHED),
  writtenByWallUs: integer,
  /** Where: in these regions, as path prefixes. */
  regions: list(name, 4),
  /** For how long, and how often; 0: as often as wanted. */
  untilWallUs: integer,
  uses: integer,
  /** What the owner asked in the round before, answered. */
  answer: words,
});
export type Proposed = Readonly<Of<typeof proposedShape>>;
export const proposalShape = record({ terms: proposedShape, signature });
export type Proposal = Readonly<Of<typeof proposalShape>>;

/** What is said at one of the two locks. */
export const wordShape = record({
  by: peer,
  /** From 1: what is said later has a higher one. */
  version: integer,
  said: upTo(DECISIONS.length - 1),
  /** How it is authorised, where it is. */
  authorisation: upTo(AUTHORISATIONS.length - 1),
  /** The question, or what is to be changed. */
  detail: words,
  /** Executed: it holds until then; deferred: to be asked again then. */
  untilWallUs: integer,
  wallUs: integer,
  signature,
});
export type Word = Readonly<Of<typeof wordShape>>;

/** A proposal, and how it stands with the owner of one pod. */
export const matterShape = record({
  proposal: proposalShape,
  understood: optional(wordShape),
  decided: optional(wordShape),
});
export type Matter = Readonly<Of<typeof matterShape>>;

/** What an owner allows beforehand: a standing authorisation, or that another key may authorise, in emergencies by itself. */
export const patternTermsShape = record({
  owner: peer,
  number: integer,
  authorisation: upTo(AUTHORISATIONS.length - 1),
  /** Who may use it; null: whomever the delegate finds fit. */
  proposer: optional(peer),
  /** Who may authorise what fits, and nobody further; the owner, where it stands. */
  delegate: peer,
  use: upTo(USES.length - 1),
  purpose: words,
  pods: list(podId, MAX_TOUCHED),
  untilWallUs: integer,
  uses: integer,
  wallUs: integer,
});
export type PatternTerms = Readonly<Of<typeof patternTermsShape>>;
/** Two locks, two signatures, both the owner's. */
export const patternShape = record({
  terms: patternTermsShape,
  understood: signature,
  authorised: signature,
});
export type Pattern = Readonly<Of<typeof patternShape>>;

/** An owner takes back what was authorised: a proposal or a pattern by its hash, or with '' all that was signed by its date. */
export const withdrawalShape = record({ target: hash, wallUs: integer, signature });
export type Withdrawal = Readonly<Of<typeof withdrawalShape>>;

/** What goes with a use: on what ground it is said to be allowed. */
export const permissionShape = record({
  proposal: proposalShape,
  pattern: optional(patternShape),
  understood: optional(wordShape),
  decided: optional(wordShape),
});
export type Permission = Readonly<Of<typeof permissionShape>>;

export const FIRST_LOCK = 1;
export const SECOND_LOCK = 2;
export type Lock = typeof FIRST_LOCK | typeof SECOND_LOCK;

/** What is open of one pod at once, and of one proposer: more is refused. Two sides of a split may together have more for a while. */
export const MAX_OPEN_MATTERS = 16;
export const MAX_OPEN_OF_ONE = 4;
export const MAX_OPEN_PATTERNS = 16;
/** An owner who has withdrawn so much one by one has to withdraw all at once. */
export const MAX_OPEN_WITHDRAWALS = 32;
const TIMES = 4;

/** All that was said of consent to uses of one pod, as it stands: part of what every pod host of the cluster knows of it. */
export const consentBookShape = record({
  matters: list(matterShape, TIMES * MAX_OPEN_MATTERS),
  patterns: list(patternShape, TIMES * MAX_OPEN_PATTERNS),
  withdrawals: list(withdrawalShape, TIMES * MAX_OPEN_WITHDRAWALS),
  /** The last that withdraws all. */
  all: optional(withdrawalShape),
});
export type ConsentBook = Readonly<Of<typeof consentBookShape>>;
export const EMPTY_BOOK: ConsentBook = { matters: [], patterns: [], withdrawals: [], all: null };
