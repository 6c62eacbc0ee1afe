import type { Attestation } from '../../core/cluster/manifest.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { MANIFEST, TESTIMONY, type Announcement } from '../../core/machine/kinds.ts';
import { hashVouch } from '../../core/trust/standing-documents.ts';
import type { Malice, Scene } from './malice.ts';

const HOPS = 3;
/** Far beyond any run. */
const FOR_GOOD_US = 2 ** 51;

/**
 * Whoever holds the key of a node that may vouch, and uses it for as many neighbours as its share says: half is the five
 * that are allowed, all is ten. It can say whatever it likes in its own name, and cannot say it in another's.
 */
export class CapturedVoucher implements Malice {
  readonly tickUs = 5_000_000;
  private attestations: readonly Attestation[] = [];

  onOutgoing({ kind, body }: Envelope): boolean {
    if (kind === MANIFEST) this.attestations = (body as Announcement).attestations;
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(scene: Scene): void {
    if (this.attestations.length === 0) return;
    const count = Math.max(1, Math.round(scene.sharePpm / 100_000));
    const last = Math.max(0, scene.neighbours.length - (scene.draw(1, 0) % (count + 1)));
    const vouches = scene.neighbours.slice(Math.max(0, last - count), last).map((subject) => {
      const dates = { fromWallUs: 0, untilWallUs: FOR_GOOD_US };
      const terms = { voucher: scene.self, subject, version: 1, level: 3, ...dates };
      return { ...terms, signature: scene.sign(hashVouch(scene.pure, terms)) };
    });
    const { self, second } = scene;
    const testimony = { speaker: self, attestations: this.attestations, vouches, audits: [] };
    for (const to of scene.indexNodes) {
      if (to === self) continue;
      scene.touch();
      const id = { origin: self, originBoot: 0, n: second, attempt: 0 };
      scene.send({ kind: TESTIMONY, from: self, to, ...id, body: { testimony, hopsLeft: HOPS } });
    }
  }
}
