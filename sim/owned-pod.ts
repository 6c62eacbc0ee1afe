import type { Peer } from '../core/base/peers.ts';
import type { Ref } from '../core/machine/shape.ts';
import type { Dialogue } from './dialogue.ts';
import type { PodPolicy } from '../core/policy/pod-terms.ts';
import type { Dot } from '../core/roles/pods/pod-version.ts';
import { ERROR_CODES, OK } from '../core/routing/outcomes.ts';

export type PodAct = 'write' | 'read' | 'rule' | 'delete';

/** One thing that somebody has asked of a pod, and what came of it. */
export interface PodRequest {
  readonly index: number;
  readonly pod: OwnedPod;
  readonly act: PodAct;
  /** Who asks: the owner, or somebody who reads. */
  readonly person: Peer;
  readonly n: number;
  /** Whether the owner wants it. */
  readonly isConsented: boolean;
  /** In which the owner has consented to it; null: in none. */
  readonly dialogue: Dialogue | null;
  /** What a write brings. */
  content: Ref | null;
  policyVersion: number;
  kind: number;
  body: unknown;
  readonly askedUs: number;
  readonly dueUs: number;
  gateway: number;
  /** The gateways to which it has been said. */
  askedOf: Peer[];
  attempt: number;
  isFragile: boolean;
  /** −1 while it is open. */
  code: number;
  endedUs: number;
}

const DONE = {
  write: 'written',
  read: 'read',
  rule: 'policy set',
  delete: 'deletion asked for',
} as const;

/** How it ended: by what was asked for, or by the error. */
export function endOf({ act, code, isFragile }: PodRequest): string {
  return code === OK ? `${DONE[act]}${isFragile ? ', fragile' : ''}` : ERROR_CODES[code];
}

/** A policy as its owner knows it. */
export interface OwnedPolicy {
  readonly document: PodPolicy;
  readonly askedUs: number;
  /** When the owner was told that it is in force; Infinity: not yet. */
  inForceUs: number;
}

/** A pod, as its owner sees it. */
export interface OwnedPod {
  readonly index: number;
  readonly group: number;
  readonly owner: Peer;
  readonly number: number;
  readonly id: string;
  /** By version, from 1. */
  readonly policies: OwnedPolicy[];
  readonly requests: PodRequest[];
  context: Dot[];
  /** When its deletion was first asked for, and when it was certified; Infinity: never. */
  deletedUs: number;
  certifiedUs: number;
  open: PodRequest | null;
}
