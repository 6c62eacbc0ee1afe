import type { Now } from '../base/time.ts';
import type { Attestation, Manifest } from '../cluster/manifest.ts';
import { Encoder } from '../machine/codec.ts';
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
});

/** The canonical bytes of an attestation: what its issuer signs. */
export function attestationBytes(encoder: Encoder, attestation: Omit<Attestation, 'signature'>): Uint8Array {
  return encoder.document(signedShape, attestation);
}

/** The attestations of a manifest's subject that an attestor of this cluster has really signed. */
export function keepValid(
  node: Node,
  manifest: Manifest,
  attestations: readonly Attestation[],
): Attestation[] {
  return attestations.filter((attestation) => {
    if (attestation.subject !== manifest.id) return false;
    if (!node.config.attestors.includes(attestation.issuer)) return false;
    const hash = node.pure.hash(attestationBytes(new Encoder(node.pure), attestation));
    return node.pure.verify(attestation.issuer, hash, attestation.signature);
  });
}

/** R4-4: the lower of what a node claims and what a valid attestation grants today; experimental without one. */
export function effectiveTrust(now: Now, manifest: Manifest, valid: readonly Attestation[]): number {
  let granted = EXPERIMENTAL;
  for (const { level, fromWallUs, untilWallUs } of valid) {
    if (level > granted && now.wallUs >= fromWallUs && now.wallUs < untilWallUs) granted = level;
  }
  return Math.min(Math.max(manifest.claimedTrust, EXPERIMENTAL), granted);
}
