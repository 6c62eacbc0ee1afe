import { integer, peer, record, text, upTo, type Of } from '../machine/shape.ts';

/** How an action may be authorised (R6.2-4). The numbers are on the wire: never reused. */
export const AUTHORISATIONS = ['explicit', 'standing', 'delegated', 'emergency'] as const;

/** What the owner has signed of a proposal: that it was understood, and that it may be done. Two locks, two signatures. */
export const consentShape = record({
  owner: peer,
  /** The hash of what is proposed: what will happen, why, and what it touches. */
  proposal: text(128),
  authorisation: upTo(AUTHORISATIONS.length - 1),
  untilWallUs: integer,
  understood: text(256),
  authorised: text(256),
});
export type Consent = Readonly<Of<typeof consentShape>>;
