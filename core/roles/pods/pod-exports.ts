import type { Now } from '../../base/time.ts';
import type { Node } from '../../machine/node-state.ts';
import { hasLease } from './pod-lease.ts';
import { isOver } from './pod-law.ts';
import { mayHold, type Place } from './pod-placement.ts';
import type { PodCopy } from './pod-records.ts';
import { ruleOf, type PodEntry, type PodHost } from './pod-state.ts';

/** Whether nobody can read it without a key. */
export function isSealed(copy: PodCopy | null): boolean {
  return (copy?.versions ?? []).every(({ content }) => content.keyId !== 0);
}

/** Why no agent is given what is sealed (R4-6, R6.1-4): it keeps what its steps say, which may be what they were given. */
export const SEALED_FROM_AGENTS = 'the data are sealed, and what an agent makes of them lies open on a disk';

/** Whether something in it cannot be read without a key. */
export function hasSealed({ versions }: PodCopy): boolean {
  return versions.some(({ content }) => content.keyId !== 0);
}

/** R6.1-2, R6.1-3: whether a copy or a key may go there now. Where an owner waits for a write that copy is the owner's own doing. */
export function mayExport(
  node: Node,
  pods: PodHost,
  entry: PodEntry,
  now: Now,
  place: Place | undefined,
  byWallUs: number,
): boolean {
  const rule = ruleOf(entry.law);
  if (rule === null || place === undefined || isOver(entry, now) || !pods.isCircleStored) return false;
  if (!mayHold(rule, place)) return false;
  // Under-replicate rather than send what was to be sealed (R6.1-4).
  if (rule.isSealed && !isSealed(entry.copy)) return false;
  return hasLease(node, pods, now) || now.wallUs < byWallUs;
}

/** Until when an owner waits for something that this pod holds only here. */
export function waitingUntil(pods: PodHost, entry: PodEntry): number {
  let byWallUs = 0;
  for (const work of pods.works.entries())
    if (work.pod === entry.pod && work.version !== null) byWallUs = Math.max(byWallUs, work.byWallUs);
  return byWallUs;
}
