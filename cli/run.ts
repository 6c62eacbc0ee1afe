import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { RunFolder } from '../sim/files.ts';
import { EXIT_CODES } from '../sim/checker.ts';
import { drawStorm, underStorm } from '../sim/nemesis.ts';
import { headerOf } from '../sim/recorder.ts';
import { parseDuration } from '../sim/scenario/units.ts';
import type { ResolvedScenario } from '../sim/scenario/resolved.ts';
import { Simulation } from '../sim/simulate.ts';
import { summarize } from '../sim/summary.ts';
import { Affairs } from '../viz/affairs.ts';
import { viewAffairs } from '../viz/affairs-view.ts';
import { loadForCli, USAGE } from './errors.ts';
import { complain } from './lines.ts';
import { printSummary, type ToldSummary } from './report.ts';
import { standingFrom } from './standing.ts';

export interface RunOptions {
  readonly seed?: number;
  readonly until?: string;
  readonly out?: string;
  readonly storm?: boolean;
  readonly trace?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `watershed run`. Returns the exit code of the verdict. */
export async function runScenario(file: string, options: RunOptions): Promise<number> {
  const seeded = loadForCli(file, options.seed);
  if (seeded === null) return USAGE;
  const untilUs = options.until === undefined ? undefined : parseDuration(options.until);
  if (untilUs === null) {
    complain(`--until ${options.until}: a time with its unit is expected, as in 90s or 5min`);
    return USAGE;
  }
  const scenario = options.storm === true ? underStorm(seeded, drawStorm(seeded, seeded.seed)) : seeded;
  const path = options.out ?? join('runs', nameRun(scenario, options));
  const folder = openFolder(path, scenario, options.trace === true);
  if (folder === null) return USAGE;
  const affairs = new Affairs();
  const simulation = new Simulation(scenario, {
    reel: {
      frame: (frame) => folder.frame(frame),
      story: (story) => folder.story(story),
      fact: (fact) => {
        affairs.take(fact);
        folder.fact(fact);
      },
    },
    watchers: folder.trace === null ? [] : [folder.trace],
    ...(untilUs === undefined ? {} : { untilUs }),
  });
  const wallMs = await runToEnd(simulation, options.json !== true && options.quiet !== true);
  const { verdict, reasons } = simulation.verdict();
  const summary: ToldSummary = {
    ...summarize(simulation.world, verdict, reasons, wallMs, simulation.checker),
    standing: standingFrom(viewAffairs(affairs, headerOf(scenario))),
    written: folder.written,
  };
  folder.close(summary);
  report(summary, scenario, path, options);
  return EXIT_CODES[verdict];
}

/** A run that is cut short or under a storm is another one: it leaves the folder of the plain run alone. */
function nameRun({ name, seed }: ResolvedScenario, { storm, until }: RunOptions): string {
  const special = [storm === true ? '-storm' : '', until === undefined ? '' : `-until-${until}`];
  return `${name}-${seed}${special.join('')}`;
}

/** Opens the folder of the run, or says why it cannot be written and gives null. */
function openFolder(path: string, scenario: ResolvedScenario, withTrace: boolean): RunFolder | null {
  try {
    return new RunFolder(path, scenario, headerOf(scenario), withTrace);
  } catch (error) {
    complain(
      `the run cannot be written to ${path}: ${(error as Error).message}; name another folder by --out`,
    );
    return null;
  }
}

function report(summary: ToldSummary, scenario: ResolvedScenario, path: string, options: RunOptions): void {
  if (options.json === true) console.log(JSON.stringify(summary));
  else if (options.quiet === true) console.log(`${summary.verdict} ${summary.digest}`);
  else printSummary(summary, scenario, path);
}

/** Between two looks at the clock, the terminal and Ctrl-C. */
const TURN_MS = 50;

/** Advances until the end or Ctrl-C, with a line of progress on a terminal. Returns the wall time it took, ms. */
async function runToEnd(simulation: Simulation, withProgress: boolean): Promise<number> {
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.once('SIGINT', stop);
  const startMs = performance.now();
  let turnMs = startMs;
  const showsProgress = withProgress && process.stderr.isTTY;
  while (!simulation.isDone && !isStopped) {
    simulation.advance();
    if (performance.now() - turnMs < TURN_MS) continue;
    if (showsProgress) showProgress(simulation);
    await nextTurn();
    turnMs = performance.now();
  }
  process.off('SIGINT', stop);
  if (showsProgress) process.stderr.write('\r\x1b[K');
  if (isStopped) console.error('stopped: what was simulated so far is kept');
  return performance.now() - startMs;
}

function showProgress({ world }: Simulation): void {
  const share = world.nowUs / world.scenario.durationUs;
  const filled = Math.round(share * 30);
  const bar = '█'.repeat(filled) + '░'.repeat(30 - filled);
  const minutes = (world.nowUs / 60_000_000).toFixed(1);
  const percent = String(Math.floor(share * 100)).padStart(3);
  process.stderr.write(
    `\r${bar} ${percent} %  ${minutes} min, ${world.users.requests.length} requests, ${world.users.open} open\x1b[K`,
  );
}
