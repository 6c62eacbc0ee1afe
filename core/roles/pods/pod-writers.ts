import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Outbox } from '../../machine/envelope.ts';
import type { Node } from '../../machine/node-state.ts';
import { findPodPolicyFault } from '../../policy/pod-documents.ts';
import type { PodPolicy } from '../../policy/pod-terms.ts';
import { DEADLINE_EXCEEDED, NO_ELIGIBLE_NODE, NOT_ADMITTED, OVERLOADED } from '../../routing/outcomes.ts';
import { WALL_SKEW_BOUND_US } from '../../routing/want.ts';
import { fault, findPlaceFault, GONE, type Fault } from './pod-faults.ts';
import { isOver, learnLaw, NO_BOOK } from './pod-law.ts';
import type { PodLaw } from './pod-records.ts';
import { ruleOf, type PodEntry, type PodHost } from './pod-state.ts';

/** What an owner must pass who writes, and a gateway that is to seal what an owner writes. */

/** Whether the owner says it, in time, under the newest policy that is known, and there is still a pod. */
export function findWriterFault(
  node: Node,
  now: Now,
  policy: PodPolicy,
  notAfterWallUs: number,
  origin: Peer,
  entry: PodEntry | undefined,
): Fault | null {
  if (policy.terms.owner !== origin) return fault(NOT_ADMITTED, 'a pod is written by its owner');
  if (now.wallUs >= notAfterWallUs + WALL_SKEW_BOUND_US)
    return fault(DEADLINE_EXCEEDED, 'it was to be written earlier');
  if (entry !== undefined && isOver(entry, now)) return GONE;
  const refusal = findPodPolicyFault(node.pure, policy);
  if (refusal !== null) return fault(NO_ELIGIBLE_NODE, refusal);
  if ((entry?.law.policy?.terms.version ?? 0) > policy.terms.version)
    return fault(NO_ELIGIBLE_NODE, 'a newer policy of the pod is known: write under that one');
  return null;
}

/** Takes in the policy under which it is written, and says whether this host is the one to take it. */
export function openPod(
  node: Node,
  pods: PodHost,
  now: Now,
  out: Outbox,
  pod: string,
  policy: PodPolicy,
): PodEntry | Fault {
  const law = { pod, policy: policy as PodLaw['policy'], deletion: null, book: NO_BOOK };
  const entry = learnLaw(node, pods, now, out, law);
  if (entry === null) return fault(OVERLOADED, 'there is no room for another pod');
  const rule = ruleOf(entry.law);
  if (rule === null || isOver(entry, now)) return GONE;
  return findPlaceFault(node, pods, now, pod, rule) ?? entry;
}
