import { assert } from '../core/base/assert.ts';
import type { Ids } from '../core/base/peers.ts';
import { decodeEnvelope, Encoder } from '../core/machine/codec.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { nameOfKind } from '../core/machine/kinds.ts';

/** The codec put between sender and receiver, for runs that check: what does not survive it stops the run. */
export class Wire {
  private readonly ids: Ids;
  private readonly encoder: Encoder;
  private readonly decoded = new Envelope();

  constructor(ids: Ids) {
    this.ids = ids;
    this.encoder = new Encoder(ids);
  }

  /** Replaces the envelope's body by what a receiver would read, frozen. */
  pass(envelope: Envelope): void {
    const bytes = this.encoder.envelope(envelope);
    const refusal = decodeEnvelope(bytes, this.ids, this.decoded);
    assert(refusal === null, `${nameOfKind(envelope.kind)} is refused by its own codec: ${refusal}`);
    const again = this.encoder.envelope(this.decoded);
    assert(
      again.length === bytes.length && again.every((byte, i) => byte === bytes[i]),
      `${nameOfKind(envelope.kind)} does not survive its codec`,
    );
    assert(this.decoded.sizeBytes === envelope.sizeBytes, `${nameOfKind(envelope.kind)} has one size`);
    envelope.body = freeze(this.decoded.body);
  }
}

function freeze(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const item of Object.values(value)) freeze(item);
    Object.freeze(value);
  }
  return value;
}
