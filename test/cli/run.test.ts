import { expect } from 'chai';
import { spawnSync, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeFolder } from '../../sim/files.ts';

const CLI = fileURLToPath(new URL('../../cli/watershed.js', import.meta.url));
const PILOT = fileURLToPath(new URL('../../scenarios/pilot-three-clusters.yaml', import.meta.url));
const QUICKSTART = fileURLToPath(new URL('../../scenarios/quickstart.yaml', import.meta.url));

describe('the command line', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'watershed-cli-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function watershed(...args: string[]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  it('run --json prints one object with what it promises, and nothing else', () => {
    const { status, stdout } = watershed('run', PILOT, '--json');
    expect(status).to.equal(0);
    const summary = JSON.parse(stdout);
    expect(summary).to.include.all.keys(
      ...[
        'scenario',
        'seed',
        'version',
        'digest',
        'verdict',
        'events',
        'simulatedUs',
        'wallMs',
        'eventsPerSecond',
      ],
      ...['nodes', 'requests', 'latencyMs'],
    );
    const { total, ok, errors, servedBy } = summary.requests;
    const failed = Object.values<number>(errors).reduce((sum, count) => sum + count, 0);
    expect(ok + failed).to.equal(total);
    expect(servedBy).to.have.all.keys('local', 'cluster', 'federation');
    expect(summary.latencyMs).to.include.all.keys('p50', 'p95', 'p99');
  });

  it('writes a run where it says: scenario, summary, frames, requests, metrics, and the trace if asked', () => {
    const { stdout } = watershed('run', PILOT, '--trace', '--out', 'here');
    expect(stdout).to.match(/written {2}here\//);
    expect(readdirSync(join(folder, 'here')).sort()).to.deep.equal(
      [
        'facts.jsonl',
        'frames.jsonl',
        'metrics.csv',
        'requests.jsonl',
        'scenario.json',
        'summary.json',
        'trace.jsonl',
      ].sort(),
    );
    const summary = JSON.parse(readFileSync(join(folder, 'here/summary.json'), 'utf8'));
    const stories = readFileSync(join(folder, 'here/requests.jsonl'), 'utf8').trim().split('\n');
    expect(stories).to.have.length(summary.requests.total);
    const metrics = readFileSync(join(folder, 'here/metrics.csv'), 'utf8').trim().split('\n');
    expect(metrics).to.have.length(1 + summary.simulatedUs / 1e6);
    const trace = readFileSync(join(folder, 'here/trace.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sum = Object.values<number>(summary.messages).reduce((left, right) => left + right, 0);
    const isDevice = ({ kind }: { kind: string }) => kind.startsWith('DEVICE/');
    expect(trace.filter((entry) => !isDevice(entry)).length).to.be.within(sum - 100, sum);
  });

  it('has one digest with and without a trace, in fresh processes', () => {
    const digestOf = (...args: string[]) =>
      JSON.parse(watershed('run', PILOT, '--json', ...args).stdout).digest;
    expect(digestOf()).to.equal(digestOf('--trace'));
    expect(digestOf('--seed', '2')).not.to.equal(digestOf());
  });

  it('says nothing wider than 80 columns', () => {
    const { stdout } = watershed('run', QUICKSTART, '--out', 'wide');
    for (const line of stdout.split('\n')) expect([...line].length, line).to.be.at.most(80);
  });

  it('check finds two runs equal', () => {
    const { status, stdout } = watershed('check', PILOT);
    expect([status, stdout.split(':')[0]]).to.deep.equal([0, 'equal']);
  });

  it('exits 2 when stopped before the end, and says why, and what its digest is of', () => {
    const { status, stdout } = watershed('run', PILOT, '--until', '20s');
    expect(status).to.equal(2);
    expect(stdout).to.include('stopped before the end of the scenario');
    expect(stdout).to.match(/digest {3}[0-9a-f]{16} {3}\(up to 20s: the same on every machine\)/);
  });

  it('gives each kind of run a folder of its own, by which it can be run again', () => {
    const digests = [[], ['--until', '20s'], ['--storm']].map((args) => {
      const { stdout } = watershed('run', PILOT, '--json', '--seed', '7', ...args);
      return JSON.parse(stdout).digest as string;
    });
    const runs = ['', '-until-20s', '-storm'].map((what) => `runs/pilot-three-clusters-7${what}`);
    expect(readdirSync(join(folder, 'runs'))).to.include.members(runs.map((run) => run.slice(5)));
    for (const [i, run] of runs.entries()) {
      const summary = JSON.parse(readFileSync(join(folder, run, 'summary.json'), 'utf8'));
      expect(summary.digest).to.equal(digests[i]);
    }
    const again = watershed('run', join(runs[2], 'scenario.json'), '--json', '--out', 'again');
    expect(JSON.parse(again.stdout).digest).to.equal(digests[2]);
  });

  it('validate takes what resolve prints and a run keeps, and sees that it was changed', () => {
    const { stdout } = watershed('resolve', PILOT);
    writeFileSync(join(folder, 'resolved.json'), stdout);
    writeFileSync(join(folder, 'changed.json'), stdout.replace('"seed": 1', '"seed": 2'));
    const good = watershed('validate', 'resolved.json');
    expect([good.status, good.stdout]).to.satisfy(
      ([status, said]: [number, string]) => status === 0 && /^resolved\.json: well-formed/.test(said),
    );
    const bad = watershed('validate', 'changed.json');
    expect(bad.status).to.equal(64);
    expect(bad.stderr).to.match(/changed since it was written/);
  });

  it('exits by its verdict: 1 violated, 3 stalled, 4 vacuous', () => {
    cpSync(join(PILOT, '..'), join(folder, 'stories'), { recursive: true });
    const text = readFileSync(PILOT, 'utf8');
    const exitOf = (ending: string, change = (from: string) => from): number | null => {
      const story = change(text).replace(/\nexpect:[^]*$/, '\n');
      writeFileSync(join(folder, 'stories/story.yaml'), `${story}\n${ending}\n`);
      const { status, stderr } = watershed('run', 'stories/story.yaml', '--quiet');
      expect(stderr).to.equal('');
      return status;
    };
    const cut = 'faults: [{ at: 50s, for: 30s, cut: { between: [eu, americas] } }]';
    const untilTheEnd = (from: string) => from.replace('deadline: 20s', 'deadline: 20s\n    until: 2min');
    expect(exitOf('expect: { okAtLeast: 50% }')).to.equal(0);
    expect(exitOf(`${cut}\nexpect: { never: [CLUSTER_UNREACHABLE] }`)).to.equal(1);
    expect(exitOf('faults: [{ at: 119s, crash: france/compute-1 }]', untilTheEnd)).to.equal(3);
    expect(exitOf('expect: { sometimes: [OVERLOADED] }')).to.equal(4);
  });

  it('keeps what was simulated when stopped by Ctrl-C, and exits 2', async () => {
    const child = spawn(process.execPath, [CLI, 'run', QUICKSTART, '--json', '--out', 'stopped'], {
      cwd: folder,
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    const waitForFrames = setInterval(() => {
      const frames = join(folder, 'stopped/frames.jsonl');
      if (!existsSync(frames) || readFileSync(frames).length === 0 || child.killed) return;
      child.kill('SIGINT');
    }, 20);
    const status = await new Promise((resolve) => child.on('exit', resolve));
    clearInterval(waitForFrames);
    const summary = JSON.parse(stdout);
    expect([status, summary.verdict]).to.deep.equal([2, 'unknown']);
    expect(JSON.parse(readFileSync(join(folder, 'stopped/summary.json'), 'utf8'))).to.deep.equal(summary);
  });

  for (const [what, args, says] of [
    ['an unknown option', ['run', PILOT, '--sed', '3'], /--seed/],
    ['a seed that is no number', ['run', PILOT, '--seed', 'x'], /whole number/],
    ['a time without unit', ['run', PILOT, '--until', '20'], /unit/],
    ['a port that there is not', ['view', '--port', '65536'], /0\s+to\s+65535/],
    ['a port of the page that there is not', ['live', PILOT, '--port', '99999'], /0\s+to\s+65535/],
    ['no file', ['run'], /missing required argument/],
    ['an unknown command', ['rum'], /run/],
    ['a file that is not there', ['run', 'nowhere.yaml'], /nowhere\.yaml/],
    ['a folder', ['run', '.'], /folder|directory/],
  ] as const) {
    it(`exits 64 on ${what}, with a word on it and no stack`, () => {
      const { status, stdout, stderr } = watershed(...args);
      expect([status, stdout]).to.deep.equal([64, '']);
      expect(stderr).to.match(says);
      expect(stderr).not.to.match(/\n\s+at /);
    });
  }

  it('leaves a --version to the command that has one', () => {
    for (const [verb, version] of [
      ['model publish m.onnx --name my/model', '7'],
      ['pod read c', 'ab'],
      ['pod export c', 'ab'],
    ] as const) {
      const { status, stdout, stderr } = watershed(...verb.split(' '), '--version', version);
      expect(status, stderr).to.be.greaterThan(0);
      expect([stdout, stderr.includes('no live federation')]).to.deep.equal(['', true]);
    }
    expect(watershed('--version').stdout).to.match(/^\d+\.\d+\.\d+\n$/);
  });

  it('writes no run into a folder with something else in it; over an earlier run, it does', () => {
    mkdirSync(join(folder, 'mine'));
    writeFileSync(join(folder, 'mine/summary.json'), 'my own');
    const run = () => watershed('run', PILOT, '--until', '1s', '--quiet', '--out', 'mine');
    const { status, stderr } = run();
    expect(status).to.equal(64);
    expect(stderr).to.match(/mine: something else than a run lies there; name\s+another folder by --out/);
    expect(readFileSync(join(folder, 'mine/summary.json'), 'utf8')).to.equal('my own');
    rmSync(join(folder, 'mine/summary.json'));
    expect([run().status, run().status]).to.deep.equal([2, 2]);
  });

  it('says in 80 columns what is wrong with a command line', () => {
    const { stderr } = watershed('fuzz', PILOT, '--seeds', '1..2', '--jobs', '0');
    expect(stderr).to.match(/1 to\s+999999/);
    for (const line of stderr.split('\n')) expect(line.length, line).to.be.at.most(80);
  });

  it('exits 64 when the run cannot be written', () => {
    // Folders are made one by one: there, all at once would be tried for ever.
    if (existsSync('/proc/self')) expect(() => makeFolder('/proc/x/run')).to.throw('/proc/x');
    writeFileSync(join(folder, 'occupied'), '');
    const { status, stderr } = watershed('run', PILOT, '--out', 'occupied/run');
    expect(status).to.equal(64);
    expect(stderr).to.match(/occupied\/run/);
    expect(stderr).not.to.match(/\n\s+at /);
  });
});
