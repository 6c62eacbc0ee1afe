import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Digest } from '../core/base/digest.ts';
import { loadScenario } from '../sim/scenario/load.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { simulate } from '../sim/simulate.ts';
import { World } from '../sim/world.ts';
import type { Figures } from './main.ts';

const FILE = fileURLToPath(new URL('../scenarios/quickstart.yaml', import.meta.url));

/** A chain that absorbs nothing. */
class NoDigest extends Digest {
  override word(): this {
    return this;
  }

  override integer(): this {
    return this;
  }
}

/** How a run is made. Each in a process of its own: what one makes slow in the engine, another must not feel. */
const MODES = { bare: runBare, digested: runDigested, judged: runJudged } as const;
type Mode = keyof typeof MODES;

/** Nobody watches, nothing is chained, no state is folded. */
function runBare(scenario: ResolvedScenario): number {
  const world = new World(scenario);
  for (const machine of world.machines) Object.assign(machine, { digest: new NoDigest() });
  world.start();
  // Windows go over the machines that run here.
  Object.assign(world, { own: [] });
  world.run(scenario.durationUs);
  return world.events;
}

function runDigested(scenario: ResolvedScenario): number {
  const world = new World(scenario);
  world.start();
  world.run(scenario.durationUs);
  return world.events;
}

/** Every invariant, witness and goal, and the digest. */
function runJudged(scenario: ResolvedScenario): number {
  return simulate(scenario).world.events;
}

/**
 * The quickstart as it is run, judged by every invariant and digested, against the same events without any of it: events
 * a second of the processor, and their ratio, by the best round of each. The target is 0.7.
 */
export function measure(args: string[]): Figures {
  const { values } = parseArgs({ args, options: { rounds: { type: 'string' }, one: { type: 'string' } } });
  if (values.one !== undefined) return timeOne(values.one as Mode);
  const rounds = Number(values.rounds ?? 5);
  const best: Record<Mode, number> = { bare: 0, digested: 0, judged: 0 };
  let events = 0;
  // One after another in each round: a machine that slows down slows all of them.
  for (let round = 0; round < rounds; round++) {
    for (const mode of Object.keys(MODES) as Mode[]) {
      const figures = timeInProcess(mode);
      best[mode] = Math.max(best[mode], figures.eventsPerCpuSecond);
      events = figures.events;
    }
  }
  return {
    events,
    bareEventsPerCpuSecond: best.bare,
    digestedEventsPerCpuSecond: best.digested,
    judgedEventsPerCpuSecond: best.judged,
    ratioDigested: ratio(best.digested, best.bare),
    ratio: ratio(best.judged, best.bare),
    target: 0.7,
  };
}

interface Timed extends Figures {
  readonly events: number;
  readonly eventsPerCpuSecond: number;
}

function timeOne(mode: Mode): Timed {
  const scenario = loadScenario(FILE);
  // A short run first, so that the engine has seen the code.
  MODES[mode]({ ...scenario, durationUs: 120_000_000, faults: [] });
  // Time of the processor and not of the clock, so that others at work on the machine count for little.
  const start = process.cpuUsage();
  const events = MODES[mode](scenario);
  const { user, system } = process.cpuUsage(start);
  return { events, eventsPerCpuSecond: Math.round((events * 1_000_000) / (user + system)) };
}

function timeInProcess(mode: Mode): Timed {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--import', 'tsx/esm', main, 'quickstart', '--one', mode, '--json'],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('..', import.meta.url)) },
  );
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Timed;
}

function ratio(part: number, whole: number): number {
  return Math.round((part / whole) * 1_000) / 1_000;
}
