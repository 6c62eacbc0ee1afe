import { expect } from 'chai';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPage } from '../../viz/build.ts';
import { tinyScenario } from '../sim/tiny-scenario.ts';
import { recordRun } from './recorded-run.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const LOADER = import.meta.resolve('tsx/esm');
const SECOND_US = 1_000_000;

describe('watershed view', function () {
  this.timeout(40_000);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-command-'));
  let running: ChildProcess | null = null;

  before(() => buildPage());
  afterEach(() => running?.kill('SIGKILL'));
  after(() => rmSync(folder, { recursive: true }));

  function view(...args: string[]): { child: ChildProcess; said: () => string; errors: () => string } {
    const child = spawn(process.execPath, ['--import', LOADER, MAIN, 'view', ...args], { cwd: folder });
    running = child;
    const texts = { out: '', err: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()));
    return { child, said: () => texts.out, errors: () => texts.err };
  }

  async function exitCode(child: ChildProcess): Promise<number | null> {
    if (child.exitCode === null) await once(child, 'close');
    return child.exitCode;
  }

  it('exits with 64 where there is no run, and says what makes one', async () => {
    const { child, errors } = view();
    expect(await exitCode(child)).to.equal(64);
    expect(errors()).to.equal('runs/ holds no run; watershed run <file> makes one\n');
  });

  it('exits with 64 for a folder that is not there', async () => {
    const { child, errors } = view('nowhere');
    expect(await exitCode(child)).to.equal(64);
    expect(errors()).to.equal('nowhere: there is no such folder\n');
  });

  it('shows the newest run until it is interrupted', async () => {
    const scenario = tinyScenario({ durationUs: 10 * SECOND_US });
    mkdirSync(join(folder, 'runs'));
    for (const name of ['older', 'newer', 'oldest'])
      recordRun(join(folder, 'runs', name), { ...scenario, name });
    const now = Date.now() / 1_000;
    utimesSync(join(folder, 'runs', 'older', 'frames.jsonl'), now - 60, now - 60);
    utimesSync(join(folder, 'runs', 'oldest', 'frames.jsonl'), now - 90, now - 90);
    const { child, said, errors } = view('--port', '0');
    while (!said().includes('\n')) {
      await once(child.stdout!, 'data');
    }
    const url = /http:\S+/.exec(said())![0];
    const header = (await (await fetch(`${url}api/header`)).json()) as { name: string };
    expect(header.name).to.equal('newer');
    expect(await (await fetch(url)).text()).to.contain('<title>Watershed</title>');
    child.kill('SIGINT');
    expect(await exitCode(child), errors()).to.equal(0);
  });
});
