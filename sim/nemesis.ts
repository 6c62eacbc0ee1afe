import fc from 'fast-check';
import { settleCalm } from './calm.ts';
import { createRoots, drawKeyed } from './seeds.ts';
import type { ResolvedCalm, ResolvedFault, ResolvedScenario } from './scenario/resolved.ts';

/**
 * Who chooses harms. Each kind of fault has one arbitrary, from which seeds draw storms, testers' properties draw
 * cases, and shrinking makes cases smaller. What is drawn is explicit harm, as a scenario would write it.
 */
export type FaultKind = ResolvedFault['kind'];

/** What harm can be done to. */
interface Ground {
  readonly clusters: readonly string[];
  readonly nodes: readonly string[];
  /** Faults begin in the middle of the run, and have an end inside it. */
  readonly fromUs: number;
  readonly untilUs: number;
}

const MS_US = 1_000;

/** Between two sets of clusters that have nothing in common, or within one cluster. */
function linksOf(ground: Ground): fc.Arbitrary<{ from: string[]; to: string[]; bothWays: boolean }> {
  const within = fc
    .constantFrom(...ground.clusters)
    .map((cluster) => ({ from: [cluster], to: [cluster], bothWays: false }));
  if (ground.clusters.length < 2) return within;
  const across = fc
    .tuple(
      fc.shuffledSubarray([...ground.clusters], { minLength: 2 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.boolean(),
    )
    .map(([chosen, share, bothWays]) => {
      const at = 1 + Math.floor(share * (chosen.length - 1.001));
      return { from: chosen.slice(0, at), to: chosen.slice(at), bothWays };
    });
  return fc.oneof({ weight: 3, arbitrary: across }, { weight: 1, arbitrary: within });
}

function spanOf({ fromUs, untilUs }: Ground): fc.Arbitrary<{ atUs: number; untilUs: number }> {
  const ms = (us: number): number => Math.floor(us / MS_US);
  return fc
    .tuple(fc.integer({ min: ms(fromUs), max: ms(untilUs) - 2 }), fc.integer({ min: 1, max: 60_000 }))
    .map(([atMs, lengthMs]) => ({
      atUs: atMs * MS_US,
      untilUs: Math.min((atMs + lengthMs) * MS_US, untilUs),
    }));
}

function nodesOf({ nodes }: Ground): fc.Arbitrary<string[]> {
  return fc.shuffledSubarray([...nodes], {
    minLength: 1,
    maxLength: Math.max(1, Math.ceil(nodes.length / 5)),
  });
}

const ppm = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1_000, max: most });

type Draw = (ground: Ground) => fc.Arbitrary<ResolvedFault>;

/** How each kind of fault is drawn. A kind that is not here is only ever planned by hand. */
export const NEMESES: Readonly<Partial<Record<FaultKind, Draw>>> = {
  cut: (ground) =>
    fc.tuple(spanOf(ground), linksOf(ground)).map(([span, links]) => ({ kind: 'cut', ...span, ...links })),
  loss: (ground) =>
    fc
      .tuple(spanOf(ground), linksOf(ground), ppm(500_000))
      .map(([span, links, chance]) => ({ kind: 'loss', ...span, ...links, ppm: chance })),
  duplicate: (ground) =>
    fc
      .tuple(spanOf(ground), linksOf(ground), ppm(500_000))
      .map(([span, links, chance]) => ({ kind: 'duplicate', ...span, ...links, ppm: chance })),
  delay: (ground) =>
    fc
      .tuple(spanOf(ground), linksOf(ground), fc.integer({ min: MS_US, max: 5_000 * MS_US }))
      .map(([span, links, addUs]) => ({ kind: 'delay', ...span, ...links, addUs })),
  crash: (ground) =>
    fc.tuple(spanOf(ground), nodesOf(ground)).map(([span, nodes]) => ({ kind: 'crash', ...span, nodes })),
  pause: (ground) =>
    fc.tuple(spanOf(ground), nodesOf(ground)).map(([span, nodes]) => ({ kind: 'pause', ...span, nodes })),
  restart: (ground) =>
    fc.tuple(spanOf(ground), nodesOf(ground)).map(([{ atUs }, nodes]) => ({ kind: 'restart', atUs, nodes })),
};

export const DRAWN_KINDS = Object.keys(NEMESES) as FaultKind[];

/** Faults in one storm at most. */
const MOST_FAULTS = 10;

/**
 * Storms over a scenario: some faults of the kinds given, in order of time. They begin after a tenth of the run
 * and are over after six tenths, so that there is time to see whether all that is owed comes.
 */
export function stormsOver(
  scenario: ResolvedScenario,
  kinds: readonly FaultKind[] = DRAWN_KINDS,
): fc.Arbitrary<ResolvedFault[]> {
  const ground: Ground = {
    clusters: scenario.clusters.map(({ name }) => name),
    nodes: scenario.nodes.map(({ name }) => name),
    fromUs: Math.floor(scenario.durationUs / 10),
    untilUs: Math.floor((scenario.durationUs * 6) / 10),
  };
  const drawn = kinds.flatMap((kind) => (NEMESES[kind] === undefined ? [] : [NEMESES[kind](ground)]));
  if (drawn.length === 0) return fc.constant([]);
  return fc
    .array(fc.oneof(...drawn), { maxLength: MOST_FAULTS, size: 'max' })
    .map((faults) => faults.toSorted((left, right) => left.atUs - right.atUs));
}

/** The kinds that a seed draws from: about half are left out altogether, so that rare mixtures come up too. */
export function drawKinds(seed: number): FaultKind[] {
  const { nemesis } = createRoots(seed);
  const kinds = DRAWN_KINDS.filter((_, i) => drawKeyed(nemesis, i, 0) < 0x80000000);
  return kinds.length > 0 ? kinds : [DRAWN_KINDS[drawKeyed(nemesis, 0, 1) % DRAWN_KINDS.length]];
}

/** The storm of a seed. */
export function drawStorm(scenario: ResolvedScenario, seed: number): ResolvedFault[] {
  return fc.sample(stormsOver(scenario, drawKinds(seed)), { seed: seedOf(seed), numRuns: 1 })[0];
}

/** fast-check's seed of a run: 32 bits, as it takes them. */
export function seedOf(seed: number): number {
  return createRoots(seed).nemesis;
}

/** After the storm a core that is drawn must be well again within a minute, or by the end of the run. */
const DRAWN_CALM: ResolvedCalm = { fromUs: null, withinUs: 60_000_000, clusters: null, settled: null };

/** The scenario with harm of another's choosing, judged by what must hold in any weather, and calm after it. */
export function underStorm(scenario: ResolvedScenario, faults: readonly ResolvedFault[]): ResolvedScenario {
  const { suspends } = scenario.expectations;
  const expectations = {
    okAtLeastPpm: 0,
    sometimes: [],
    never: [],
    ...(suspends === undefined ? {} : { suspends }),
  };
  return settleCalm({ ...scenario, faults, expectations, calm: scenario.calm ?? DRAWN_CALM });
}
