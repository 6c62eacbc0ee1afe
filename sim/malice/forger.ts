import type { Peer } from '../../core/base/peers.ts';
import { SECOND_US } from '../../core/base/time.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { BEAT, MANIFEST, type Announcement } from '../../core/machine/kinds.ts';
import type { Malice, Scene } from './malice.ts';

/** Above all that an honest node says. */
const LATE_EPOCH = 2 ** 40;

/**
 * A node that speaks for others: it sends heartbeats in the name of a neighbour, which no receiver takes, since the
 * signature is not that neighbour's; and in its own name it brings a manifest of that neighbour, signed by itself.
 */
export class Forger implements Malice {
  readonly tickUs = SECOND_US;
  private own: Announcement | null = null;

  onOutgoing(envelope: Envelope): boolean {
    if (envelope.kind === MANIFEST) this.own = envelope.body as Announcement;
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(scene: Scene): void {
    if (scene.neighbours.length === 0) return;
    const victim = scene.neighbours[scene.draw(scene.second, 0) % scene.neighbours.length];
    for (const to of scene.indexNodes) {
      if (this.own === null) continue;
      this.announce(scene, victim, to, this.own);
      const version = { epoch: LATE_EPOCH, version: 1 };
      this.say(scene, BEAT, victim, to, { version, load: NO_LOAD });
    }
  }

  private announce(scene: Scene, victim: Peer, to: Peer, own: Announcement): void {
    const manifest = { ...own.manifest, id: victim };
    const version = { epoch: LATE_EPOCH, version: 1 };
    const signature = scene.sign(scene.hashOf(manifest, version));
    this.say(scene, MANIFEST, scene.self, to, { manifest, version, signature, attestations: [] });
  }

  private say(scene: Scene, kind: number, from: Peer, to: Peer, body: unknown): void {
    scene.send({ kind, from, to, origin: from, originBoot: 1, n: scene.second, attempt: 0, body });
    scene.touch();
  }
}

const NO_LOAD = {
  running: 0,
  queued: 0,
  slots: 0,
  room: 0,
  serviceUs: 0,
  freeMemoryBytes: 0,
  installedModels: [],
  loadedModels: [],
  draining: true,
};
