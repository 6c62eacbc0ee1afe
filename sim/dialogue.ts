import type { Peer } from '../core/base/peers.ts';
import type { Pattern, Permission, Proposal, Proposed, Word } from '../core/policy/consent-documents.ts';
import type { OwnedPod } from './owned-pod.ts';

/** What an owner has said to one round of a proposal, and when; Infinity: not. */
export interface SaidOfRound {
  readonly proposal: Proposal;
  understood: Word | null;
  decided: Word | null;
  understoodUs: number;
  authorisedUs: number;
}

/**
 * How an owner is going to take the first round of a proposal: drawn. A later round is authorised. The last three are allowed
 * beforehand: once and for all, or as far as somebody else says so, always or in an emergency.
 */
export type Fate =
  'execute' | 'clarify' | 'reject' | 'modify' | 'defer' | 'standing' | 'delegated' | 'emergency';

/** One matter between somebody who wants to use a pod and its owner, as it truly is (R6.2-4). */
export interface Dialogue {
  readonly index: number;
  readonly pod: OwnedPod;
  readonly proposer: Peer;
  /** What the proposer asks for; each round may change it. */
  readonly wanted: Pick<Proposed, 'number' | 'use' | 'plan' | 'purpose' | 'untilWallUs'>;
  readonly fate: Fate;
  /** Who says in the owner's place what is left to be said; the owner, where nobody does. */
  readonly delegate: Peer;
  /** What the owner has allowed beforehand. */
  pattern: Pattern | null;
  /** So long after it was authorised the owner withdraws it; Infinity: never. */
  readonly withdrawsAfterUs: number;
  readonly begunUs: number;
  readonly rounds: SaidOfRound[];
  /** As the proposer knows it. */
  state: 'open' | 'permitted' | 'refused';
  permission: Permission | null;
  /** When the owner first asked for what was authorised to be withdrawn, and was told that it is in force. */
  withdrawAskedUs: number;
  withdrawnUs: number;
}

export type ConsentAct = 'allow' | 'propose' | 'ask' | 'look' | 'answer' | 'withdraw';

/** Something that one side of a dialogue says, and has to be answered. */
export interface ConsentRequest {
  readonly index: number;
  readonly dialogue: Dialogue;
  readonly act: ConsentAct;
  readonly person: Peer;
  readonly n: number;
  readonly body: object;
  readonly dueUs: number;
  gateway: number;
  attempt: number;
  endedUs: number;
}
