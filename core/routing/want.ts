import type { Now } from '../base/time.ts';
import { integer, list, optional, peer, record, ref, text, upTo, type Of } from '../machine/shape.ts';
import { name } from '../cluster/manifest.ts';
import { permissionShape } from '../policy/consent-documents.ts';

/** No request lives longer (R5.3-3). */
export const MAX_DEADLINE_US = 60_000_000;
/** Wall clocks are assumed to differ by no more than this (R5.3-3). */
export const WALL_SKEW_BOUND_US = 30_000_000;

/** Pods that one request can be given besides its prompt. */
export const MAX_PODS_OF_WANT = 4;
/** A pod that the model is to be given, and by what permission (R6.2-4). */
export const podOfWantShape = record({
  owner: peer,
  number: integer,
  /** What its owner was told is done with it: see `Proposed`. */
  plan: text(128),
  permission: optional(permissionShape),
});
export type PodOfWant = Readonly<Of<typeof podOfWantShape>>;

/** What is asked for: an answer of a model to a prompt, and what whoever computes it must be. */
export const wantShape = record({
  model: name,
  prompt: ref,
  contextTokens: integer,
  maxTokens: integer,
  /** The least effective trust of a node that may see the prompt, 1 … 4. */
  minTrust: upTo(4),
  /** Regions in which the prompt may be computed on, as path prefixes; R6.1-2. */
  allowedRegions: list(name, 32),
  /** Data of pods that the model is given, too: they do not leave their cluster, nor does what asks for them. */
  pods: list(podOfWantShape, MAX_PODS_OF_WANT),
  /** The deadline, twice (R5.3-3): what is left of it here, and when it is by the wall clock of the origin. */
  timeLeftUs: upTo(MAX_DEADLINE_US),
  notAfterWallUs: integer,
});
export type Want = Readonly<Of<typeof wantShape>>;

/** Whether no clock that is within the assumed bound could still show that there is time (R5.3-3). */
export function isTooLate(want: Want, now: Now): boolean {
  return now.wallUs >= want.notAfterWallUs + WALL_SKEW_BOUND_US;
}
