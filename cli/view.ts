import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { serveView, type ServedView } from '../viz/server.ts';
import { ViewError } from '../viz/view.ts';
import { complain } from './lines.ts';
import { USAGE } from './usage.ts';

const RUNS = 'runs';

export interface ViewRunOptions {
  readonly port: number;
  /** Open the page in the user's browser. */
  readonly open?: boolean;
}

/** `watershed view`: serves a run until Ctrl-C. Returns the exit code. */
export async function viewRun(run: string | undefined, options: ViewRunOptions): Promise<number> {
  const folder = run ?? findNewestRun(RUNS);
  if (folder === null) {
    complain(`${RUNS}/ holds no run; watershed run <file> makes one`);
    return USAGE;
  }
  let served: ServedView;
  try {
    served = await serveView({ source: folder, port: options.port });
  } catch (error) {
    if (!(error instanceof ViewError)) throw error;
    complain(error.message);
    return USAGE;
  }
  console.log(`${folder} is shown at ${served.url}   (Ctrl-C ends)`);
  if (options.open === true) openBrowser(served.url);
  await untilStopped();
  await served.close();
  return 0;
}

/** The folder whose frames were written last, or null. */
function findNewestRun(parent: string): string | null {
  if (!existsSync(parent)) return null;
  const runs = readdirSync(parent)
    .map((name) => join(parent, name, 'frames.jsonl'))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, writtenMs: statSync(path).mtimeMs }))
    .sort((left, right) => right.writtenMs - left.writtenMs);
  return runs.length === 0 ? null : join(runs[0].path, '..');
}

function openBrowser(url: string): void {
  const [command, ...rest] =
    process.platform === 'darwin'
      ? ['open']
      : process.platform === 'win32'
        ? ['cmd', '/c', 'start', '']
        : ['xdg-open'];
  const child = spawn(command, [...rest, url], { stdio: 'ignore', detached: true });
  // A machine without a desktop has nothing to open it with; the address was printed.
  child.on('error', () => undefined);
  child.unref();
}

function untilStopped(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
}
