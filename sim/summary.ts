import { KINDS } from '../core/machine/kinds.ts';
import { REFUSALS } from '../core/machine/refusals.ts';
import { AGENT_STATES } from '../core/roles/agents/agent-plan.ts';
import { ERROR_CODES, OK, STAGES } from '../core/routing/outcomes.ts';
import { Attendance, type DiscoveryReport, type MembershipReport } from './attendance.ts';
import type { Checker, InvariantCount, Verdict } from './checker.ts';
import { endOf } from './owned-pod.ts';
import { findSinglePoints } from './topology.ts';
import type { UserRequest } from './users.ts';
import { VERSION } from './version.ts';
import type { World } from './world.ts';

/** Milliseconds; null where no request ended well. */
export interface Latencies {
  readonly count: number;
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

export const PHASES = ['before', 'during', 'after'] as const;

/** What a run came to. Everything but `wallMs` and `eventsPerSecond` follows from (version, scenario, seed). */
export interface Summary {
  readonly scenario: string;
  readonly seed: number;
  readonly version: string;
  readonly digest: string;
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly events: number;
  readonly simulatedUs: number;
  readonly wallMs: number;
  readonly eventsPerSecond: number;
  readonly nodes: number;
  readonly clusters: number;
  readonly requests: {
    readonly total: number;
    readonly ok: number;
    readonly errors: Readonly<Record<string, number>>;
    readonly open: number;
    readonly servedBy: { readonly local: number; readonly cluster: number; readonly federation: number };
  };
  /** What was done with pods, by how it ended; absent if there were none. */
  readonly pods?: {
    readonly total: number;
    readonly certified: number;
    /** Copies that lie, at the end, where they may not be, and have for longer than moving may take (R6.1-6). */
    readonly astray: number;
    readonly ended: Readonly<Record<string, number>>;
  };
  /** Agents that were asked for, by how they ended for their owners; absent if there were none. */
  readonly agents?: {
    readonly total: number;
    readonly open: number;
    readonly ended: Readonly<Record<string, number>>;
  };
  readonly latencyMs: Latencies;
  /** Of the requests asked before, during and after the faults, by home region of the user. */
  readonly latencyMsByRegion: Readonly<Record<string, Readonly<Record<(typeof PHASES)[number], Latencies>>>>;
  readonly outcomesByPhase: Readonly<Record<(typeof PHASES)[number], Readonly<Record<string, number>>>>;
  /** Between nodes and users, sent, by kind. */
  readonly messages: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly duplicated: number;
  /** What nodes have not taken in, by reason; those that never were are left out. */
  readonly refused: Readonly<Record<string, number>>;
  /** How often each promise was put to the test, and how often it did not hold. */
  readonly invariants: Readonly<Record<string, InvariantCount>>;
  /** What was seen to happen, and how often: outcomes, stages that served, notes. */
  readonly witnesses: Readonly<Record<string, number>>;
  readonly faults: readonly { label: string; armed: number; fired: number; affected: number }[];
  /** Malicious nodes, counted like faults. */
  readonly malice: readonly { label: string; armed: number; fired: number; affected: number }[];
  /** At the end: peerings in force, and sessions of bridges that are heard or are not. */
  readonly borders: { readonly peerings: number; readonly sessionsUp: number; readonly sessionsDown: number };
  readonly membership: MembershipReport;
  readonly discovery: DiscoveryReport;
  /** What would be gone with one node: R3-1. */
  readonly singlePointsOfFailure: readonly string[];
}

export function summarize(
  world: World,
  verdict: Verdict,
  reasons: readonly string[],
  wallMs: number,
  checker: Checker | null = null,
): Summary {
  const { scenario, users, tally } = world;
  const attendance = checker?.attendance ?? new Attendance();
  const ended = users.requests.filter(({ code }) => code >= 0);
  const errors: Record<string, number> = {};
  const servedBy = { local: 0, cluster: 0, federation: 0 };
  for (const { code, answer } of ended) {
    if (code === OK) servedBy[STAGES[answer!.stage]]++;
    else errors[ERROR_CODES[code]] = (errors[ERROR_CODES[code]] ?? 0) + 1;
  }
  const span = faultSpan(world);
  const messages: Record<string, number> = {};
  for (const entry of KINDS) {
    if (entry !== undefined && tally.sent[entry.kind] > 0) messages[entry.name] = tally.sent[entry.kind];
  }
  return {
    scenario: scenario.name,
    seed: scenario.seed,
    version: VERSION,
    digest: world.digest(),
    verdict,
    reasons,
    events: world.events,
    simulatedUs: world.nowUs,
    wallMs: Math.round(wallMs),
    eventsPerSecond: wallMs > 0 ? Math.round((world.events * 1000) / wallMs) : 0,
    nodes: scenario.nodes.length,
    clusters: scenario.clusters.length,
    requests: {
      total: users.requests.length,
      ok: ended.length - Object.values(errors).reduce((sum, count) => sum + count, 0),
      errors,
      open: users.open,
      servedBy,
    },
    ...(world.owners.agents.length > 0 ? { agents: countAgents(world) } : {}),
    ...(world.podOwners.requests.length > 0 ? { pods: countPods(world) } : {}),
    latencyMs: latenciesOf(ended),
    latencyMsByRegion: Object.fromEntries(
      scenario.clusters.map(({ region }, cluster) => [
        region,
        byPhase(
          ended.filter((r) => r.cluster === cluster),
          span,
        ),
      ]),
    ),
    outcomesByPhase: byPhaseOf(ended, span, countOutcomes),
    messages,
    dropped: tally.dropped,
    duplicated: tally.duplicated,
    refused: sumRefusals(world),
    invariants: checker?.counts() ?? {},
    witnesses: checker?.witnesses(world) ?? {},
    faults: world.faults.counts.map(({ label, armed, fired, affected }) => ({
      label,
      armed,
      fired,
      affected,
    })),
    malice: world.villains.map(({ label, armed, fired, affected }) => ({ label, armed, fired, affected })),
    borders: countBorders(world),
    membership: attendance.membership(),
    discovery: attendance.discovery(),
    singlePointsOfFailure: findSinglePoints(scenario),
  };
}

/** Of all boots of all nodes. */
function sumRefusals({ tally, machines }: World): Record<string, number> {
  const counts = REFUSALS.map(
    (_, i) => tally.refused[i] + machines.reduce((sum, { node }) => sum + node.refusals[i], 0),
  );
  return Object.fromEntries(
    REFUSALS.map((reason, i) => [reason, counts[i]] as const).filter(([, count]) => count > 0),
  );
}

function countBorders({ scenario, machines, nowUs }: World): Summary['borders'] {
  const inForce = scenario.peerings.filter(
    ({ fromUs, untilUs }) => nowUs >= fromUs && (untilUs === null || nowUs < untilUs),
  );
  const sessions = machines.flatMap(({ isUp, node }) => (isUp ? (node.bridge?.sessions.sessions ?? []) : []));
  const up = sessions.filter((session) => session.isUp).length;
  return { peerings: inForce.length, sessionsUp: up, sessionsDown: sessions.length - up };
}

function countPods({ podOwners, machines }: World): NonNullable<Summary['pods']> {
  const ended: Record<string, number> = {};
  for (const request of podOwners.requests) {
    if (request.code < 0) continue;
    const how = endOf(request);
    ended[how] = (ended[how] ?? 0) + 1;
  }
  const certified = podOwners.pods.filter(({ certifiedUs }) => certifiedUs < Infinity).length;
  let astray = 0;
  for (const { node } of machines)
    for (const { isAstrayTold } of node.pods?.entries.values() ?? []) if (isAstrayTold) astray++;
  return { total: podOwners.requests.length, certified, astray, ended };
}

/** By state, or by the error of those that did not begin or of which nobody knows. */
function countAgents({ owners }: World): NonNullable<Summary['agents']> {
  const ended: Record<string, number> = {};
  for (const { endedUs, state, code } of owners.agents) {
    if (endedUs === 0) continue;
    const isKnown = state !== null && state.state !== 0;
    const how = isKnown ? AGENT_STATES[state.state] : ERROR_CODES[code];
    ended[how] = (ended[how] ?? 0) + 1;
  }
  return { total: owners.agents.length, open: owners.open, ended };
}

/** From the first beginning of a fault to the last end of one, as they truly came; without bounds where none has come. */
export function faultSpan({ faults }: World): { fromUs: number; untilUs: number } {
  const begun = faults.counts.filter(({ fired }) => fired > 0);
  if (begun.length === 0) return { fromUs: Infinity, untilUs: Infinity };
  const fromUs = Math.min(...begun.map(({ beganUs }) => beganUs));
  const untilUs = Math.max(...begun.map(({ isActing, endedUs }) => (isActing ? Infinity : endedUs)));
  return { fromUs, untilUs };
}

type Span = ReturnType<typeof faultSpan>;

function byPhase(requests: readonly UserRequest[], span: Span): Record<(typeof PHASES)[number], Latencies> {
  return byPhaseOf(requests, span, latenciesOf);
}

function byPhaseOf<T>(
  requests: readonly UserRequest[],
  { fromUs, untilUs }: Span,
  fold: (requests: readonly UserRequest[]) => T,
): Record<(typeof PHASES)[number], T> {
  return {
    before: fold(requests.filter(({ askedUs }) => askedUs < fromUs)),
    during: fold(requests.filter(({ askedUs }) => askedUs >= fromUs && askedUs < untilUs)),
    after: fold(requests.filter(({ askedUs }) => askedUs >= untilUs)),
  };
}

function countOutcomes(requests: readonly UserRequest[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { code } of requests) counts[ERROR_CODES[code]] = (counts[ERROR_CODES[code]] ?? 0) + 1;
  return counts;
}

/** Of those that ended well: from asking to the answer, nearest rank. */
function latenciesOf(requests: readonly UserRequest[]): Latencies {
  const sorted = requests
    .filter(({ code }) => code === OK)
    .map(({ askedUs, endedUs }) => endedUs - askedUs)
    .sort((left, right) => left - right);
  const at = (share: number): number | null =>
    sorted.length === 0 ? null : Math.round(sorted[Math.ceil(share * sorted.length) - 1] / 100) / 10;
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
