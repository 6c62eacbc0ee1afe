import type { Envelope } from '../../core/machine/envelope.ts';
import { ASK, REFUSED, type Refused } from '../../core/machine/kinds.ts';
import { NO_CAPABLE_NODE } from '../../core/routing/outcomes.ts';
import type { Malice, Scene } from './malice.ts';

/** Whether it is silent or says no. */
const HOW = 1;

/** A gateway that keeps a share of the requests from its node: half of these it refuses, to the others it is silent. */
export class SelectiveGateway implements Malice {
  readonly tickUs = 0;

  onOutgoing(): boolean {
    return true;
  }

  onIncoming(envelope: Envelope, scene: Scene): boolean {
    const { kind, from, origin, originBoot, n, attempt } = envelope;
    const asker = scene.keyOf(origin);
    // By request, so that asking again is of no use.
    if (kind !== ASK || !scene.isInShare(asker, n)) return true;
    scene.touch();
    if (scene.draw(asker, n, HOW) < 0x80000000) {
      const body: Refused = { code: NO_CAPABLE_NODE, retryAfterUs: 0, detail: '', struck: [] };
      scene.send({ kind: REFUSED, from: scene.self, to: from, origin, originBoot, n, attempt, body });
    }
    return false;
  }

  onTick(): void {}
}
