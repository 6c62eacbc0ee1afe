import { copyEnvelope, Envelope } from '../core/machine/envelope.ts';

/** Records of slots below this are kept and used again. */
const KEPT = 1 << 14;

/**
 * Envelopes on their way, by slot; records are used again, bodies never are. Slots of a low number are taken first, and of the others
 * records are let go: when a million nodes boot at once a million envelopes are on their way, and hardly ever again.
 */
export class EnvelopePool {
  private readonly envelopes: (Envelope | null)[] = [];
  private readonly causes: number[] = [];
  private readonly free: number[] = [];
  private readonly freeBeyond: number[] = [];

  at(slot: number): Envelope {
    return this.envelopes[slot]!;
  }

  /** The event whose handling sent it. */
  causeOf(slot: number): number {
    return this.causes[slot];
  }

  /** Keeps a copy of an envelope and returns its slot. */
  take(envelope: Envelope, cause: number): number {
    const slot = this.free.length > 0 ? this.free.pop()! : this.takeRare();
    copyEnvelope(envelope, this.envelopes[slot]!);
    this.causes[slot] = cause;
    return slot;
  }

  private takeRare(): number {
    const slot = this.freeBeyond.pop() ?? this.envelopes.push(null) - 1;
    this.envelopes[slot] = new Envelope();
    return slot;
  }

  /** Visits the slots that are taken. */
  forEachTaken(visit: (slot: number) => void): void {
    const free = new Set(this.free);
    for (let slot = 0; slot < this.envelopes.length; slot++)
      if (this.envelopes[slot] !== null && !free.has(slot)) visit(slot);
  }

  /** A pool with the same envelopes in the same slots. */
  clone(): EnvelopePool {
    const copy = new EnvelopePool();
    for (const envelope of this.envelopes)
      copy.envelopes.push(envelope === null ? null : copyEnvelope(envelope, new Envelope()));
    for (const cause of this.causes) copy.causes.push(cause);
    for (const slot of this.free) copy.free.push(slot);
    for (const slot of this.freeBeyond) copy.freeBeyond.push(slot);
    return copy;
  }

  release(slot: number): void {
    if (slot < KEPT) {
      this.envelopes[slot]!.body = null;
      this.free.push(slot);
    } else {
      this.envelopes[slot] = null;
      this.freeBeyond.push(slot);
    }
  }
}
