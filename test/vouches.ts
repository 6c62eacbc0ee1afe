import type { Peer } from '../core/base/peers.ts';
import type { Attestation } from '../core/cluster/manifest.ts';
import { Encoder } from '../core/machine/codec.ts';
import { attestationBytes } from '../core/trust/attestation.ts';
import { hashVouch, type Vouch } from '../core/trust/standing-documents.ts';
import type { Cast } from './cast.ts';

/** Years after the start of a rig, which is at 2^40. */
const FAR_WALL_US = 2 ** 40 + 1e15;

/** An attestation by a cluster's attestor, signed. */
export function attest(
  cast: Cast,
  subject: Peer,
  issuer: Peer,
  changes: Partial<Attestation> = {},
): Attestation {
  const statement = {
    subject,
    issuer,
    level: 4,
    fromWallUs: 0,
    untilWallUs: FAR_WALL_US,
    runBy: '',
    ...changes,
  };
  const hash = cast.hash(attestationBytes(new Encoder(cast), statement));
  return { ...statement, signature: changes.signature ?? cast.sign(issuer, hash) };
}

export interface VouchSpec extends Partial<Omit<Vouch, 'subject' | 'voucher'>> {
  readonly subject: string;
}

/** A vouch, signed. */
export function vouchFor(cast: Cast, voucher: Peer, { subject, ...changes }: VouchSpec): Vouch {
  const { signature, ...changed } = changes;
  const dates = { fromWallUs: 0, untilWallUs: FAR_WALL_US };
  const terms = { voucher, subject: cast.peer(subject), version: 1, level: 2, ...dates, ...changed };
  return { ...terms, signature: signature ?? cast.sign(voucher, hashVouch(cast, terms)) };
}
