import type { Envelope } from '../core/machine/envelope.ts';
import type { Machine } from './machine.ts';
import type { WorldEvent } from './world-events.ts';
import type { World } from './world.ts';

/** Why an envelope was not handled. */
export type Fate =
  | 'cut'
  | 'lost'
  | 'queue full'
  | 'down'
  | 'inbox full'
  /** The receiver speaks another version of the wire format. */
  | 'other version'
  /** Sent in the name of another, whose signature it cannot bear. */
  | 'forged'
  /** A malicious receiver keeps it from its own node. */
  | 'withheld';

/** Who wants to see a run as it happens. All times are the world's, µs. Nothing in the world depends on it. */
export interface Watcher {
  /** An envelope was handled by a node or a user; `cause` is the event whose handling sent it. */
  onHandled?(world: World, envelope: Envelope, event: number, cause: number): void;
  /** A node or a user sends an envelope, or a node asks a device; nothing is said yet of whether it arrives. */
  onSent?(world: World, envelope: Envelope): void;
  /** A step is over; the node's steady clock showed `monoUs`. */
  onStep?(world: World, machine: Machine, monoUs: number): void;
  onDropped?(world: World, envelope: Envelope, fate: Fate): void;
  onNoted?(world: World, envelope: Envelope): void;
  onAnnounced?(world: World, event: WorldEvent, subject: string): void;
}
