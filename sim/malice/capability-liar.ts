import type { Manifest } from '../../core/cluster/manifest.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { BEAT, type Beat } from '../../core/machine/kinds.ts';
import { VERIFIED } from '../../core/trust/attestation.ts';
import { announceAs } from './manifest-liar.ts';
import type { Malice, Scene } from './malice.ts';

/** A compute node that announces every model, memory without end, the highest trust, and that it has nothing to do. */
export class CapabilityLiar implements Malice {
  readonly tickUs = 0;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    announceAs(envelope, scene, (manifest): Manifest => ({
      ...manifest,
      claimedTrust: VERIFIED,
      compute: { gpuMemoryBytes: 1e15, supportedModels: [...scene.models] },
    }));
    if (envelope.kind !== BEAT) return true;
    const { version, load } = envelope.body as Beat;
    const models = [...scene.models];
    const idle = { running: 0, queued: 0, room: 1_000, slots: 1_000, serviceUs: 1, draining: false };
    const body: Beat = { version, load: { ...load, ...idle, installedModels: models, loadedModels: models } };
    envelope.body = body;
    scene.touch();
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(): void {}
}
