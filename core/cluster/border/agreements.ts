import type { Now } from '../../base/time.ts';
import type { AgreedPeering } from '../../machine/config.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_FORGED, REFUSAL_FULL, REFUSAL_MISPLACED } from '../../machine/refusals.ts';
import { flag, optional, record, shared, table, text, type Of } from '../../machine/shape.ts';
import type { Genesis } from '../../trust/documents.ts';
import { genesisHash } from '../../trust/genesis.ts';
import { peeringShape, revocationShape } from './border-documents.ts';
import { isInForce, isRevokedBy, isSignedBySide, otherSideOf, peeringHash } from './peering.ts';

/** One peering of this cluster, as a bridge holds it. */
const agreementShape = record({
  peering: shared(peeringShape),
  hash: text(128),
  /** Whether the other side's signatures have been checked: that takes its genesis record, which its cluster record brings. */
  isProven: flag,
  revocation: optional(shared(revocationShape)),
});
export type Agreement = Of<typeof agreementShape>;

export const agreementsShape = record({
  /** The hash of the own genesis record. */
  own: text(128),
  /** By the hash of the other side's genesis record: the latest peering with it. */
  held: table(text(128), agreementShape),
});
export type Agreements = Of<typeof agreementsShape>;

export function createAgreements(): Agreements {
  return { own: '', held: new Map() };
}

export function startAgreements(node: Node, agreements: Agreements): void {
  agreements.own = genesisHash(node.pure, node.config.genesis);
  for (const agreed of node.config.peerings) takePeering(node, agreements, agreed, null);
}

/**
 * Takes over a peering, from whoever brings it, if the own operators have signed it and it is later than the one held.
 * @param other the genesis record of the other side, if it is known
 * @returns whether anything changed
 */
export function takePeering(
  node: Node,
  agreements: Agreements,
  { peering, revocation }: AgreedPeering,
  other: Genesis | null,
): boolean {
  const key = otherSideOf(peering, agreements.own)?.genesis;
  const before = key === undefined ? undefined : agreements.held.get(key);
  if (before !== undefined && before.peering.version > peering.version) return false;
  if (before !== undefined && before.peering.version === peering.version)
    return takeRevocation(node, before, revocation, other);
  const isNoRoom = before === undefined && agreements.held.size >= node.config.parameters.maxPeerings;
  const isSigned = (genesis: Genesis): boolean => isSignedBySide(node.pure, peering, genesis);
  if (key === undefined || isNoRoom) {
    countRefusal(node, isNoRoom ? REFUSAL_FULL : REFUSAL_MISPLACED);
    return false;
  }
  if (!isSigned(node.config.genesis) || (other !== null && !isSigned(other))) {
    countRefusal(node, REFUSAL_FORGED);
    return false;
  }
  const hash = peeringHash(node.pure, peering);
  const agreement: Agreement = { peering, hash, isProven: other !== null, revocation: null };
  agreements.held.set(key, agreement);
  takeRevocation(node, agreement, revocation, other);
  return true;
}

function takeRevocation(
  node: Node,
  agreement: Agreement,
  revocation: AgreedPeering['revocation'],
  other: Genesis | null,
): boolean {
  if (revocation === null || agreement.revocation !== null) return false;
  const isOf = (genesis: Genesis | null): boolean =>
    genesis !== null && isRevokedBy(node.pure, agreement.peering, revocation, genesis);
  if (isOf(node.config.genesis) || isOf(other)) {
    agreement.revocation = revocation;
    return true;
  }
  countRefusal(node, REFUSAL_FORGED);
  return false;
}

/** Checks what could not be checked before the other side's genesis record was known. What it has not signed goes. */
export function proveAgreement(node: Node, agreements: Agreements, key: string, other: Genesis): void {
  const agreement = agreements.held.get(key);
  if (agreement === undefined || agreement.isProven) return;
  agreement.isProven = isSignedBySide(node.pure, agreement.peering, other);
  if (agreement.isProven) return;
  agreements.held.delete(key);
  countRefusal(node, REFUSAL_FORGED);
}

/** The peering that is in force with a cluster, or null. */
export function agreementWith(agreements: Agreements, key: string, now: Now): Agreement | null {
  const agreement = agreements.held.get(key);
  return agreement !== undefined && isKept(agreement, now) ? agreement : null;
}

function isKept({ peering, isProven, revocation }: Agreement, now: Now): boolean {
  return isProven && revocation === null && isInForce(peering, now);
}

/** The clusters that a peering is held with, in an order that no driver's insertion can change. */
export function peeredKeys({ held }: Agreements): string[] {
  return [...held.keys()].sort((left, right) => (left < right ? -1 : 1));
}
