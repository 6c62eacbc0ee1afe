import type { Manifest } from '../../core/cluster/manifest.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { MANIFEST, type Announcement } from '../../core/machine/kinds.ts';
import type { Scene } from './malice.ts';

/** Puts another manifest into an announcement, and signs it: a node may say of itself what it likes. */
export function announceAs(envelope: Envelope, scene: Scene, lie: (manifest: Manifest) => Manifest): void {
  if (envelope.kind !== MANIFEST) return;
  const announced = envelope.body as Announcement;
  const manifest = lie(announced.manifest) as Announcement['manifest'];
  const signature = scene.sign(scene.hashOf(manifest, announced.version));
  envelope.body = { ...announced, manifest, signature };
  scene.touch();
}
