import type { Envelope } from '../core/machine/envelope.ts';

/** Answers what a device was asked, once. */
export type Respond = (kind: number, body: unknown) => void;

/** A device of a node: it takes an envelope that is its own to keep, and answers it now or later. */
export interface Device {
  handle(asked: Envelope, respond: Respond): void;
}
