import type { Peer } from '../../base/peers.ts';
import { integer, list, peer, record, type Of } from '../../machine/shape.ts';
import { evidenceShape } from './registry-bodies.ts';

/** What an index node has on its disk: what it would be wrong to forget with a crash. Directories are not: nodes announce themselves again. */

/** Of so many nodes at once a record of conduct tells, and so many records there are. The conduct of more is not kept. */
export const MAX_CONDUCT_PAGE = 64;
export const MAX_CONDUCT_PAGES = 15;

/** How nodes that somebody vouches for have done, as it was counted at that time (R8.1-3). */
export const conductRecordShape = record({
  atWallUs: integer,
  subjects: list(record({ subject: peer, observedUs: integer, awayUs: integer }), MAX_CONDUCT_PAGE),
});
export type ConductRecord = Readonly<Of<typeof conductRecordShape>>;

export function conductKey(page: number): string {
  return `conduct/${page}`;
}

/** Proof that a node has equivocated (R4-3), by the node's id. */
export const evidenceRecordShape = evidenceShape;

export function evidenceKey(idOf: (peer: Peer) => string, culprit: Peer): string {
  return `evidence/${idOf(culprit)}`;
}
