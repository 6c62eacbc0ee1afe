import type { Envelope } from '../core/machine/envelope.ts';
import { settleCalm } from './calm.ts';
import { Checker, type Verdict } from './checker.ts';
import type { Machine } from './machine.ts';
import { FRAME_PERIOD_US, Recorder, type Reel } from './recorder.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import type { WorldEvent } from './world-events.ts';
import { World, type Fate, type Watcher } from './world.ts';

export interface SimulationOptions {
  /** Stop there, µs; the verdict is then `unknown` unless something was wrong before. Default: the scenario's duration. */
  readonly untilUs?: number;
  /** Where frames and stories go; nowhere by default. */
  readonly reel?: Reel;
  /** Checks what a run takes for granted: see World. Slower, and the digest is the same. */
  readonly isChecking?: boolean;
  /** Further watchers, such as a trace. */
  readonly watchers?: readonly Watcher[];
}

/** A run that can be watched, and stopped between two simulated seconds. */
export class Simulation {
  readonly world: World;
  readonly checker: Checker;
  private readonly recorder: Recorder | null;
  private readonly untilUs: number;

  constructor(scenario: ResolvedScenario, options: SimulationOptions = {}) {
    this.untilUs = Math.min(options.untilUs ?? scenario.durationUs, scenario.durationUs);
    this.recorder = options.reel === undefined ? null : new Recorder(scenario, options.reel);
    const settled = settleCalm(scenario);
    this.checker = new Checker(settled, options.isChecking === true);
    const watchers: Watcher[] = [this.checker, ...(options.watchers ?? [])];
    if (this.recorder !== null) watchers.push(this.recorder);
    this.world = new World(settled, together(watchers), options.isChecking);
    this.world.users.onEnded = (request) => this.recorder?.onEnded(this.world, request);
    this.world.podOwners.onEnded = (request) => this.recorder?.onPodEnded(request);
    this.world.start();
  }

  get isDone(): boolean {
    return this.world.nowUs >= this.untilUs;
  }

  /** The next simulated second. */
  advance(): void {
    this.world.run(Math.min(this.world.nowUs + FRAME_PERIOD_US, this.untilUs));
    this.checker.onTick(this.world);
    this.recorder?.takeFrame(this.world);
  }

  verdict(): { verdict: Verdict; reasons: string[] } {
    return this.checker.verdict(this.world, this.world.nowUs >= this.world.scenario.durationUs);
  }
}

/** Runs a scenario to its end in one go. */
export function simulate(scenario: ResolvedScenario, options: SimulationOptions = {}): Simulation {
  const simulation = new Simulation(scenario, options);
  while (!simulation.isDone) simulation.advance();
  return simulation;
}

/** Many watchers as one, each hook absent where nobody has it: what nobody watches costs nothing. */
function together(watchers: readonly Watcher[]): Watcher {
  const handled = watchers.filter((watcher) => watcher.onHandled !== undefined);
  const dropped = watchers.filter((watcher) => watcher.onDropped !== undefined);
  const noted = watchers.filter((watcher) => watcher.onNoted !== undefined);
  const sent = watchers.filter((watcher) => watcher.onSent !== undefined);
  const stepped = watchers.filter((watcher) => watcher.onStep !== undefined);
  const announced = watchers.filter((watcher) => watcher.onAnnounced !== undefined);
  if (watchers.length === 1) return watchers[0];
  const all: Watcher = {};
  if (handled.length > 0)
    all.onHandled = (world: World, envelope: Envelope, event: number, cause: number): void => {
      for (const watcher of handled) watcher.onHandled!(world, envelope, event, cause);
    };
  if (dropped.length > 0)
    all.onDropped = (world: World, envelope: Envelope, fate: Fate): void => {
      for (const watcher of dropped) watcher.onDropped!(world, envelope, fate);
    };
  if (noted.length > 0)
    all.onNoted = (world: World, envelope: Envelope): void => {
      for (const watcher of noted) watcher.onNoted!(world, envelope);
    };
  if (sent.length > 0)
    all.onSent = (world: World, envelope: Envelope): void => {
      for (const watcher of sent) watcher.onSent!(world, envelope);
    };
  if (stepped.length > 0)
    all.onStep = (world: World, machine: Machine, monoUs: number): void => {
      for (const watcher of stepped) watcher.onStep!(world, machine, monoUs);
    };
  if (announced.length > 0)
    all.onAnnounced = (world: World, event: WorldEvent, subject: string): void => {
      for (const watcher of announced) watcher.onAnnounced!(world, event, subject);
    };
  return all;
}
