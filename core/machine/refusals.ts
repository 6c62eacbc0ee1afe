import { KINDS } from './kinds.ts';
import type { Node } from './node-state.ts';

/** Why a node did not take something in. Each input that is refused is counted once, in `node.refusals`, a place a reason. */
export const REFUSALS = [
  /** What only members say to one another, of one who is none. */
  'of no member',
  /** It came to a node that belongs to no cluster. */
  'this node is no member',
  /** It claims an admission that does not hold, or orders what only others may. */
  'not admitted',
  /** Whoever it names has not signed it, or has not said it. */
  'forged',
  /** It is there already, and not of whoever brings it now. */
  'replayed',
  /** It contradicts itself, or what it is about. */
  'malformed',
  'unknown operation',
  /** It is none for the roles of this node, or not from whoever says such things. */
  'not for this node',
  /** What only a device may say, of another node. */
  'of no device',
  /** Nothing waits for it, or not any more. */
  'too late',
  'starting',
  'no room',
  /** It crosses a border that no peering opens. */
  'no peering',
  /** Whoever asks to be let in cannot be reached where it says that it listens. */
  'not reached',
] as const;

export const REFUSAL_STRANGER = 0;
export const REFUSAL_OUTSIDE = 1;
export const REFUSAL_UNADMITTED = 2;
export const REFUSAL_FORGED = 3;
export const REFUSAL_REPLAYED = 4;
export const REFUSAL_MALFORMED = 5;
export const REFUSAL_UNKNOWN = 6;
export const REFUSAL_MISPLACED = 7;
export const REFUSAL_IMPOSTOR = 8;
export const REFUSAL_LATE = 9;
export const REFUSAL_STARTING = 10;
export const REFUSAL_FULL = 11;
export const REFUSAL_UNPEERED = 12;
export const REFUSAL_UNREACHED = 13;

/** Of nodes that have refused nothing, which are nearly all: it is replaced when one is counted. */
export const NO_REFUSALS: number[] = REFUSALS.map(() => 0);

export function countRefusal(node: Pick<Node, 'refusals'>, reason: number): void {
  if (node.refusals === NO_REFUSALS) node.refusals = [...NO_REFUSALS];
  node.refusals[reason]++;
}

/** Why an envelope is none for a node that has nothing to do with its kind. */
export function refusalOfKind(kind: number): number {
  return KINDS[kind] === undefined ? REFUSAL_UNKNOWN : REFUSAL_MISPLACED;
}
