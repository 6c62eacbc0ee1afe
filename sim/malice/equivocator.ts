import { SECOND_US } from '../../core/base/time.ts';
import { copyEnvelope, Envelope } from '../../core/machine/envelope.ts';
import { MANIFEST } from '../../core/machine/kinds.ts';
import { announceAs } from './manifest-liar.ts';
import type { Malice, Scene } from './malice.ts';

/**
 * A node that announces itself to one index node as one thing and to the next as another, under one version (R4-3). If
 * there is but one index node, that hears both.
 */
export class Equivocator implements Malice {
  readonly tickUs = SECOND_US;
  private readonly said = new Envelope();

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind !== MANIFEST) return true;
    copyEnvelope(envelope, this.said);
    if (scene.indexNodes.indexOf(envelope.to) % 2 === 1) turnFace(envelope, scene);
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(scene: Scene): void {
    if (this.said.kind !== MANIFEST || scene.indexNodes.length > 1) return;
    const other = copyEnvelope(this.said, new Envelope());
    turnFace(other, scene);
    scene.send(other);
  }
}

function turnFace(envelope: Envelope, scene: Scene): void {
  const unknown = [{ field: 'motto', json: '"two faces"' }];
  announceAs(envelope, scene, (manifest) => ({ ...manifest, unknown }));
}
