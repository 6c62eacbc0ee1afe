import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { replayJournal } from '../../live/replay.ts';
import { isAlive, journalsOf, makeFolder, removeFolder, until } from './pilot.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

describe('the processes of a live federation', function () {
  this.timeout(60_000);
  let folder: string;
  let started: ChildProcess | null = null;

  beforeEach(() => {
    folder = makeFolder();
  });

  afterEach(() => {
    started?.kill('SIGKILL');
    started = null;
    removeFolder(folder);
  });

  function start(...words: string[]): ChildProcess {
    started = spawn(process.execPath, ['--import', 'tsx/esm', ...words], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return started;
  }

  it('leave nobody behind when whoever started them is killed', async () => {
    const supervisor = start('test/live/supervisor.ts', folder);
    const [line] = (await once(createInterface(supervisor.stdout!), 'line')) as [string];
    const { pids } = JSON.parse(line) as { pids: number[] };
    expect(pids.filter(isAlive)).to.have.length(9);
    supervisor.kill('SIGKILL');
    expect(await until(() => !pids.some(isAlive), 5_000), 'within 5 s all are gone').to.equal(true);
    for (const name of readdirSync(join(folder, 'nodes'))) {
      const [journal] = journalsOf({ folder: join(folder, 'nodes', name) });
      const { verdict, isSealed } = replayJournal(journal!);
      expect([verdict, isSealed], name).to.deep.equal(['equal', true]);
    }
  });

  it('`watershed live` shows where to ask, and Ctrl-C stops all of them within 5 s', async () => {
    const scenario = 'scenarios/pilot-three-clusters.yaml';
    const command = start('cli/main.ts', 'live', scenario, '--port', '0', '--dir', folder);
    const told: string[] = [];
    for await (const line of createInterface(command.stdout!)) {
      told.push(line);
      if (line.includes('Ctrl-C')) break;
    }
    const text = told.join('\n');
    const [, url] = /curl -s (http:\/\/127\.0\.0\.1:\d+)\/v1\/ask/.exec(text)!;
    expect((await fetch(`${url}/v1/health`)).status).to.equal(200);
    const pids = readdirSync(join(folder, 'nodes')).map((name) => readPid(join(folder, 'nodes', name)));
    expect(pids.filter(isAlive)).to.have.length(9);
    const startMs = performance.now();
    command.kill('SIGINT');
    const [code] = (await once(command, 'exit')) as [number];
    expect(code).to.equal(0);
    expect(performance.now() - startMs).to.be.lessThan(5_000);
    expect(pids.filter(isAlive)).to.deep.equal([]);
  });

  it('Ctrl-C while they start stops them too', async () => {
    const command = start(
      'cli/main.ts',
      'live',
      'scenarios/pilot-three-clusters.yaml',
      '--port',
      '0',
      '--dir',
      folder,
    );
    await once(createInterface(command.stdout!), 'line');
    const pidsOf = (): number[] => {
      const path = join(folder, 'federation.log');
      const lines = existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];
      return lines.flatMap((line) => (JSON.parse(line) as { process?: number }).process ?? []);
    };
    expect(await until(() => pidsOf().length === 9, 5_000)).to.equal(true);
    const pids = pidsOf();
    command.kill('SIGINT');
    const [code] = (await once(command, 'exit')) as [number];
    expect(code).to.equal(0);
    expect(await until(() => !pids.some(isAlive), 2_000)).to.equal(true);
  });
});

/** The process that wrote the node's log. */
function readPid(folder: string): number {
  const [line] = readFileSync(join(folder, 'node.log'), 'utf8').split('\n');
  return (JSON.parse(line!) as { pid: number }).pid;
}
