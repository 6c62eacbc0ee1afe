import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What came of some tests, or why nothing did. */
export interface RunResult {
  /** Full titles, by file. */
  readonly passed: readonly RanTest[];
  readonly failed: readonly RanTest[];
  /** Null, or why no result can be had of it. */
  readonly trouble: string | null;
}

export interface RanTest {
  readonly title: string;
  readonly file: string;
}

export interface RunRequest {
  readonly root: string;
  readonly files: readonly string[];
  /** A regular expression over full titles. */
  readonly pattern: string;
  /** Where the result is written. */
  readonly resultPath: string;
  /** Stop at the first test that fails. */
  readonly isBailing: boolean;
  readonly environment: Readonly<Record<string, string>>;
  readonly limitMs: number;
}

interface JsonTest {
  readonly fullTitle: string;
  readonly file: string;
}

const running = new Set<ChildProcess>();

/** Ends what is still running, at once. */
export function killRuns(): void {
  for (const child of running) killGroup(child);
}

/** Mocha runs the tests in a child of its own, which would outlive it: the whole group goes. */
function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Runs tests in a process of their own. */
export async function runMocha(request: RunRequest): Promise<RunResult> {
  const { root, files, pattern, resultPath, isBailing, environment, limitMs } = request;
  const options = ['--grep', pattern, '--reporter', 'json', '--reporter-option', `output=${resultPath}`];
  if (isBailing) options.push('--bail');
  const child = spawn(process.execPath, ['node_modules/mocha/bin/mocha.js', ...options, ...files], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own, so that it can be ended as a whole.
    detached: true,
  });
  running.add(child);
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint = (complaint + data.toString()).slice(-2_000)));
  let isOverdue = false;
  const limit = setTimeout(() => {
    isOverdue = true;
    killGroup(child);
  }, limitMs);
  await new Promise<void>((resolve) => child.once('close', () => resolve()));
  clearTimeout(limit);
  running.delete(child);
  if (isOverdue) return failedRun(`did not end in ${limitMs / 1_000} s`);
  if (!existsSync(resultPath)) return failedRun(firstLineOf(complaint) ?? 'mocha left no result');
  const { passes, failures } = JSON.parse(readFileSync(resultPath, 'utf8')) as {
    passes: JsonTest[];
    failures: JsonTest[];
  };
  const shorten = ({ fullTitle, file }: JsonTest): RanTest => ({
    title: fullTitle,
    file: file.startsWith(join(root, '/')) ? file.slice(join(root, '/').length) : file,
  });
  return { passed: passes.map(shorten), failed: failures.map(shorten), trouble: null };
}

function failedRun(trouble: string): RunResult {
  return { passed: [], failed: [], trouble };
}

function firstLineOf(complaint: string): string | null {
  return complaint.split('\n').find((line) => /error|cannot|not found/i.test(line)) ?? null;
}
