/** What a scenario says of how it is to come out. Plain JSON; lists of names are what may be written. */

/** Promises that every run is judged by: see sim/invariants. */
export const INVARIANTS = [
  'one-outcome',
  'refused-for-cause',
  'trust-honoured',
  'trust-earned',
  'regions-honoured',
  'answers-derived',
  'agents-consented',
  'agents-stopped',
  'agent-steps-once',
  'deadlines-kept',
  'breakers-bounded',
  'work-once',
  'tables-bounded',
  'messages-conserved',
  'cuts-respected',
  'admission-honoured',
  'clocks-steady',
  'exports-honoured',
  'one-crossing',
  'records-authentic',
  'manifests-authentic',
  'quarantine-holds',
  'incarnation-own',
  'no-false-death',
  'pods-at-home',
  'writes-survive',
  'deletion-true',
  'access-consented',
  'sealed-pods',
  'receipts-true',
  'models-whole',
  'copies-allowed',
  'memory-reserved',
  'last-copy-kept',
  'revoked-not-served',
  'contents-declared',
] as const;
export type InvariantName = (typeof INVARIANTS)[number];

/** What is to be reached when nothing is harmed any more: see sim/owed.ts. */
export const GOALS = {
  'nodes-ready': 'every node that is up and not frozen is ready',
  'live-nodes-listed': 'every index node lists all members of its cluster that are up',
  'directories-converge': 'the index nodes of a cluster list its members that are up in the same versions',
  'membership-agrees': 'members that are up know one another, and think none of those alive that are down',
  'sessions-up': 'bridges of peered clusters hear one another',
  'clusters-discovered': 'every bridge lists the clusters within three peerings of its own',
  'pods-replicated':
    'every pod that was acknowledged lies on as many disks as its policy and the hosts that are up allow',
  'versions-converge':
    'the nodes of a cluster that are to have a model, and may, run one version of it: what its publisher points at, or the one before',
  'requests-ended': 'no request is open beyond its deadline',
} as const;
export type GoalName = keyof typeof GOALS;
export const GOAL_NAMES = Object.keys(GOALS) as GoalName[];

export const LEVEL_PHASES = ['before', 'during', 'after', 'always'] as const;
export type LevelPhase = (typeof LEVEL_PHASES)[number];

/** What was true of a member when another gave it up: see sim/attendance.ts. */
export const TRUTHS = ['rightly', 'cut-off', 'falsely'] as const;
export type Truth = (typeof TRUTHS)[number];

export interface ResolvedExpectations {
  /** Least share of requests that end well, ppm. Fewer: violated. */
  readonly okAtLeastPpm: number;
  /** Witnesses: error codes, stages that served, notes, truths of deaths. One that is not seen: the story did not happen, vacuous. */
  readonly sometimes: readonly string[];
  /** Witnesses that must not be seen at all: violated. */
  readonly never: readonly string[];
  /** Invariants that must have been put to the test: otherwise vacuous. */
  readonly always?: readonly InvariantName[];
  /** Invariants that the scenario goes beyond the assumptions of: they are not judged. */
  readonly suspends?: readonly InvariantName[];
  readonly eventually?: readonly ResolvedGoal[];
  readonly levels?: readonly ResolvedLevel[];
}

/** Reached within so long after the last change of harm; otherwise stalled. */
export interface ResolvedGoal {
  readonly goal: GoalName;
  readonly withinUs: number;
}

/** What the users of a region, or all, get at least; otherwise violated. Null: not asked for. */
export interface ResolvedLevel {
  /** By when they asked: before the first fault, until the end of the last one, after it. */
  readonly phase: LevelPhase;
  /** Or by the clock: asked from then on, and before then. Absent: without that bound. */
  readonly fromUs?: number;
  readonly untilUs?: number;
  readonly region: string | null;
  readonly okAtLeastPpm: number | null;
  /** 95th percentile of the time to an answer. */
  readonly p95Us: number | null;
}

/**
 * The storm ends with calm: at `fromUs` a core of the federation is healed, all other harm of that time is there for
 * good, and within `withinUs` the core must do what it is there for; otherwise stalled.
 */
export interface ResolvedCalm {
  /** Null: drawn. */
  readonly fromUs: number | null;
  readonly withinUs: number;
  /** The clusters of the core; null: a majority of them, drawn. */
  readonly clusters: readonly string[] | null;
  /** Once the draw is made: the nodes of the core, and which workloads are nothing but probes of it. */
  readonly settled: { readonly core: readonly string[]; readonly probes: readonly number[] } | null;
}
