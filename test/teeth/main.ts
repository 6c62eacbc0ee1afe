/**
 * `npm run test:teeth [-- ID…]`: breaks each rule that is held in a copy of the tree, and fails if the rule's tests do not
 * notice. See test/spec/RULES.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { bite, filesOf, findSickness, runHealthy, type Verdict } from './bite.ts';
import { findDisagreements, readRules } from './house.ts';
import { killRuns, type RunResult } from './mocha-run.ts';
import { RulesError, type Rule, type Sabotage } from './rules.ts';
import { formatVerdict } from './verdict-line.ts';

const EXIT_NOTICED = 0;
const EXIT_TOOTHLESS = 1;
const EXIT_USAGE = 64;
const CLEAR_LINE = '\r\u001b[K';

/** Runs jobs on all cores, in order. */
async function runAll<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const work = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
}

/** The rules asked for, or all that are held. Null, and a complaint, if one of them is none. */
function chooseRules(rules: readonly Rule[], ids: readonly string[]): readonly Rule[] | null {
  const held = rules.filter(({ isHeld }) => isHeld);
  for (const id of ids) {
    if (held.some((rule) => rule.id === id)) continue;
    const isStated = rules.some((rule) => rule.id === id);
    const reason = isStated ? 'is waiting: there is nothing to break' : 'is not in test/spec/RULES.md';
    console.error(`${id} ${reason}. Held are ${held.map((rule) => rule.id).join(', ')}.`);
    return null;
  }
  return ids.length === 0 ? held : held.filter(({ id }) => ids.includes(id));
}

/** What has been found so far, told as it is found. */
class Findings {
  readonly faults: string[] = [];
  private readonly total: number;
  private done = 0;

  constructor(total: number) {
    this.total = total;
    this.showProgress();
  }

  tell({ id, line }: Rule, verdict: Verdict, sabotage?: Sabotage): void {
    if (process.stdout.isTTY) process.stdout.write(CLEAR_LINE);
    console.log(formatVerdict(id, verdict));
    if (!verdict.isNoticed)
      this.faults.push(`test/spec/RULES.md:${sabotage?.line ?? line}: ${id}: ${verdict.reason}`);
    this.showProgress();
  }

  countRun(): void {
    this.done++;
    this.showProgress();
  }

  private showProgress(): void {
    if (!process.stdout.isTTY) return;
    process.stdout.write(this.done < this.total ? `${CLEAR_LINE}${this.done} of ${this.total}` : CLEAR_LINE);
  }
}

async function judgeAll(rules: readonly Rule[], scratch: string): Promise<string[]> {
  const files = [...new Set(rules.flatMap(filesOf))];
  const attempts = rules.flatMap((rule) => rule.sabotages.map((sabotage) => ({ rule, sabotage })));
  const findings = new Findings(files.length + attempts.length);
  const healthy = new Map<string, RunResult>();
  await runAll(files, async (file) => {
    healthy.set(file, await runHealthy(file, rules, scratch));
    findings.countRun();
  });
  const sick = new Set<Rule>();
  for (const rule of rules) {
    const reason = findSickness(rule, healthy);
    if (reason === null) continue;
    sick.add(rule);
    findings.tell(rule, { isNoticed: false, reason });
  }
  await runAll(attempts, async ({ rule, sabotage }) => {
    if (!sick.has(rule)) findings.tell(rule, await bite(rule, sabotage, scratch), sabotage);
    findings.countRun();
  });
  return findings.faults;
}

/** A folder for copies of the tree that is gone when the process ends, however it ends. */
function makeScratch(): string {
  const scratch = mkdtempSync(join(tmpdir(), 'watershed-teeth-'));
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
  const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  for (const [signal, code] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      killRuns();
      process.exit(code);
    });
  }
  return scratch;
}

async function main(ids: readonly string[]): Promise<number> {
  const rules = readRules();
  const chosen = chooseRules(rules, ids);
  if (chosen === null) return EXIT_USAGE;
  const faults = findDisagreements(rules);
  faults.push(...(await judgeAll(chosen, makeScratch())));
  const sabotages = chosen.reduce((sum, rule) => sum + rule.sabotages.length, 0);
  const waiting = rules.filter(({ isHeld }) => !isHeld).length;
  for (const fault of faults) console.log(fault);
  const result = faults.length === 0 ? 'all noticed' : `${faults.length} faults`;
  console.log(`${chosen.length} rules held, ${sabotages} sabotages: ${result}; ${waiting} rules wait`);
  return faults.length === 0 ? EXIT_NOTICED : EXIT_TOOTHLESS;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof RulesError)) throw error;
  console.error(error.message);
  process.exitCode = EXIT_TOOTHLESS;
}
