import type { Envelope } from '../../core/machine/envelope.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { podIdOf } from '../../core/policy/pod-documents.ts';
import type { PodPolicy } from '../../core/policy/pod-terms.ts';
import type {
  Leased,
  PodCopied,
  PodDelete,
  PodKept,
  PodLaw,
  PodLawTold,
  PodOffer,
  PodRead,
  PodWrite,
} from '../../core/roles/pods/pod-records.ts';
import { NO_ELIGIBLE_NODE } from '../../core/routing/outcomes.ts';
import type { Malice, Scene } from './malice.ts';

/**
 * A pod host that says that it has erased, and keeps: copy and key. Its core never hears of a deletion, and whoever asks for the pod
 * is told that it is gone, so that from outside nothing shows.
 */
export class KeepingHolder implements Malice {
  readonly tickUs = 0;
  /** Pods that are deleted for everybody else. */
  private readonly kept = new Set<string>();

  onOutgoing({ kind, body }: Envelope, scene: Scene): boolean {
    // What it has kept it shows nobody.
    if (kind === kinds.POD_OFFER) return !this.kept.has((body as PodOffer).pod);
    if (kind === kinds.POD_COPY) return !this.kept.has(podOf(scene, (body as PodCopied).policy));
    return true;
  }

  onIncoming(envelope: Envelope, scene: Scene): boolean {
    switch (envelope.kind) {
      case kinds.POD_LAW: {
        const { law, seq } = envelope.body as PodLawTold;
        if (!this.keeps(law, scene)) return true;
        const confirmed = { pod: law.pod, version: 0, isDeleted: true, seq, circle: [] };
        answer(scene, envelope, kinds.POD_LAW_KEPT, confirmed);
        return false;
      }
      case kinds.LEASED: {
        const leased = envelope.body as Leased;
        const laws = leased.laws.filter((law) => !this.keeps(law, scene));
        if (laws.length < leased.laws.length) envelope.body = { ...leased, laws } satisfies Leased;
        return true;
      }
      case kinds.POD_KEPT: {
        const kept = envelope.body as PodKept;
        if (kept.law !== null && this.keeps(kept.law, scene)) envelope.body = { ...kept, law: null };
        return true;
      }
      case kinds.POD_DELETE: {
        const { owner, number } = (envelope.body as PodDelete).deletion;
        // Others are asked when it is silent, and they certify what it has confirmed.
        return !this.isOfIts(podIdOf(scene.pure, owner, number), scene);
      }
      case kinds.POD_READ: {
        const { owner, number } = envelope.body as PodRead;
        return this.admits(podIdOf(scene.pure, owner, number), envelope, scene);
      }
      case kinds.POD_WRITE:
      case kinds.POD_KEY:
        return this.admits(podOf(scene, (envelope.body as PodWrite).policy), envelope, scene);
      default:
        return true;
    }
  }

  onTick(): void {
    // It only hears and answers.
  }

  private admits(pod: string, envelope: Envelope, scene: Scene): boolean {
    if (!this.kept.has(pod)) return true;
    const detail = 'the pod has been deleted';
    answer(scene, envelope, kinds.REFUSED, { code: NO_ELIGIBLE_NODE, retryAfterUs: 0, detail, struck: [] });
    return false;
  }

  /** Whether it keeps what this says is deleted. */
  private keeps({ pod, deletion }: PodLaw, scene: Scene): boolean {
    if (deletion === null || !this.isOfIts(pod, scene)) return false;
    if (!this.kept.has(pod)) scene.touch();
    this.kept.add(pod);
    return true;
  }

  private isOfIts(pod: string, scene: Scene): boolean {
    return scene.isInShare(parseInt(pod.slice(0, 8), 16), 0);
  }
}

function podOf({ pure }: Scene, { terms }: PodPolicy): string {
  return podIdOf(pure, terms.owner, terms.number);
}

function answer(
  scene: Scene,
  { from, origin, originBoot, n, attempt }: Envelope,
  kind: number,
  body: unknown,
): void {
  scene.send({ kind, from: scene.self, to: from, origin, originBoot, n, attempt, body });
}
