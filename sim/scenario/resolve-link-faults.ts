import type { EffectOf, ResolveEffects, Stage } from './fault-stage.ts';
import type { OnLinksWritten } from './link-fault-schema.ts';
import { resolveLinks, type Links } from './resolve-links.ts';
import type { LinkFault, ResolvedLinkFault } from './resolved-link-faults.ts';
import type { Place } from './source.ts';

const QUEUE_BYTES = 1_000_000;
const ALWAYS_PPM = 1_000_000;

/** The same harm on each of the links. */
function on<W extends OnLinksWritten, F extends LinkFault>(
  harm: (written: W) => Omit<EffectOf<F>, keyof Links>,
) {
  return (written: W, place: Place, stage: Stage): EffectOf<F>[] =>
    resolveLinks(written, place, stage).map((links) => ({ ...harm(written), ...links }) as EffectOf<F>);
}

export const LINK_EFFECTS: ResolveEffects<ResolvedLinkFault> = {
  cut: on(() => ({ kind: 'cut' })),
  hold: on(() => ({ kind: 'hold' })),
  loss: on(({ chance }) => ({ kind: 'loss', ppm: chance })),
  duplicate: on(({ chance }) => ({ kind: 'duplicate', ppm: chance })),
  delay: on(({ by }) => ({ kind: 'delay', addUs: by })),
  slow: on(({ factor }) => ({ kind: 'slow', factorPpm: Math.round(factor * 1_000_000) })),
  reorder: on(({ chance, by }) => ({ kind: 'reorder', ppm: chance ?? ALWAYS_PPM, byUs: by })),
  bandwidth: on(({ limit, queue }) => ({
    kind: 'bandwidth',
    bytesPerSecond: limit,
    queueBytes: queue ?? QUEUE_BYTES,
  })),
  heal: (): EffectOf<ResolvedLinkFault>[] => [{ kind: 'heal' }],
};
