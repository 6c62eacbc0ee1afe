import type { Join } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { JOIN } from '../../core/machine/kinds.ts';
import type { Malice, Scene } from './malice.ts';

/** A newcomer that says it listens where another does: whoever calls it back there finds that other. */
export class AddressBorrower implements Malice {
  readonly tickUs = 0;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind !== JOIN || scene.neighbours.length === 0) return true;
    const { application, ...rest } = envelope.body as Join;
    if (application === null) return true;
    const other = scene.neighbours[scene.draw(scene.second, 0) % scene.neighbours.length];
    envelope.body = {
      ...rest,
      application: { ...application, address: scene.addressOf(other) },
    } satisfies Join;
    scene.touch();
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(): void {
    // It only comes.
  }
}
