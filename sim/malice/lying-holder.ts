import type { Envelope } from '../../core/machine/envelope.ts';
import { CHUNK } from '../../core/machine/kinds.ts';
import type { ChunkBrought } from '../../core/models/model-bodies.ts';
import type { Malice, Scene } from './malice.ts';

/** Hands out chunks of a model that are not what its publisher has signed. */
export class LyingHolder implements Malice {
  readonly tickUs = 0;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind !== CHUNK || !scene.isInShare(scene.keyOf(envelope.to), envelope.n)) return true;
    const body = envelope.body as ChunkBrought;
    const chunk = { ...body.chunk, hash: `lie-${body.chunk.hash}` };
    envelope.body = { ...body, chunk } satisfies ChunkBrought;
    scene.touch();
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(): void {
    // It only answers.
  }
}
