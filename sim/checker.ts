import type { Envelope } from '../core/machine/envelope.ts';
import {
  AGENT,
  FOUND,
  ASK,
  INFER,
  INFERRED,
  KEYS_DESTROYED,
  KINDS,
  POD_WRITE,
  NOTES,
  type Noted,
} from '../core/machine/kinds.ts';
import { AGENT_STATES } from '../core/roles/agents/agent-plan.ts';
import { ERROR_CODES, OK, STAGES } from '../core/routing/outcomes.ts';
import { Attendance } from './attendance.ts';
import { witnessesOfConsent } from './dialogues.ts';
import { CalmWatch } from './calm.ts';
import { GoalWatch } from './goals.ts';
import { createInvariants } from './invariants/all.ts';
import type { Invariant, Watches } from './invariants/invariant.ts';
import { Lineage } from './lineage.ts';
import type { Machine } from './machine.ts';
import { TRUTHS } from './scenario/resolved-expectations.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { describeWait } from './waits.ts';
import { askedIn, endedOf, missesOf, nameOf, percent, shareOk } from './service-levels.ts';
import type { WorldEvent } from './world-events.ts';
import type { Watcher, World } from './world.ts';

export type Verdict = 'pass' | 'violated' | 'stalled' | 'unknown' | 'vacuous' | 'nondeterministic';

/** What the process exits with, by verdict. */
export const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  pass: 0,
  violated: 1,
  unknown: 2,
  stalled: 3,
  vacuous: 4,
  nondeterministic: 5,
};

/** How many reasons of one kind are told in full. */
const MAX_TOLD = 20;

/** How often an invariant was put to the test, and how often it did not hold. */
export interface InvariantCount {
  readonly checked: number;
  readonly violated: number;
}

type Hook = 'onHandled' | 'onSent' | 'onNoted' | 'onStep' | 'onTick';

/**
 * Judges a run by what the world knows, never by asking the code it judges: invariants always, goals eventually, witnesses
 * sometimes, service levels by phase, and the calm after the storm.
 */
export class Checker implements Watcher {
  readonly invariants: readonly Invariant[];
  readonly lineage = new Lineage();
  readonly attendance = new Attendance();
  private readonly calm: CalmWatch;
  private readonly goals: GoalWatch;
  /** By kind or note; null where nobody watches. */
  private readonly handled: (readonly Invariant[] | null)[];
  private readonly sent: (readonly Invariant[] | null)[];
  private readonly noted: (readonly Invariant[] | null)[];
  private readonly stepped: readonly Invariant[];
  private readonly ticked: readonly Invariant[];
  /** By kind: whether an account of contents is kept of it. */
  private readonly isContent: Uint8Array;
  private readonly noteCounts = new Float64Array(NOTES.length);

  constructor(scenario: ResolvedScenario, isChecking = false) {
    const suspended: readonly string[] = scenario.expectations.suspends ?? [];
    this.invariants = createInvariants(this.lineage, isChecking).filter(
      ({ name }) => !suspended.includes(name),
    );
    this.calm = new CalmWatch(scenario);
    this.goals = new GoalWatch(scenario.expectations.eventually ?? []);
    this.handled = this.tableOf('handled', KINDS.length, 'onHandled');
    this.sent = this.tableOf('sent', KINDS.length, 'onSent');
    this.noted = this.tableOf('notes', NOTES.length, 'onNoted');
    this.stepped = this.thoseWith('onStep').filter(({ watches }) => watches.steps === true);
    this.ticked = this.thoseWith('onTick').filter(({ watches }) => watches.ticks === true);
    this.isContent = Uint8Array.from(KINDS, (entry) =>
      entry !== undefined && (entry.hasRefs || entry.kind === FOUND) ? 1 : 0,
    );
    for (const kind of [AGENT, ASK, INFER, INFERRED, POD_WRITE]) this.isContent[kind] = 1;
  }

  onHandled(world: World, envelope: Envelope, _event: number, cause: number): void {
    const { kind } = envelope;
    if (this.isContent[kind] === 1) this.lineage.onHandled(world, envelope);
    const watching = this.handled[kind];
    if (watching === null) return;
    for (let i = 0; i < watching.length; i++) watching[i].onHandled!(world, envelope, cause);
  }

  onSent(world: World, envelope: Envelope): void {
    const { kind } = envelope;
    if (this.isContent[kind] === 1) this.lineage.onSent(world, envelope);
    const watching = this.sent[kind];
    if (watching === null) return;
    for (let i = 0; i < watching.length; i++) watching[i].onSent!(world, envelope);
  }

  onStep(world: World, machine: Machine, monoUs: number): void {
    const { stepped } = this;
    for (let i = 0; i < stepped.length; i++) stepped[i].onStep!(world, machine, monoUs);
  }

  onNoted(world: World, envelope: Envelope): void {
    const { note } = envelope.body as Noted;
    this.noteCounts[note]++;
    this.attendance.onNoted(world, envelope);
    const watching = this.noted[note];
    if (watching === null) return;
    for (let i = 0; i < watching.length; i++) watching[i].onNoted!(world, envelope);
  }

  onAnnounced(world: World, event: WorldEvent, subject: string): void {
    this.attendance.onAnnounced(world, event, subject);
  }

  /** To be called once a simulated second. */
  onTick(world: World): void {
    for (const invariant of this.ticked) invariant.onTick!(world);
    this.goals.onTick(world);
    this.calm.onTick(world);
  }

  /** By name. */
  counts(): Record<string, InvariantCount> {
    return Object.fromEntries(
      this.invariants.map(({ name, checked, violated }) => [name, { checked, violated }]),
    );
  }

  /** What was seen to happen, and how often: outcomes of requests, stages that served, notes, truths of deaths. */
  witnesses(world: World): Record<string, number> {
    const seen: Record<string, number> = {};
    const count = (what: string, times: number): void => {
      if (times > 0) seen[what] = (seen[what] ?? 0) + times;
    };
    for (const { code, answer } of world.users.requests) {
      if (code >= 0) count(ERROR_CODES[code], 1);
      if (answer !== null) count(`served-${STAGES[answer.stage]}`, 1);
    }
    for (const { state, begunUs, code } of world.owners.agents) {
      if (begunUs > 0) count('agent-begun', 1);
      if (state !== null && state.state !== 0) count(`agent-${AGENT_STATES[state.state]}`, 1);
      else if (code > 0) count(ERROR_CODES[code], 1);
    }
    for (const { act, code, isFragile } of world.podOwners.requests) {
      if (code === OK) count(isFragile ? 'pod-fragile' : `pod-${act}`, 1);
      else if (code > 0) count(ERROR_CODES[code], 1);
    }
    for (const witness of witnessesOfConsent(world)) count(witness, 1);
    for (const { certifiedUs } of world.podOwners.pods) if (certifiedUs < Infinity) count('pod-certified', 1);
    count('pod-sealed', sealedCopies(world));
    count('pod-key-destroyed', world.tally.handled[KEYS_DESTROYED]);
    NOTES.forEach((note, i) => count(`noted-${note}`, this.noteCounts[i]));
    for (const truth of TRUTHS) count(`given-up-${truth}`, this.attendance.dead[truth]);
    return seen;
  }

  /** The verdict on a run that has come to its end, or was stopped before it. */
  verdict(world: World, isComplete: boolean): { verdict: Verdict; reasons: string[] } {
    const violations = this.violations(world, isComplete);
    if (violations.length > 0) return { verdict: 'violated', reasons: violations };
    if (!isComplete) return { verdict: 'unknown', reasons: ['stopped before the end of the scenario'] };
    const stalls = this.stalls(world);
    if (stalls.length > 0) return { verdict: 'stalled', reasons: stalls };
    const gaps = this.gaps(world);
    return { verdict: gaps.length > 0 ? 'vacuous' : 'pass', reasons: gaps };
  }

  private violations(world: World, isComplete: boolean): string[] {
    const { never, okAtLeastPpm, levels } = world.scenario.expectations;
    const reasons = this.breaches();
    const seen = this.witnesses(world);
    for (const code of never) {
      if (seen[code] !== undefined)
        reasons.push(
          (ERROR_CODES as readonly string[]).includes(code)
            ? `a request ended in ${code}, which the scenario says never happens`
            : `${code} was seen, which the scenario says never happens`,
        );
    }
    if (!isComplete) return reasons;
    const ended = endedOf(world.users.requests);
    const share = shareOk(ended);
    if (ended.length > 0 && share < okAtLeastPpm)
      reasons.push(
        `${percent(share)} of the requests ended well, expected at least ${okAtLeastPpm / 10_000} %`,
      );
    for (const level of levels ?? []) reasons.push(...missesOf(world, level));
    return reasons;
  }

  private breaches(): string[] {
    const breaches = this.invariants.flatMap(({ name, breaches }) =>
      breaches.map((breach) => ({ name, ...breach })),
    );
    breaches.sort((left, right) => left.event - right.event);
    const told = breaches
      .slice(0, MAX_TOLD)
      .map(({ name, what, atUs, event }) => `${name}: ${what} (at ${atUs} µs, event ${event})`);
    const all = this.invariants.reduce((sum, { violated }) => sum + violated, 0);
    return all > told.length ? [...told, `and ${all - told.length} more`] : told;
  }

  private stalls(world: World): string[] {
    const open = world.users.requests.filter(
      ({ code, cluster }) => code < 0 && this.calm.isOwed(world.scenario.clusters[cluster].name),
    );
    const isCalm = world.scenario.calm !== undefined;
    const late = this.calm.late(world).map((what) => `after the storm: ${what}`);
    // In a calm, who is of the core has asked until the end; what counts is what is overdue.
    const waiting = isCalm ? [] : open.map((request) => describeWait(world, request));
    return [...late, ...waiting, ...this.goals.late(world)].slice(0, MAX_TOLD);
  }

  /** What the run did not show. */
  private gaps(world: World): string[] {
    const { sometimes, always } = world.scenario.expectations;
    const seen = this.witnesses(world);
    const reasons = sometimes
      .filter((witness) => seen[witness] === undefined)
      .map((witness) =>
        (ERROR_CODES as readonly string[]).includes(witness)
          ? `no request ended in ${witness}, which the scenario is to show`
          : `${witness} was not seen, which the scenario is to show`,
      );
    for (const { name, checked } of this.invariants) {
      if ((always as readonly string[] | undefined)?.includes(name) === true && checked === 0)
        reasons.push(`the invariant ${name} was never put to the test`);
    }
    for (const { fault, label, fired, affected, mustFire } of world.faults.counts) {
      const waits = fault.after !== undefined;
      if (fired === 0 && (mustFire || !waits)) reasons.push(`the fault “${label}” never came`);
      else if (mustFire && affected === 0) reasons.push(`the fault “${label}” touched nothing`);
    }
    for (const level of world.scenario.expectations.levels ?? []) {
      if (askedIn(world, level).length === 0) reasons.push(`no request was asked (${nameOf(level)})`);
    }
    return reasons;
  }

  private thoseWith(hook: Hook): Invariant[] {
    return this.invariants.filter((invariant) => invariant[hook] !== undefined);
  }

  private tableOf(
    watched: Exclude<keyof Watches, 'steps' | 'ticks'>,
    length: number,
    hook: Hook,
  ): (readonly Invariant[] | null)[] {
    const able = this.thoseWith(hook);
    return Array.from({ length }, (_, i) => {
      const watching = able.filter(({ watches }) => watches[watched]?.includes(i) === true);
      return watching.length === 0 ? null : watching;
    });
  }
}

/** Contents that lie sealed on a disk, each disk counted. */
function sealedCopies({ machines, vault }: World): number {
  let copies = 0;
  if (vault.sealed.size === 0) return copies;
  for (const { platter } of machines)
    for (const hash of platter.contents.keys()) if (vault.sealed.has(hash)) copies++;
  return copies;
}
