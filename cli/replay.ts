import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isAlive } from '../live/folder-lock.ts';
import { EXIT_CODES } from '../sim/checker.ts';
import { VERSION } from '../sim/version.ts';
import { JournalFault, replayJournal } from '../live/replay.ts';
import { complain, say } from './lines.ts';
import { USAGE } from './usage.ts';

/** Whether the journal is the newest of a node that runs: its process has its number in a file beside it. */
function isBeingWritten(path: string): boolean {
  const folder = dirname(path);
  const numbers = readdirSync(folder).map((name) => Number(/^journal-(\d+)\.jsonl$/.exec(name)?.[1] ?? 0));
  if (basename(path) !== `journal-${Math.max(...numbers)}.jsonl`) return false;
  try {
    return isAlive(Number(readFileSync(join(folder, 'pid'), 'utf8')));
  } catch {
    return false;
  }
}

/** `watershed replay`: exit 0 if the node sends what it sent, 5 if not, 64 if the file is no journal. */
export async function replayJournalFile(path: string): Promise<number> {
  try {
    const { name, version, inputs, outputs, isSealed, verdict } = replayJournal(path);
    if (verdict === 'equal') {
      const compared = `${inputs} inputs, ${outputs} outputs`;
      if (isSealed) {
        say(`equal: ${compared}`);
        say(`${name} sealed it when it stopped`);
      } else {
        say(`equal as far as it goes, and cut off after entry ${inputs}: ${compared}`);
        say(
          isBeingWritten(path)
            ? `not sealed: ${name} is running, and writes on`
            : `not sealed: ${name} was killed, or what followed is missing`,
        );
      }
      return 0;
    }
    const { entry, what, expected, found } = verdict;
    say(`not equal: ${name}, ${entry === 0 ? 'header' : `entry ${entry}`}: ${what}`);
    say(`  expected ${expected}`);
    say(`  found    ${found}`);
    if (version !== VERSION) say(`  it was written by version ${version}; this is ${VERSION}`);
    return EXIT_CODES.nondeterministic;
  } catch (error) {
    if (!(error instanceof JournalFault)) throw error;
    complain(error.message);
    return USAGE;
  }
}
