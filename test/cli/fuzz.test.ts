import { expect } from 'chai';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOME = fileURLToPath(new URL('../..', import.meta.url));

/** A copy of the built project, into which bugs can be planted. */
class Copy {
  readonly folder = mkdtempSync(join(tmpdir(), 'watershed-fuzz-'));

  constructor() {
    for (const name of ['dist', 'cli', 'scenarios', 'package.json']) {
      cpSync(join(HOME, name), join(this.folder, name), { recursive: true });
    }
    symlinkSync(join(HOME, 'node_modules'), join(this.folder, 'node_modules'));
  }

  plant(file: string, right: string, wrong: string): void {
    const path = join(this.folder, file);
    const text = readFileSync(path, 'utf8');
    expect(text.split(right), `${right} stands once in ${file}`).to.have.length(2);
    writeFileSync(path, text.replace(right, wrong));
  }

  watershed(...args: string[]) {
    return spawnSync(process.execPath, ['cli/watershed.js', ...args], { cwd: this.folder, encoding: 'utf8' });
  }
}

describe('watershed fuzz', function () {
  this.timeout(120_000);
  const story = 'scenarios/story.yaml';
  let healthy: Copy;

  before(() => {
    healthy = new Copy();
    // One machine in France that nobody vouches for: what needs trust is to be answered elsewhere.
    const pilot = readFileSync(join(healthy.folder, 'scenarios/pilot-three-clusters.yaml'), 'utf8');
    const untrusted = pilot.replace(
      'compute: { models: [watershed/hashed-ngrams-v1] } }\n  us-east',
      'compute: { models: [watershed/hashed-ngrams-v1], trust: experimental } }\n  us-east',
    );
    expect(untrusted).not.to.equal(pilot);
    writeFileSync(join(healthy.folder, story), untrusted);
  });
  after(() => rmSync(healthy.folder, { recursive: true, force: true }));

  it('finds nothing where nothing is wrong, and says what was covered', () => {
    const { status, stdout, stderr } = healthy.watershed('fuzz', story, '--seeds', '1..60', '--json');
    expect(status, stderr).to.equal(0);
    const [campaign] = JSON.parse(stdout).campaigns;
    expect(campaign).to.include({ file: story, seeds: 60, completed: '1..60' });
    expect(campaign.findings).to.deep.equal([]);
    expect(Object.keys(campaign.faultPairs).length).to.be.greaterThan(15);
    expect(campaign.witnesses).to.include.keys('OK', 'CLUSTER_UNREACHABLE', 'UNKNOWN_OUTCOME');
  });

  it('has the same findings whatever the number of jobs', () => {
    const found = ['1', '2', '3'].map((jobs) => {
      const { stdout } = healthy.watershed('fuzz', story, '--seeds', '5..30', '--jobs', jobs, '--json');
      return stdout;
    });
    expect(new Set(found).size).to.equal(1);
  });

  it('finds a bug that was planted in routing, shrinks it, and the file it writes shows it', () => {
    const sick = new Copy();
    cpSync(join(healthy.folder, story), join(sick.folder, story));
    sick.plant('dist/core/routing/decide.js', 'candidate.trust < want.minTrust', 'candidate.trust > 4');
    const fuzzed = sick.watershed('fuzz', story, '--seeds', '1..10');
    expect(fuzzed.status, fuzzed.stderr).to.equal(1);
    expect(fuzzed.stdout).to.match(/\d distinct failures?$/m);
    const line = /npx watershed (shrink .*)/.exec(fuzzed.stdout);
    expect(line, fuzzed.stdout).not.to.equal(null);
    const shrunk = sick.watershed(...line![1].split(' '));
    expect(shrunk.status, shrunk.stderr).to.equal(1);
    expect(shrunk.stdout).to.match(/the smallest storm in \d+ runs, 0 faults/);
    const file = /npx watershed run (\S+)/.exec(shrunk.stdout)![1];
    expect(sick.watershed('run', file, '--quiet').status).to.equal(1);
    cpSync(join(sick.folder, file), join(healthy.folder, 'found.json'));
    expect(healthy.watershed('run', 'found.json', '--quiet').status, 'the healthy one passes it').to.equal(0);
    rmSync(sick.folder, { recursive: true, force: true });
  });

  it('refuses a resolved file that was changed, and a range that is none', () => {
    const { stdout } = healthy.watershed('resolve', story);
    writeFileSync(join(healthy.folder, 'changed.json'), stdout.replace('"seed": 1,', '"seed": 2,'));
    const changed = healthy.watershed('run', 'changed.json');
    expect(changed.status).to.equal(64);
    expect(changed.stderr).to.match(/changed\.json: it was changed/);
    expect(healthy.watershed('fuzz', story, '--seeds', '9..1').status).to.equal(64);
  });

  it('stops at Ctrl-C and tells what it has', async () => {
    const args = ['cli/watershed.js', 'fuzz', story, '--seeds', '1..100000', '--json'];
    const child = spawn(process.execPath, args, { cwd: healthy.folder });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    setTimeout(() => child.kill('SIGINT'), 3_000);
    const status = await new Promise((resolve) => child.on('exit', resolve));
    const [campaign] = JSON.parse(stdout).campaigns;
    expect(status).to.equal(0);
    expect(campaign.seeds).to.be.within(1, 99_999);
    expect(campaign.completed).to.equal(`1..${campaign.seeds}`);
  });
});
