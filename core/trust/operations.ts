import { COMMUNITY, EXPERIMENTAL, PEER, VERIFIED } from './attestation.ts';

/** R8.1-2, the whole table: what a node does, and the least level at which it may. */
export const OPERATIONS = {
  join: EXPERIMENTAL,
  gossip: EXPERIMENTAL,
  'serve-test': EXPERIMENTAL,
  /** As gateway or bridge, a request that its user calls a test. */
  'bring-test': EXPERIMENTAL,
  /** At the level itself at a limited rate, above it without: see `isRateLimited`. */
  'serve-public': PEER,
  'hold-sealed-replica': PEER,
  'seed-model': PEER,
  /** With the owner's consent: the level does not stand for it. */
  'process-personal': COMMUNITY,
  /** As gateway or bridge, any request that is no test. */
  'bring-request': COMMUNITY,
  vouch: COMMUNITY,
  vote: COMMUNITY,
  'hold-primary': VERIFIED,
  council: VERIFIED,
} as const;
export type Operation = keyof typeof OPERATIONS;

/** Whether a node of this effective level may do it. */
export function mayDo(level: number, operation: Operation): boolean {
  return level >= OPERATIONS[operation];
}

/**
 * What answering a request is. The least trust that its user asks for says so: none is a test, promised nothing; a peer is
 * public inference; a community node or more is what is personal.
 */
export function servingOf(minTrust: number): Operation {
  if (minTrust <= EXPERIMENTAL) return 'serve-test';
  return minTrust === PEER ? 'serve-public' : 'process-personal';
}

/** The least trust that a request asks for. Data of others are personal, whatever its user calls it. */
export function leastTrust(minTrust: number, hasPods: boolean): number {
  return hasPods ? Math.max(minTrust, COMMUNITY) : minTrust;
}

/** What taking a request in for its user, or over a border, is. */
export function bringingOf(minTrust: number): Operation {
  return minTrust <= EXPERIMENTAL ? 'bring-test' : 'bring-request';
}

/** Whether a node of this level does it at a limited rate. */
export function isRateLimited(level: number, operation: Operation): boolean {
  return operation === 'serve-public' && level === PEER;
}
