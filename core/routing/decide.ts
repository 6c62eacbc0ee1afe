import type { Peer } from '../base/peers.ts';
import { drawBelow, type RandomState } from '../base/rng.ts';
import { MAX_STRUCK, type Candidate, type Struck } from '../machine/kinds.ts';
import type { Parameters } from '../machine/parameters.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { findEjected, type Targets } from './breaker.ts';
import {
  CLUSTER_UNREACHABLE,
  NO_CAPABLE_NODE,
  NO_ELIGIBLE_NODE,
  OVERLOADED,
  STRIKE_ACCELERATOR,
  STRIKE_BUSY,
  STRIKE_DRAINING,
  STRIKE_EJECTED,
  STRIKE_MEMORY,
  STRIKE_MODEL,
  STRIKE_NONE,
  STRIKE_REFUSED,
  STRIKE_REGION,
  STRIKE_SILENT,
  STRIKE_TRUST,
  STRIKE_UNREACHABLE,
  TRUST_TOO_LOW,
  type ErrorCode,
  type Strike,
} from './outcomes.ts';
import type { Want } from './want.ts';

/** What was decided, and why the others were not chosen (R5.3-1). */
export interface Decision {
  readonly chosen: Candidate | null;
  readonly struck: readonly Struck[];
}

/** Who decides: what it has tried for the request, and what it has learnt of peers by asking them. */
export interface Asker {
  readonly cluster: string;
  readonly tried: readonly Peer[];
  /** How many requests it has under way at a peer. */
  readonly inFlight: ReadonlyMap<Peer, number>;
  readonly targets: Targets;
  readonly monoUs: number;
  readonly parameters: Parameters;
}

/**
 * Chooses a node for a request: hard filters first, then the better of two drawn at random by the time that a
 * request can be expected to wait there (R3-4). It knows nothing but its arguments.
 */
export function decide(
  want: Want,
  requiredMemoryBytes: number,
  candidates: readonly Candidate[],
  asker: Asker,
  random: RandomState,
): Decision {
  const { cluster, tried, targets, monoUs, parameters } = asker;
  const struck: Struck[] = [];
  let eligible: Candidate[] = [];
  // By index, and without a closure: of a hundred candidates each costs a few comparisons and nothing else.
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i];
    if (tried.includes(candidate.peer)) continue;
    const reason = findStrike(want, requiredMemoryBytes, candidate);
    if (reason === STRIKE_NONE) eligible.push(candidate);
    else if (struck.length < MAX_STRUCK) struck.push({ peer: candidate.peer, cluster, reason });
  }
  const ejected = findEjected(eligible, targets, monoUs, parameters);
  if (ejected.length > 0) {
    eligible = eligible.filter((candidate) => !ejected.includes(candidate));
    for (const { peer } of ejected) struck.push({ peer, cluster, reason: STRIKE_EJECTED });
  }
  if (eligible.length === 0) return { chosen: null, struck };
  const first = eligible[drawBelow(random, eligible.length)];
  const second = eligible[drawBelow(random, eligible.length)];
  return { chosen: waitAt(asker, second) < waitAt(asker, first) ? second : first, struck };
}

function waitAt({ inFlight, targets }: Asker, candidate: Candidate): number {
  const { peer } = candidate;
  return expectedWaitUs(candidate, inFlight.get(peer) ?? 0, targets.get(peer)?.rttUs ?? 0);
}

/** The first filter that a candidate fails, or STRIKE_NONE. */
export function findStrike(want: Want, requiredMemoryBytes: number, candidate: Candidate): Strike {
  if (!isRegionAllowed(want.allowedRegions, candidate.region)) return STRIKE_REGION;
  if (candidate.trust < want.minTrust) return STRIKE_TRUST;
  if (candidate.gpuMemoryBytes < requiredMemoryBytes) return STRIKE_MEMORY;
  if (!candidate.isOffered) return STRIKE_MODEL;
  if (candidate.load.draining) return STRIKE_DRAINING;
  if (candidate.load.room === 0) return STRIKE_BUSY;
  return STRIKE_NONE;
}

/** What was reported of a queue counts for half after so long. */
const LOAD_HALF_LIFE_US = 2_000_000;
/** A node that has not served yet is taken to need so long a job. */
const UNKNOWN_SERVICE_US = 1_000_000;

/** R3-4: (own in flight + reported queue, decayed by age) × service time, over the jobs served at once, + round trip. */
export function expectedWaitUs(candidate: Candidate, ownInFlight: number, rttUs: number): number {
  const { load, ageUs } = candidate;
  const reported = load.running + load.queued;
  // A hyperbola rather than an exponential: division is the same on every engine.
  const decayed = (reported * LOAD_HALF_LIFE_US) / (LOAD_HALF_LIFE_US + ageUs);
  const serviceUs = load.serviceUs === 0 ? UNKNOWN_SERVICE_US : load.serviceUs;
  return ((ownInFlight + decayed) * serviceUs) / Math.max(1, load.slots) + rttUs;
}

/** The error that says most about what would have to change: the strike that came nearest to success. */
export function errorOfStrikes(struck: readonly Struck[]): ErrorCode {
  const has = (...reasons: Strike[]): boolean => struck.some(({ reason }) => reasons.includes(reason));
  if (has(STRIKE_BUSY, STRIKE_DRAINING)) return OVERLOADED;
  if (has(STRIKE_UNREACHABLE)) return CLUSTER_UNREACHABLE;
  if (has(STRIKE_SILENT, STRIKE_REFUSED, STRIKE_ACCELERATOR, STRIKE_EJECTED)) return NO_CAPABLE_NODE;
  if (has(STRIKE_TRUST)) return TRUST_TOO_LOW;
  if (has(STRIKE_REGION, STRIKE_MEMORY)) return NO_ELIGIBLE_NODE;
  return NO_CAPABLE_NODE;
}
