import type { Envelope } from '../core/machine/envelope.ts';
import { SIGN, SIGNED, type Sign } from '../core/machine/kinds.ts';
import type { Device, Respond } from './device.ts';
import { signHash, type Identity } from './identity.ts';

/** The keys of a live node: it signs with them, and never shows them. */
export class Keys implements Device {
  private readonly identity: Identity;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  handle(asked: Envelope, respond: Respond): void {
    if (asked.kind === SIGN)
      respond(SIGNED, { signature: signHash(this.identity, (asked.body as Sign).hash) });
  }
}
