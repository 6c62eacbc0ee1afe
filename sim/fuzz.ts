import type { Verdict } from './checker.ts';
import { drawStorm, underStorm, type FaultKind, type MaliciousRole, type Storm } from './nemesis.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { simulate } from './simulate.ts';

/** What one seed came to under its storm. Plain data: it crosses from worker to worker. */
export interface SeedResult {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  /** Tells failures apart; null if it passed. */
  readonly failure: string | null;
  readonly digest: string;
  readonly events: number;
  /** Kinds of fault that touched something. */
  readonly kinds: readonly FaultKind[];
  /** Roles of traitors that touched something. */
  readonly roles: readonly MaliciousRole[];
  /** What was seen to happen: outcomes of requests. */
  readonly witnesses: readonly string[];
}

/** Runs a scenario under the storm of a seed, instead of the faults that it plans. */
export function runSeed(scenario: ResolvedScenario, seed: number): SeedResult {
  return runUnder({ ...scenario, seed }, drawStorm(scenario, seed));
}

export function runUnder(scenario: ResolvedScenario, storm: Storm): SeedResult {
  const { seed } = scenario;
  let simulation;
  try {
    simulation = simulate(underStorm(scenario, storm));
  } catch (error) {
    // An assertion of our own: the worst of findings, and the run has no more to say.
    const reasons = [String((error as Error).message)];
    const failure = `assertion: ${normalizeWitness(reasons[0])}`;
    const nothing = { digest: '', events: 0, kinds: [], roles: [], witnesses: [] };
    return { seed, verdict: 'violated', reasons, failure, ...nothing };
  }
  const { world } = simulation;
  const { verdict, reasons } = simulation.verdict();
  const isFailure = verdict !== 'pass' && verdict !== 'vacuous';
  return {
    seed,
    verdict,
    reasons,
    failure: isFailure ? `${verdict}: ${normalizeWitness(reasons[0] ?? '')}` : null,
    digest: world.digest(),
    events: world.events,
    kinds: namesOf(world.faults.counts.filter(hasTouched).map(({ kind }) => kind)),
    roles: namesOf(world.villains.filter(hasTouched).map(({ role }) => role.as)),
    witnesses: Object.keys(simulation.checker.witnesses(world)),
  };
}

function hasTouched({ affected }: { readonly affected: number }): boolean {
  return affected > 0;
}

/** Each once, in their order. */
function namesOf<T extends string>(names: readonly T[]): T[] {
  return [...new Set(names)].sort((left, right) => (left < right ? -1 : 1));
}

/** A witness without what differs from seed to seed: numbers, names of nodes, and what was asked where. */
export function normalizeWitness(reason: string): string {
  const [first] = reason.split('\n');
  return first
    .replace(/\([^()]*\)\s*$/, '')
    .replace(/[\w-]+\/[\w-]+-\d+/g, 'NODE')
    .replace(/\bprobe of [\w-]+ for \S+/, 'probe')
    .replace(/\d[\d.,_]*/g, '#')
    .trim();
}

export interface Finding {
  readonly file: string;
  readonly failure: string;
  /** The first seed that shows it, and how many do. */
  readonly seed: number;
  count: number;
  readonly reasons: readonly string[];
}

/** What a campaign over many seeds has come to so far. It does not depend on the order in which results come. */
export class Campaign {
  readonly file: string;
  seeds = 0;
  events = 0;
  private readonly byFailure = new Map<string, Finding>();
  private readonly kinds = new Map<string, number>();
  private readonly pairs = new Map<string, number>();
  private readonly roles = new Map<string, number>();
  private readonly seen = new Map<string, number>();

  constructor(file: string) {
    this.file = file;
  }

  add(result: SeedResult): void {
    this.seeds++;
    this.events += result.events;
    for (const witness of result.witnesses) count(this.seen, witness);
    for (const role of result.roles) count(this.roles, role);
    result.kinds.forEach((kind, i) => {
      count(this.kinds, kind);
      for (const other of result.kinds.slice(i + 1)) count(this.pairs, `${kind} + ${other}`);
    });
    if (result.failure === null) return;
    const known = this.byFailure.get(result.failure);
    const { failure, seed, reasons } = result;
    if (known === undefined || seed < known.seed) {
      this.byFailure.set(failure, {
        file: this.file,
        failure,
        seed,
        count: (known?.count ?? 0) + 1,
        reasons,
      });
    } else known.count++;
  }

  get findings(): Finding[] {
    return [...this.byFailure.values()].sort((left, right) => left.seed - right.seed);
  }

  /** In how many runs each was seen. */
  get witnesses(): Readonly<Record<string, number>> {
    return sorted(this.seen);
  }

  get faultKinds(): Readonly<Record<string, number>> {
    return sorted(this.kinds);
  }

  get maliciousRoles(): Readonly<Record<string, number>> {
    return sorted(this.roles);
  }

  get faultPairs(): Readonly<Record<string, number>> {
    return sorted(this.pairs);
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function sorted(counts: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([left], [right]) => (left < right ? -1 : 1)));
}
