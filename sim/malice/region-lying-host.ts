import type { Envelope } from '../../core/machine/envelope.ts';
import { POD_COPY, POD_KEY_COPY, POD_WRITE } from '../../core/machine/kinds.ts';
import type { Malice, Scene } from './malice.ts';

const GIVEN: readonly number[] = [POD_COPY, POD_KEY_COPY, POD_WRITE];

/**
 * A pod host whose manifest says that it is elsewhere, from its first boot (see `manifestOf` in configure.ts): its core believes it
 * as all others do. That it has a key, and what it has signed, can be proved; where it lies cannot.
 */
export class RegionLyingHost implements Malice {
  readonly tickUs = 0;

  onOutgoing(): boolean {
    return true;
  }

  onIncoming({ kind }: Envelope, scene: Scene): boolean {
    if (GIVEN.includes(kind)) scene.touch();
    return true;
  }

  onTick(): void {
    // It lies by being believed.
  }
}
