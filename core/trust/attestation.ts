import type { Now } from '../base/time.ts';
import { name, type Attestation, type Manifest } from '../cluster/manifest.ts';
import { hashDocument, type Encoder } from '../machine/codec.ts';
import type { Pure } from '../base/peers.ts';
import type { Node } from '../machine/node-state.ts';
import { integer, peer, record, upTo } from '../machine/shape.ts';

/** R8.1-1. Absent means experimental. */
export const EXPERIMENTAL = 1;
export const PEER = 2;
export const COMMUNITY = 3;
export const VERIFIED = 4;
export const TRUST_LEVELS = ['', 'experimental', 'peer', 'community', 'verified'] as const;

const signedShape = record({
  subject: peer,
  level: upTo(VERIFIED),
  issuer: peer,
  fromWallUs: integer,
  untilWallUs: integer,
  runBy: name,
});

/** The canonical bytes of an attestation: what its issuer signs. */
export function attestationBytes(encoder: Encoder, attestation: Omit<Attestation, 'signature'>): Uint8Array {
  return encoder.document(signedShape, attestation);
}

/** What its issuer signs of an attestation. */
export function hashAttestation(pure: Pure, attestation: Omit<Attestation, 'signature'>): string {
  return hashDocument(pure, signedShape, attestation);
}

/** The attestations of a node that an attestor of this cluster has really signed. */
export function keepValid(
  node: Node,
  subject: Pick<Manifest, 'id'>,
  attestations: readonly Attestation[],
): Attestation[] {
  return keepMasked(attestations, validMask(node, subject, attestations));
}

/** Those for which the mask has a bit. */
export function keepMasked(attestations: readonly Attestation[], mask: number): Attestation[] {
  return attestations.filter((_, i) => ((mask >> i) & 1) === 1);
}

/** Which attestations of a node an attestor of this cluster has really signed, a bit each: at most eight come. */
export function validMask(
  node: Node,
  { id }: Pick<Manifest, 'id'>,
  attestations: readonly Attestation[],
): number {
  let mask = 0;
  for (let i = 0; i < attestations.length; i++) {
    const { subject, issuer, signature } = attestations[i];
    if (subject !== id) continue;
    if (!node.config.attestors.includes(issuer)) continue;
    const hash = hashAttestation(node.pure, attestations[i]);
    if (node.pure.verify(issuer, hash, signature)) mask |= 1 << i;
  }
  return mask;
}

/** How many attestations a mask says are valid. */
export function countValid(mask: number): number {
  let count = 0;
  for (let rest = mask; rest > 0; rest >>= 1) count += rest & 1;
  return count;
}

const ALL_VALID = 0xff;

/** R4-4: the lower of what a node claims and what a valid attestation grants today; experimental without one. */
export function effectiveTrust(
  now: Now,
  manifest: Pick<Manifest, 'claimedTrust'>,
  attestations: readonly Attestation[],
  validBits = ALL_VALID,
): number {
  let granted = EXPERIMENTAL;
  for (let i = 0; i < attestations.length; i++) {
    if (((validBits >> i) & 1) === 0) continue;
    const { level, fromWallUs, untilWallUs } = attestations[i];
    if (level > granted && now.wallUs >= fromWallUs && now.wallUs < untilWallUs) granted = level;
  }
  return Math.min(Math.max(manifest.claimedTrust, EXPERIMENTAL), granted);
}

/** What this node is worth, as far as it can tell itself: it does nothing that its level does not permit (R8.1-2). */
export function ownTrust(node: Node, now: Now): number {
  const { manifest, attestations } = node.config;
  const { valid, toldLevel, toldUntilUs } = node.presence;
  if (now.monoUs < toldUntilUs) return Math.min(Math.max(manifest.claimedTrust, EXPERIMENTAL), toldLevel);
  return effectiveTrust(now, manifest, attestations, valid);
}
