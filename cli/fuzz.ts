import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { makeFolder } from '../sim/files.ts';
import { Campaign, type Finding } from '../sim/fuzz.ts';
import { EXIT_CODES } from '../sim/checker.ts';
import { swarmOf, underStorm } from '../sim/nemesis.ts';
import { runSeeds } from '../sim/pool.ts';
import { wrapResolved } from '../sim/scenario/resolved-file.ts';
import { shrinkStorm } from '../sim/shrink.ts';
import { loadForCli } from './errors.ts';
import { complain, counted, wrap } from './lines.ts';
import { USAGE } from './usage.ts';

export interface FuzzOptions {
  /** `1..1000`. */
  readonly seeds?: string;
  readonly jobs?: number;
  readonly minutes?: number;
  readonly json?: boolean;
}

/** `watershed fuzz`: storms over scenarios, a seed each. Exit 0 if nothing was found, else 1. */
export async function fuzzScenarios(files: readonly string[], options: FuzzOptions): Promise<number> {
  const seeds = parseSeeds(options.seeds ?? '1..200');
  if (seeds === null) {
    complain(`--seeds ${options.seeds}: a range as 1..1000 is expected`);
    return USAGE;
  }
  const scenarios = files.map((file) => ({ file, scenario: loadForCli(file) }));
  if (scenarios.some(({ scenario }) => scenario === null)) return USAGE;
  const stop = new Stop(options.minutes);
  const jobs = options.jobs ?? availableParallelism();
  const findings: Finding[] = [];
  const campaigns: object[] = [];
  for (const { file, scenario } of scenarios) {
    const campaign = new Campaign(file);
    const startMs = performance.now();
    const done = await runSeeds(
      scenario!,
      seeds,
      jobs,
      (result) => {
        campaign.add(result);
        showProgress(campaign, seeds, options, startMs);
      },
      () => stop.isDue,
    );
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const completed = done === 0 ? null : `${seeds.from}..${seeds.from + done - 1}`;
    findings.push(...campaign.findings);
    campaigns.push(describe(campaign, completed));
    const { kinds } = swarmOf(scenario!);
    if (options.json !== true) report(campaign, kinds.length, completed, performance.now() - startMs);
  }
  stop.close();
  if (options.json === true) console.log(JSON.stringify({ campaigns }));
  return findings.length === 0 ? 0 : EXIT_CODES.violated;
}

/** `watershed shrink`: the smallest storm under which a seed fails alike, written as a file that `run` takes. */
export function shrinkFinding(file: string, options: { seed: number; out?: string }): Promise<number> {
  const scenario = loadForCli(file);
  if (scenario === null) return Promise.resolve(USAGE);
  const shrunk = shrinkStorm(scenario, options.seed);
  if (shrunk === null) {
    console.log(`seed ${options.seed} of ${file} does not fail`);
    return Promise.resolve(0);
  }
  const { storm, result, runs } = shrunk;
  const harms = [...storm.faults, ...storm.malice];
  const path = options.out ?? join('runs', `found-${scenario.name}-${options.seed}.json`);
  makeFolder(dirname(path));
  const found = wrapResolved(underStorm({ ...scenario, seed: options.seed }, storm));
  writeFileSync(path, `${JSON.stringify(found, null, 1)}\n`);
  console.log(`${result.failure}`);
  console.log(
    `the smallest storm in ${runs} runs, ${counted(storm.faults.length, 'fault')}, ${counted(storm.malice.length, 'traitor')}:`,
  );
  for (const harm of harms) console.log(`  ${JSON.stringify(harm)}`);
  for (const reason of result.reasons.slice(0, 3)) console.log(`  → ${reason}`);
  console.log(`written ${path}`);
  console.log(`see it  npx watershed run ${path}`);
  return Promise.resolve(EXIT_CODES.violated);
}

function parseSeeds(text: string): { from: number; to: number } | null {
  const match = /^(\d{1,15})(?:\.\.(\d{1,15}))?$/.exec(text);
  if (match === null) return null;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return to < from ? null : { from, to };
}

/** When to stop before the end of the range: at Ctrl-C, or after so many minutes. */
class Stop {
  isDue = false;
  private readonly timer: NodeJS.Timeout | null;
  private readonly onSignal = (): void => {
    this.isDue = true;
  };

  constructor(minutes: number | undefined) {
    process.on('SIGINT', this.onSignal);
    this.timer = minutes === undefined ? null : setTimeout(this.onSignal, minutes * 60_000);
  }

  close(): void {
    process.off('SIGINT', this.onSignal);
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

function describe(campaign: Campaign, completed: string | null): object {
  const { file, seeds, events, findings, witnesses, faultKinds, faultPairs, maliciousRoles } = campaign;
  return { file, seeds, completed, events, findings, witnesses, faultKinds, faultPairs, maliciousRoles };
}

function showProgress(
  { seeds: done, findings }: Campaign,
  { from, to }: { from: number; to: number },
  options: FuzzOptions,
  startMs: number,
): void {
  if (!process.stderr.isTTY || options.json === true) return;
  const rate = (done * 1000) / Math.max(1, performance.now() - startMs);
  const found = findings.length === 0 ? 'nothing found' : `${findings.length} found`;
  process.stderr.write(`\r${done} of ${to - from + 1} seeds, ${rate.toFixed(0)} a second, ${found}\x1b[K`);
}

/** For people, in 80 columns. */
function report(campaign: Campaign, kinds: number, completed: string | null, wallMs: number): void {
  const { file, seeds, findings, witnesses, faultKinds, faultPairs, maliciousRoles } = campaign;
  const range = completed === null ? 'no seeds' : `seeds ${completed}`;
  console.log(`${file}:`);
  console.log(`  ${range}, ${(wallMs / 1000).toFixed(1)} s, ${counted(findings.length, 'distinct failure')}`);
  tell('faults that touched something, in so many of the runs', faultKinds, seeds);
  const touched = Object.keys(faultKinds).length;
  const pairs = Object.keys(faultPairs).length;
  console.log(`  kinds: ${touched} of ${kinds}; pairs in one run: ${pairs} of ${(kinds * (kinds - 1)) / 2}`);
  tell('traitors that touched something', maliciousRoles, seeds);
  tell('seen', witnesses, seeds);
  for (const { failure, seed, count, reasons } of findings) {
    console.log();
    for (const line of wrap(failure, 76)) console.log(`  ${line}`);
    wrap(`${count} of ${seeds} seeds; first: ${reasons[0]}`, 74).forEach((line) =>
      console.log(`    ${line}`),
    );
    console.log(`    npx watershed shrink ${file} --seed ${seed}`);
  }
}

function tell(what: string, counts: Readonly<Record<string, number>>, seeds: number): void {
  const shares = Object.entries(counts)
    .map(([name, count]) => `${name} ${Math.round((100 * count) / Math.max(1, seeds))}%`)
    .join(', ');
  for (const [i, line] of wrap(`${what}: ${shares || 'none'}`, 74).entries())
    console.log(`${i === 0 ? '  ' : '    '}${line}`);
}
