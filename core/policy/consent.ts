import type { Peer, Pure } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import { hashDocument } from '../machine/codec.ts';
import { integer, peer, record, text, upTo } from '../machine/shape.ts';
import { AUTHORISATIONS, type Consent } from './documents.ts';

const understoodShape = record({ understands: peer, proposal: text(128) });
const authorisedShape = record({
  authorises: peer,
  proposal: text(128),
  authorisation: upTo(AUTHORISATIONS.length - 1),
  untilWallUs: integer,
});

/** What the owner signs by the first lock: “I have understood this.” */
export function understandingHash(pure: Pure, owner: Peer, proposal: string): string {
  return hashDocument(pure, understoodShape, { understands: owner, proposal });
}

/** What the owner signs by the second lock: “Do it, until then.” */
export function authorisationHash(
  pure: Pure,
  { owner, proposal, authorisation, untilWallUs }: Omit<Consent, 'understood' | 'authorised'>,
): string {
  const document = { authorises: owner, proposal, authorisation, untilWallUs };
  return hashDocument(pure, authorisedShape, document);
}

/** Why nothing may be done on a consent, or null: both locks are its owner’s, over just this proposal, and hold today. */
export function findConsentFault(
  pure: Pure,
  now: Now,
  consent: Consent | null,
  owner: Peer,
  proposal: string,
): string | null {
  if (consent === null) return 'the owner was not asked';
  if (consent.owner !== owner) return 'the consent is of another owner';
  if (consent.proposal !== proposal) return 'the owner was asked about something else';
  if (now.wallUs >= consent.untilWallUs) return 'the consent has run out';
  if (!pure.verify(owner, understandingHash(pure, owner, proposal), consent.understood))
    return 'the owner has not said to have understood it';
  if (!pure.verify(owner, authorisationHash(pure, consent), consent.authorised))
    return 'the owner has not authorised it';
  return null;
}
