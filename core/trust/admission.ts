import type { Peer, Pure } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import { hashDocument } from '../machine/codec.ts';
import { termsShape, type AdmissionTerms, type Certificate, type Genesis } from './documents.ts';
import { genesisHash } from './genesis.ts';
import { countSigners } from './signatures.ts';

/** The hash that operators sign to admit a node. */
export function admissionHash(pure: Pure, terms: AdmissionTerms): string {
  return hashDocument(pure, termsShape, terms);
}

/**
 * The one place where it is decided whether a node belongs to a cluster: null if it does, or why not. Today the
 * signatures of m of the n operators of the genesis record decide; the membership track of R8.2 takes over here.
 */
export function admit(
  pure: Pure,
  genesis: Genesis,
  certificate: Certificate | null,
  subject: Peer,
  now: Now,
): string | null {
  if (certificate === null) return 'no certificate of admission';
  if (certificate.subject !== subject) return 'the certificate is of another node';
  if (certificate.genesis !== genesisHash(pure, genesis)) return 'the certificate is of another cluster';
  if (now.wallUs < certificate.fromWallUs) return 'the certificate does not hold yet';
  if (now.wallUs >= certificate.untilWallUs) return 'the certificate has run out';
  const signers = countSigners(pure, genesis, admissionHash(pure, certificate), certificate.signatures);
  if (signers >= genesis.threshold) return null;
  return `${signers} of the ${genesis.threshold} signatures of operators that are needed`;
}

/** Whether the node belongs to the cluster: see `admit`. */
export function isAdmitted(
  pure: Pure,
  genesis: Genesis,
  certificate: Certificate | null,
  subject: Peer,
  now: Now,
): boolean {
  return admit(pure, genesis, certificate, subject, now) === null;
}
