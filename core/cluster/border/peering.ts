import type { Pure } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { hashDocument } from '../../machine/codec.ts';
import { record, text } from '../../machine/shape.ts';
import type { Genesis } from '../../trust/documents.ts';
import { genesisHash } from '../../trust/genesis.ts';
import { isSignedByOperators } from '../../trust/signatures.ts';
import {
  peeringTermsShape,
  type Peering,
  type PeeringSide,
  type PeeringTerms,
  type Revocation,
} from './border-documents.ts';

/** The hash that the operators of both sides sign. */
export function peeringHash(pure: Pure, terms: PeeringTerms): string {
  return hashDocument(pure, peeringTermsShape, terms);
}

const withdrawnShape = record({ revoked: text(128) });

/** The hash that operators of one side sign to withdraw a peering. */
export function revocationHash(pure: Pure, peering: string): string {
  return hashDocument(pure, withdrawnShape, { revoked: peering });
}

/** The side of a cluster, by the hash of its genesis record; null if the peering is not its own. */
export function sideOf({ left, right }: Peering, genesis: string): PeeringSide | null {
  if (left.genesis === right.genesis) return null;
  return left.genesis === genesis ? left : right.genesis === genesis ? right : null;
}

/** The side across from a cluster, or null. */
export function otherSideOf(peering: Peering, genesis: string): PeeringSide | null {
  if (sideOf(peering, genesis) === null) return null;
  return peering.left.genesis === genesis ? peering.right : peering.left;
}

/** Whether the operators of a cluster have signed the peering as one of its sides. */
export function isSignedBySide(pure: Pure, peering: Peering, genesis: Genesis): boolean {
  const side = sideOf(peering, genesisHash(pure, genesis));
  if (side === null || side.cluster !== genesis.cluster) return false;
  return isSignedByOperators(pure, genesis, peeringHash(pure, peering), side.signatures);
}

/** Whether the operators of a cluster have withdrawn the peering. */
export function isRevokedBy(pure: Pure, peering: Peering, revocation: Revocation, genesis: Genesis): boolean {
  const hash = peeringHash(pure, peering);
  if (revocation.peering !== hash || sideOf(peering, genesisHash(pure, genesis)) === null) return false;
  return isSignedByOperators(pure, genesis, revocationHash(pure, hash), revocation.signatures);
}

/** By its dates alone. */
export function isInForce({ fromWallUs, untilWallUs }: Peering, { wallUs }: Now): boolean {
  return wallUs >= fromWallUs && wallUs < untilWallUs;
}

export function doesExport({ exports }: Pick<PeeringSide, 'exports'>, model: string): boolean {
  return exports.includes('*') || exports.includes(model);
}
