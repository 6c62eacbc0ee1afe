import { integer, optional, peer, record, upTo, type Of } from '../../machine/shape.ts';
import { address, certificateShape } from '../../trust/documents.ts';
import { NODE_TYPES, type Manifest, type NodeType } from '../manifest.ts';

/** What is thought of a member. Of two sayings of one incarnation the later in this order holds. */
export const MEMBER_STATES = ['alive', 'suspect', 'dead', 'left'] as const;
export const ALIVE = 0;
export const SUSPECT = 1;
export const DEAD = 2;
export const LEFT = 3;

/** What is said of one member, in gossip and in tables that are exchanged (R5.2-2). */
export const memberShape = record({
  peer,
  /** Raised by the member alone, to outbid what is wrongly said of it. */
  incarnation: integer,
  state: upTo(MEMBER_STATES.length - 1),
  /** Which of the five types it is, a bit each. */
  types: upTo(31),
  /** Where its driver is found; opaque to the core. */
  address,
  /** Who says that it is suspect or dead. */
  from: optional(peer),
  /** Its admission, for those who do not know it yet. */
  certificate: optional(certificateShape),
});
export type Member = Readonly<Of<typeof memberShape>>;

/** The types of a manifest as bits; those of other versions have none. */
export function typesOf(manifest: Pick<Manifest, 'types'>): number {
  let types = 0;
  for (let i = 0; i < NODE_TYPES.length; i++) if (manifest.types.includes(NODE_TYPES[i])) types |= 1 << i;
  return types;
}

export function bitOfType(type: NodeType): number {
  return 1 << NODE_TYPES.indexOf(type);
}

/** Whether `left` says more than `right` of one member: the order in which sayings hold, whichever was heard first. */
export function isNewer(
  leftIncarnation: number,
  leftState: number,
  rightIncarnation: number,
  rightState: number,
): boolean {
  if (leftIncarnation !== rightIncarnation) return leftIncarnation > rightIncarnation;
  return leftState > rightState;
}

/** Whether a member counts: nobody is gone before the time of suspicion is over. */
export function isLiveState(state: number): boolean {
  return state <= SUSPECT;
}

/** About how many bytes a saying takes on the wire. */
export function roughSizeBytes({ address, from, certificate }: Member): number {
  const sizeBytes = 45 + address.length + (from === null ? 0 : 33);
  return sizeBytes + (certificate === null ? 0 : 120 + 130 * certificate.signatures.length);
}
