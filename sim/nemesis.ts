import fc from 'fast-check';
import { settleCalm } from './calm.ts';
import { BROKEN_PROMISES } from './nemesis/broken-promises.ts';
import { groundOf, type Draw, type Ground } from './nemesis/ground.ts';
import { LINK_NEMESES } from './nemesis/link-nemeses.ts';
import { malicesOf } from './nemesis/malice-nemeses.ts';
import { NODE_NEMESES } from './nemesis/node-nemeses.ts';
import type { FaultKind, ResolvedFault } from './scenario/resolved-faults.ts';
import { MALICIOUS_ROLES, type MaliciousRole, type ResolvedMalice } from './scenario/resolved-malice.ts';
import type {
  ResolvedCalm,
  ResolvedExpectations,
  ResolvedScenario,
  ResolvedSwarm,
} from './scenario/resolved.ts';
import { createRoots, drawKeyed, keyOfName } from './seeds.ts';

export type { FaultKind, MaliciousRole };

/**
 * Who chooses harms. Each kind of fault and each malicious role has one arbitrary, from which seeds draw storms and
 * testers' properties draw cases. What is drawn is explicit harm, as a scenario would write it.
 */
export interface Storm {
  /** In order of time. */
  readonly faults: readonly ResolvedFault[];
  readonly malice: readonly ResolvedMalice[];
}

/** How each kind of fault is drawn. */
export const NEMESES: Readonly<Record<FaultKind, Draw>> = { ...LINK_NEMESES, ...NODE_NEMESES };

export const DRAWN_KINDS = Object.keys(NEMESES) as FaultKind[];

const MOST_FAULTS = 10;
const MOST_TRAITORS = 1;

/**
 * The bounds where a scenario says nothing else: after a tenth of the run, and over after six tenths, so that there is time
 * to see whether all that is owed comes.
 */
export function usualSwarm(durationUs: number): ResolvedSwarm {
  return {
    kinds: DRAWN_KINDS,
    most: MOST_FAULTS,
    fromUs: Math.floor(durationUs / 10),
    untilUs: Math.floor((durationUs * 6) / 10),
    malice: MOST_TRAITORS,
  };
}

/** The bounds of what is drawn over a scenario. */
export function swarmOf({ swarm, durationUs }: ResolvedScenario): ResolvedSwarm {
  return swarm ?? usualSwarm(durationUs);
}

/** Storms over a scenario, of these kinds and roles only. */
export function stormsOver(
  scenario: ResolvedScenario,
  kinds: readonly FaultKind[] = swarmOf(scenario).kinds,
  roles: readonly MaliciousRole[] = MALICIOUS_ROLES,
): fc.Arbitrary<Storm> {
  const { most, malice, ...times } = swarmOf(scenario);
  const ground = groundOf(scenario, times);
  return fc
    .record({ faults: faultsOver(ground, kinds, most), malice: maliceOver(ground, roles, malice) })
    .map(({ faults, malice }) => ({ faults, malice }));
}

function faultsOver(
  ground: Ground,
  kinds: readonly FaultKind[],
  most: number,
): fc.Arbitrary<ResolvedFault[]> {
  const drawn = kinds.flatMap((kind) => NEMESES[kind](ground) ?? []);
  if (drawn.length === 0) return fc.constant([]);
  return fc
    .array(fc.oneof(...drawn), { maxLength: most, size: 'max' })
    .map((misfortunes) =>
      keepAssumptions(misfortunes.flat().slice(0, most)).toSorted((left, right) => left.atUs - right.atUs),
    );
}

function maliceOver(
  ground: Ground,
  roles: readonly MaliciousRole[],
  most: number,
): fc.Arbitrary<ResolvedMalice[]> {
  const drawn = roles.flatMap((role) => malicesOf(role, ground) ?? []);
  if (drawn.length === 0) return fc.constant([]);
  return fc.uniqueArray(fc.oneof(...drawn), { maxLength: most, size: 'max', selector: ({ node }) => node });
}

/** What each fault keeps to and all of them together would not: the wall clock of a node is harmed once at most. */
function keepAssumptions(faults: readonly ResolvedFault[]): ResolvedFault[] {
  const harmed = new Set<string>();
  return faults.filter((fault) => {
    if (fault.kind !== 'clock') return true;
    if (fault.nodes.some((name) => harmed.has(name))) return false;
    for (const name of fault.nodes) harmed.add(name);
    return true;
  });
}

/** Those that a seed draws from: about half are left out altogether, so that rare mixtures come up too. */
function drawHalf<T extends string>(names: readonly T[], seed: number): T[] {
  const { nemesis } = createRoots(seed);
  const half = names.filter((name) => drawKeyed(nemesis, keyOfName(name), 0) < 0x80000000);
  if (half.length > 0 || names.length === 0) return half;
  return [names[drawKeyed(nemesis, 0, 1) % names.length]];
}

export function drawKinds(seed: number, kinds: readonly FaultKind[] = DRAWN_KINDS): FaultKind[] {
  return drawHalf(kinds, seed);
}

export function drawRoles(seed: number): MaliciousRole[] {
  return drawHalf(MALICIOUS_ROLES, seed);
}

/** The storm of a seed. */
export function drawStorm(scenario: ResolvedScenario, seed: number): Storm {
  const storms = stormsOver(scenario, drawKinds(seed, swarmOf(scenario).kinds), drawRoles(seed));
  // fast-check takes 32 bits for a seed.
  return fc.sample(storms, { seed: createRoots(seed).nemesis, numRuns: 1 })[0];
}

/** The scenario with what its swarm draws by its seed, besides what it plans. */
export function withSwarm(scenario: ResolvedScenario): ResolvedScenario {
  const { faults, malice } = drawStorm(scenario, scenario.seed);
  const planned = scenario.malice ?? [];
  const free = malice.filter(({ node }) => planned.every((other) => other.node !== node));
  const traitors = [...planned, ...free];
  return {
    ...scenario,
    faults: [...scenario.faults, ...faults].toSorted((left, right) => left.atUs - right.atUs),
    ...(traitors.length === 0 ? {} : { malice: traitors }),
    expectations: suspended(scenario.expectations, { faults, malice: free }),
  };
}

/** After the storm a core that is drawn must be well again within a minute, or by the end of the run. */
const DRAWN_CALM: ResolvedCalm = { fromUs: null, withinUs: 60_000_000, clusters: null, settled: null };

/** The scenario with harm of another's choosing, judged by what must hold in any weather, and calm after it. */
export function underStorm(scenario: ResolvedScenario, storm: Storm): ResolvedScenario {
  const { suspends } = scenario.expectations;
  const expectations = {
    okAtLeastPpm: 0,
    sometimes: [],
    never: [],
    ...(suspends === undefined ? {} : { suspends }),
  };
  return settleCalm({
    ...scenario,
    ...storm,
    expectations: suspended(expectations, storm),
    calm: scenario.calm ?? DRAWN_CALM,
  });
}

/** Without the promises that such harm is known to break. */
function suspended(expectations: ResolvedExpectations, { faults, malice }: Storm): ResolvedExpectations {
  const harms = [...faults.map(({ kind }) => kind), ...malice.map(({ as }) => as)];
  const broken = harms.flatMap((harm) => BROKEN_PROMISES[harm] ?? []);
  if (broken.length === 0) return expectations;
  return { ...expectations, suspends: [...new Set([...(expectations.suspends ?? []), ...broken])] };
}
