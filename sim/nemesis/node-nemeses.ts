import fc from 'fast-check';
import { WIRE_VERSION } from '../../core/machine/codec.ts';
import type { Lasting } from '../scenario/resolved-faults.ts';
import { CRASH_POINTS, type ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import {
  momentOf,
  MS_US,
  nodesOf,
  placeIn,
  ppmOf,
  spanOf,
  turnsOf,
  type Draw,
  type Ground,
  type Misfortune,
  type Span,
} from './ground.ts';

type LastingFault = Extract<ResolvedNodeFault, Lasting>;
type HarmOf<F extends LastingFault> = F extends unknown ? Omit<F, 'nodes' | keyof Lasting> : never;

/** Lasting harm to nodes, of a type or of any. */
function onNodes(
  harm: fc.Arbitrary<HarmOf<LastingFault>>,
  type: string | null = null,
  timesOf: (ground: Ground) => fc.Arbitrary<Span> = turnsOf,
): Draw {
  return (ground) => {
    const nodes = nodesOf(ground, type);
    if (nodes === null) return null;
    return fc
      .tuple(timesOf(ground), nodes, harm)
      .map(([times, harmed, what]) => [{ ...what, ...times, nodes: harmed } as LastingFault]);
  };
}

/**
 * Harm that shows when a node writes or reads what it has stored, which is at its boot: so a restart comes with it. Two
 * of them, the second soon after the first, meet a boot that is under way.
 */
function onBoot(harm: fc.Arbitrary<HarmOf<LastingFault>>): Draw {
  return (ground) =>
    fc
      .tuple(spanOf(ground), nodesOf(ground)!, harm, fc.nat(1_000_000), fc.nat(3 * MS_US), fc.boolean())
      .map(([span, nodes, what, placePpm, soonUs, isTwice]) => {
        const atUs = placeIn(span, placePpm);
        const againUs = Math.min(atUs + soonUs, span.untilUs - 1);
        const again = isTwice ? [{ kind: 'restart' as const, atUs: againUs, nodes }] : [];
        return [{ ...what, ...span, nodes } as LastingFault, { kind: 'restart', atUs, nodes }, ...again];
      });
}

const kind = <K extends LastingFault['kind']>(name: K): fc.Arbitrary<{ readonly kind: K }> =>
  fc.constant({ kind: name });

/** At what share of its speed something runs. */
const toPpm = ppmOf(500_000, 10_000);

/**
 * Clocks are assumed to differ by 30 s at most (R5.3-3): no wall clock is off by more than half of that, and each is
 * harmed once at most: see `keepAssumptions`. Steady clocks drift less than the 200 ppm that they are allowed.
 */
const MOST_OFF_US = 15_000_000;
const MOST_DRIFT_PPM = 150;

const clock: fc.Arbitrary<HarmOf<Extract<LastingFault, { kind: 'clock' }>>> = fc
  .tuple(
    fc.integer({ min: -MOST_DRIFT_PPM, max: MOST_DRIFT_PPM }),
    fc.integer({ min: -MOST_OFF_US, max: MOST_OFF_US }),
    fc.boolean(),
  )
  .map(([driftPpm, offUs, isStep]) => ({
    kind: 'clock',
    driftPpm,
    offsetUs: isStep ? 0 : offUs,
    stepUs: isStep ? offUs : 0,
  }));

const crash: Draw = (ground) =>
  fc.oneof(
    { weight: 2, arbitrary: onNodes(kind('crash'))(ground)! },
    {
      weight: 1,
      arbitrary: onBoot(fc.constantFrom(...CRASH_POINTS).map((point) => ({ kind: 'crash', point })))(ground)!,
    },
  );

/** What is on disk is damaged, and then read. */
const bitRot: Draw = (ground) =>
  fc.tuple(spanOf(ground), nodesOf(ground)!).map(([{ atUs, untilUs }, nodes]): Misfortune => [
    { kind: 'bitRot', atUs, nodes },
    { kind: 'restart', atUs: Math.max(atUs, untilUs - 1), nodes },
  ]);

const version = fc.integer({ min: 0, max: 254 }).map((drawn) => (drawn >= WIRE_VERSION ? drawn + 1 : drawn));

export const NODE_NEMESES: Readonly<Record<ResolvedNodeFault['kind'], Draw>> = {
  crash,
  wipe: onNodes(kind('wipe')),
  restore: onNodes(kind('restore')),
  restart: (ground) =>
    fc.tuple(momentOf(ground), nodesOf(ground)!).map(([atUs, nodes]) => [{ kind: 'restart', atUs, nodes }]),
  pause: onNodes(kind('pause')),
  slowNode: onNodes(toPpm.map((share) => ({ kind: 'slowNode', toPpm: share }))),
  otherVersion: onNodes(version.map((other) => ({ kind: 'otherVersion', version: other }))),
  // A step that came by turns would add up.
  clock: onNodes(clock, null, spanOf),
  tornWrite: onBoot(kind('tornWrite')),
  lostWrite: onBoot(kind('lostWrite')),
  bitRot,
  fullDisk: onBoot(kind('fullDisk')),
  stalledDisk: onBoot(
    fc.option(fc.integer({ min: 1, max: 10_000 * MS_US })).map((byUs) => ({ kind: 'stalledDisk', byUs })),
  ),
  outOfMemory: onNodes(kind('outOfMemory'), 'compute'),
  slowAccelerator: onNodes(
    toPpm.map((share) => ({ kind: 'slowAccelerator', toPpm: share })),
    'compute',
  ),
  failingAccelerator: onNodes(
    ppmOf(1_000_000).map((ppm) => ({ kind: 'failingAccelerator', ppm })),
    'compute',
  ),
  wrongAccelerator: onNodes(
    ppmOf(1_000_000).map((ppm) => ({ kind: 'wrongAccelerator', ppm })),
    'compute',
  ),
};
