import { copyEnvelope, Envelope } from '../core/machine/envelope.ts';

/** Envelopes on their way, by slot; records are used again, bodies never are. */
export class EnvelopePool {
  private readonly envelopes: Envelope[] = [];
  private readonly causes: number[] = [];
  private readonly free: number[] = [];

  at(slot: number): Envelope {
    return this.envelopes[slot];
  }

  /** The event whose handling sent it. */
  causeOf(slot: number): number {
    return this.causes[slot];
  }

  /** Keeps a copy of an envelope and returns its slot. */
  take(envelope: Envelope, cause: number): number {
    const slot = this.free.pop() ?? this.envelopes.push(new Envelope()) - 1;
    copyEnvelope(envelope, this.envelopes[slot]);
    this.causes[slot] = cause;
    return slot;
  }

  /** Visits the slots that are taken. */
  forEachTaken(visit: (slot: number) => void): void {
    const free = new Set(this.free);
    for (let slot = 0; slot < this.envelopes.length; slot++) if (!free.has(slot)) visit(slot);
  }

  /** A pool with the same envelopes in the same slots. */
  clone(): EnvelopePool {
    const copy = new EnvelopePool();
    for (const envelope of this.envelopes) copy.envelopes.push(copyEnvelope(envelope, new Envelope()));
    copy.causes.push(...this.causes);
    copy.free.push(...this.free);
    return copy;
  }

  release(slot: number): void {
    this.envelopes[slot].body = null;
    this.free.push(slot);
  }
}
