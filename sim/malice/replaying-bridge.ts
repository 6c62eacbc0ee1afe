import { SECOND_US } from '../../core/base/time.ts';
import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import type { Malice, Scene } from './malice.ts';

/** So many of the first and of the last envelopes that it saw are kept, and so many are sent again each second. */
const KEPT = 32;
const AGAIN = 4;

/**
 * A bridge that says again what it has said, long ago or just now, and passes on to others what it has been told, as
 * if they had been told themselves. The first are true duplicates; the second bear a signature over another receiver.
 */
export class ReplayingBridge implements Malice {
  readonly tickUs = SECOND_US;
  private readonly early: Envelope[] = [];
  private readonly late: Envelope[] = [];

  onOutgoing(envelope: Envelope): boolean {
    this.keep(envelope);
    return true;
  }

  onIncoming(envelope: Envelope): boolean {
    this.keep(envelope);
    return true;
  }

  onTick(scene: Scene): void {
    const seen = [...this.early, ...this.late];
    for (let i = 0; i < AGAIN && seen.length > 0; i++) {
      const envelope = seen[scene.draw(scene.second, i) % seen.length];
      const isOwn = envelope.from === scene.self;
      const other = scene.neighbours[scene.draw(scene.second, i, 1) % scene.neighbours.length];
      if (!isOwn && other === undefined) continue;
      scene.send({ ...envelope, to: isOwn ? envelope.to : other });
      scene.touch();
    }
  }

  private keep(envelope: Envelope): void {
    const copy = copyEnvelope(envelope, new Envelope());
    if (this.early.length < KEPT) {
      this.early.push(copy);
      return;
    }
    this.late.push(copy);
    if (this.late.length > KEPT) this.late.shift();
  }
}
