import type { Envelope } from '../../core/machine/envelope.ts';
import { ANSWER, RUN, type Answer } from '../../core/machine/kinds.ts';
import type { Want } from '../../core/routing/want.ts';
import { announceAs } from './manifest-liar.ts';
import type { Malice, Scene } from './malice.ts';

/** A compute node that says it is elsewhere, and lets its honest core believe that it may compute where it is. */
export class RegionLiar implements Malice {
  readonly tickUs = 0;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    const { region } = scene;
    announceAs(envelope, scene, (manifest) => ({ ...manifest, region }));
    const isOwn = envelope.kind === ANSWER && (envelope.body as Answer).servedBy === scene.self;
    if (isOwn) envelope.body = { ...(envelope.body as Answer), region };
    return true;
  }

  onIncoming(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind !== RUN) return true;
    const want = envelope.body as Want;
    if (want.allowedRegions.includes(scene.ownRegion)) return true;
    envelope.body = { ...want, allowedRegions: [scene.ownRegion] };
    scene.touch();
    return true;
  }

  onTick(): void {}
}
