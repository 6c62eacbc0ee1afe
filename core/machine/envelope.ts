import { assert } from '../base/assert.ts';
import { NOBODY, type Peer } from '../base/peers.ts';

/**
 * A message between peers, devices among them. All envelopes have this one shape; what differs is `body`,
 * whose shape the protocol table names. Drivers reuse the record, so a step must not keep it; the body is
 * never changed and may be kept and shared for good.
 */
export class Envelope {
  /** type × 32 + operation, see kinds.ts. */
  kind = 0;
  from: Peer = NOBODY;
  to: Peer = NOBODY;
  /** The request that this belongs to: (origin, originBoot, n) is unique for good. */
  origin: Peer = NOBODY;
  originBoot = 0;
  n = 0;
  /** Which try of that request, from 0. */
  attempt = 0;
  /** Bytes on the wire, contents apart. */
  sizeBytes = 0;
  body: unknown = null;
}

export function copyEnvelope(from: Envelope, into: Envelope): Envelope {
  into.kind = from.kind;
  into.from = from.from;
  into.to = from.to;
  into.origin = from.origin;
  into.originBoot = from.originBoot;
  into.n = from.n;
  into.attempt = from.attempt;
  into.sizeBytes = from.sizeBytes;
  into.body = from.body;
  return into;
}

/** No step asks for more than this; one that does has lost its way. */
const MAX_OUTBOX = 4_096;

/** What a step wants done, in order. One a driver, reused: the driver empties it after each step. */
export class Outbox {
  private readonly envelopes: Envelope[] = [];
  count = 0;

  /** The i-th envelope, 0 ≤ i < count. */
  at(i: number): Envelope {
    return this.envelopes[i];
  }

  clear(): void {
    for (let i = 0; i < this.count; i++) this.envelopes[i].body = null;
    this.count = 0;
  }

  send(
    kind: number,
    from: Peer,
    to: Peer,
    origin: Peer,
    originBoot: number,
    n: number,
    attempt: number,
    body: unknown,
  ): void {
    assert(this.count < MAX_OUTBOX, 'a step leaves a bounded number of envelopes');
    if (this.count === this.envelopes.length) this.envelopes.push(new Envelope());
    const envelope = this.envelopes[this.count++];
    envelope.kind = kind;
    envelope.from = from;
    envelope.to = to;
    envelope.origin = origin;
    envelope.originBoot = originBoot;
    envelope.n = n;
    envelope.attempt = attempt;
    envelope.sizeBytes = 0;
    envelope.body = body;
  }
}
