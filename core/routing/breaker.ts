import type { Peer } from '../base/peers.ts';
import type { Parameters } from '../machine/parameters.ts';
import { flag, integer, peer, record, table, type Of } from '../machine/shape.ts';

/** What whoever asks has learnt of one peer by asking it: how far it is, and whether it is worth asking. */
const targetShape = record({
  /** Smoothed time until it says that it holds a request; 0 unknown. */
  rttUs: integer,
  /** Failures and silences since its last success. */
  failures: integer,
  /** How often it was ejected since then: each time for longer. */
  ejections: integer,
  /** It is passed over until then; 0: it is not. */
  ejectedUntilUs: integer,
  /** Half open: it is being asked once, and passed over by others until that has ended. */
  isOnTrial: flag,
  lastAskedUs: integer,
});
export type Target = Of<typeof targetShape>;

/** At most `maxTargets`; what does not fit is not judged: it is neither far nor ejected. */
export const targetsShape = table(peer, targetShape);
export type Targets = Of<typeof targetsShape>;

/** The peer is asked: if it is due for a trial, this is the trial. */
export function noteAsked(targets: Targets, asked: Peer, monoUs: number, parameters: Parameters): void {
  let target = targets.get(asked);
  if (target === undefined) {
    if (!makeRoom(targets, monoUs, parameters)) return;
    target = {
      rttUs: 0,
      failures: 0,
      ejections: 0,
      ejectedUntilUs: 0,
      isOnTrial: false,
      lastAskedUs: monoUs,
    };
    targets.set(asked, target);
  }
  target.lastAskedUs = monoUs;
  if (target.ejections === 0 || monoUs < target.ejectedUntilUs) return;
  target.isOnTrial = true;
  // A trial that is told nothing of ends by itself.
  target.ejectedUntilUs = monoUs + parameters.silenceUs;
}

/** R5.3-3: so many failures in a row, or one on trial, eject a peer for a time that doubles. Returns whether this one did. */
export function noteFailure(targets: Targets, failed: Peer, monoUs: number, parameters: Parameters): boolean {
  const target = targets.get(failed);
  if (target === undefined) return false;
  // What was asked of it before it was ejected fails now, too: that is nothing new.
  if (!target.isOnTrial && monoUs < target.ejectedUntilUs) return false;
  target.failures++;
  if (!target.isOnTrial && target.failures < parameters.breakerFailures) return false;
  target.isOnTrial = false;
  target.ejectedUntilUs = monoUs + ejectionUs(target.ejections, parameters);
  target.ejections++;
  return true;
}

export function noteSuccess(targets: Targets, succeeded: Peer): void {
  const target = targets.get(succeeded);
  if (target === undefined) return;
  target.failures = 0;
  target.ejections = 0;
  target.ejectedUntilUs = 0;
  target.isOnTrial = false;
}

/** An average that forgets an eighth with each measurement. */
export function noteRoundTrip(targets: Targets, measured: Peer, tookUs: number): void {
  const target = targets.get(measured);
  if (target === undefined) return;
  target.rttUs = target.rttUs === 0 ? tookUs : target.rttUs + Math.round((tookUs - target.rttUs) / 8);
}

/** For how long a peer is ejected that has been so often already. */
export function ejectionUs(ejections: number, { breakerLeastUs, breakerMostUs }: Parameters): number {
  let us = breakerLeastUs;
  for (let i = 0; i < ejections && us < breakerMostUs; i++) us *= 2;
  return Math.min(us, Math.max(breakerLeastUs, breakerMostUs));
}

export function isEjected(target: Target | undefined, monoUs: number): boolean {
  return target !== undefined && monoUs < target.ejectedUntilUs;
}

const NONE: readonly never[] = [];

/**
 * Whom to pass over of those that could be asked (R5.3-3): of a small pool at most a share, of a large one any number;
 * if all are ejected, none is. Where too many are, those that come back last stay out.
 */
export function findEjected<T extends { readonly peer: Peer }>(
  pool: readonly T[],
  targets: Targets,
  monoUs: number,
  { breakerPool, breakerSharePpm }: Parameters,
): readonly T[] {
  if (targets.size === 0) return NONE;
  let ejected: T[] | null = null;
  for (const item of pool) if (isEjected(targets.get(item.peer), monoUs)) (ejected ??= []).push(item);
  if (ejected === null || ejected.length === pool.length) return NONE;
  const most =
    pool.length < breakerPool ? Math.floor((pool.length * breakerSharePpm) / 1_000_000) : pool.length;
  if (ejected.length <= most) return ejected;
  const untilUs = ({ peer }: T): number => targets.get(peer)!.ejectedUntilUs;
  return ejected.sort((left, right) => untilUs(right) - untilUs(left)).slice(0, most);
}

/** Makes room for one more: who was not asked for long is forgotten. False if the table stays full. */
function makeRoom(targets: Targets, monoUs: number, { maxTargets, targetForgetUs }: Parameters): boolean {
  if (targets.size < maxTargets) return true;
  for (const [peer, { lastAskedUs }] of targets) {
    if (monoUs - lastAskedUs >= targetForgetUs) targets.delete(peer);
  }
  return targets.size < maxTargets;
}
