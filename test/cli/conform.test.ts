import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SignedReport } from '../../live/signed-report.ts';

const MAIN = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const SCENARIO = fileURLToPath(new URL('../../scenarios/bad-model.yaml', import.meta.url));
const LOADER = import.meta.resolve('tsx/esm');

describe('watershed conform', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'watershed-conform-cli-'));
  after(() => rmSync(folder, { recursive: true }));

  function conform(...args: string[]): { code: number | null; out: string; err: string } {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', LOADER, MAIN, 'conform', ...args],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    );
    return { code: status, out: stdout, err: stderr };
  }

  /** As it was before it was broken into lines of 80 columns. */
  function unwrapped(text: string): string {
    return text.replaceAll(/\s+/g, ' ');
  }

  it('tells people what was found and what was not tested, and exits with 2 where not all was', () => {
    const { code, out } = conform(SCENARIO, '--node', 'france/front-1', '--out', 'report.json');
    expect(code, out).to.equal(2);
    expect(out).to.include('✓ Can discover and join its cluster: passed');
    expect(out).to.include('not tested, because it is no compute node');
    expect(out).to.include('not fully tested: nothing failed');
    expect(unwrapped(out)).to.match(/signed by [0-9a-f]{64}, whose key is in runs\/tester\/key\.pem/);
    expect(out.split('\n').filter((line) => line.length > 80)).to.deep.equal([]);
    const verified = conform('--verify', 'report.json');
    expect(verified.code, verified.err).to.equal(0);
    expect(verified.out).to.include('france/front-1 was not fully tested');
    const text = readFileSync(join(folder, 'report.json'), 'utf8');
    writeFileSync(join(folder, 'changed.json'), text.replace('"not fully tested"', '"conforms"'));
    const changed = conform('--verify', 'changed.json');
    expect(changed.code).to.equal(1);
    expect(changed.err).to.include('one of them was changed');
  });

  it('prints the signed report as JSON, and exits with 1 for a node that does not conform', () => {
    const { code, out } = conform(SCENARIO, '--node', 'france/mirror-2', '--json');
    expect(code, out).to.equal(1);
    const { report } = JSON.parse(out) as SignedReport;
    const failed = report.suites.filter(({ outcome }) => outcome === 'failed').map(({ suite }) => suite);
    expect(failed).to.deep.equal(['pull-update-roll-back']);
  });

  it('exits with 64 for what is no scenario, no node of it and no address', () => {
    expect(conform().err).to.include('name a scenario, or the address of a live node');
    const absent = conform('absent.yaml');
    expect([absent.code, absent.err]).to.deep.equal([
      64,
      'absent.yaml: there is no such file, and an address has a port, as 127.0.0.1:9000\n',
    ]);
    expect(unwrapped(conform(SCENARIO, '--node', 'france/frnt-1').err)).to.include(
      'has no node france/frnt-1; france/front-1?',
    );
    expect(conform('127.0.0.1:9').err).to.include('nobody listens at 127.0.0.1:9');
    expect(conform('127.0.0.1:9', '--operator', 'nowhere').err).to.include(
      'nowhere: there is no key.pem in this folder',
    );
    expect(conform('127.0.0.1:9', '--publisher', 'no publisher').err).to.include(
      'no publisher: there is no key.pem in this folder',
    );
  });
});
