import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'cli', 'watershed.js');

/** The blocks of a section of the README: what is typed, and what is then seen. */
function blocksOf(title: string): { typed: string[]; seen: string[] } {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, section] = readme.split(`\n## ${title}\n`);
  const [text] = section!.split('\n## ');
  const blocks = [...text!.matchAll(/```(sh)?\n([^`]*)```/g)];
  const ofKind = (isTyped: boolean): string[] =>
    blocks.filter(([, sh]) => (sh === 'sh') === isTyped).map(([, , lines]) => lines!);
  return { typed: ofKind(true), seen: ofKind(false) };
}

describe('the README’s pod that is kept at home', function () {
  this.timeout(180_000);
  const { typed, seen } = blocksOf('Keep what is yours at home');
  const folder = mkdtempSync(join(tmpdir(), 'watershed-home-'));
  let live: ChildProcess | null = null;

  before(() => symlinkSync(join(ROOT, 'scenarios'), join(folder, 'scenarios')));

  after(async () => {
    if (live !== null && live.exitCode === null) {
      live.kill('SIGINT');
      await once(live, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  /** In a shell, with the command as it is in a checkout. */
  function start(lines: string): ChildProcess {
    const text = lines.replaceAll('npx watershed', `${process.execPath} ${CLI}`);
    return spawn(
      'sh',
      ['-c', text.startsWith(process.execPath) && !text.trim().includes('\n') ? `exec ${text}` : text],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
  }

  it('works as it is shown, in a narrow window', async () => {
    expect([typed.length, seen.length]).to.deep.equal([4, 3]);
    live = start(typed[0]!.trim().replace('live ', 'live --port 0 '));
    for await (const line of createInterface(live.stdout!)) if (line.includes('Ctrl-C')) break;
    for (const [i, lines] of typed.slice(1).entries()) {
      const shell = start(lines);
      const said: string[] = [];
      for await (const line of createInterface(shell.stdout!)) said.push(line);
      const shown = seen[i]!.trimEnd().split('\n');
      expect(said.length, said.join('\n')).to.equal(shown.length);
      // What differs from run to run is left out where it says "…".
      shown.forEach((line, at) =>
        line.split('…').forEach((part) => expect(said[at], said.join('\n')).to.include(part)),
      );
      for (const line of said) expect(line.length, line).to.be.at.most(80);
    }
  });
});
