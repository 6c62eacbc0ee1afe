import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunFolder } from '../../sim/files.ts';
import { headerOf } from '../../sim/recorder.ts';
import { simulate } from '../../sim/simulate.ts';
import { summarize } from '../../sim/summary.ts';
import { bundleDigestPrinter } from './digest-bundle.ts';
import { digestsOf } from './digest-printer.ts';
import { STORMY_DIGEST, stormyScenario } from './stormy-scenario.ts';

describe('the digest of a run', function () {
  this.timeout(60_000);

  it('is the one that is pinned here, in a storm: a change of it is explained in its commit', () => {
    expect(digestsOf(stormyScenario()).digest).to.equal(STORMY_DIGEST);
  });

  it('has a storm behind it: every fault acts and touches something, and requests end in several ways', () => {
    const { world } = simulate(stormyScenario());
    for (const { label, fired, affected } of world.faults.counts) {
      expect(fired, label).to.be.at.least(1);
      expect(affected, label).to.be.greaterThan(0);
    }
    expect(new Set(world.users.requests.map(({ code }) => code)).size).to.be.greaterThan(3);
  });

  it('is the same for a seed whatever ran before it in the process', () => {
    const seeds = [1, 2, 3, 4, 5];
    const run = (seed: number): string => digestsOf(stormyScenario({ seed })).digest;
    const upwards = seeds.map(run);
    const downwards = seeds.toReversed().map(run).toReversed();
    expect(downwards).to.deep.equal(upwards);
    expect(new Set(upwards).size).to.equal(seeds.length);
  });

  it('is the same in a process that runs nothing else', async () => {
    const program = `console.log(watershed.digestsOf(${JSON.stringify(stormyScenario())}).digest)`;
    const { stdout, stderr } = spawnSync(process.execPath, ['-'], {
      input: `${await bundleDigestPrinter()}\n${program}`,
      encoding: 'utf8',
    });
    expect(stdout.trim(), stderr).to.equal(digestsOf(stormyScenario()).digest);
  });

  it('is the same with a trace, frames and stories written', () => {
    const path = mkdtempSync(join(tmpdir(), 'watershed-digest-'));
    try {
      const scenario = stormyScenario();
      const folder = new RunFolder(path, scenario, headerOf(scenario), true);
      const simulation = simulate(scenario, { reel: folder, watchers: [folder.trace!] });
      const { verdict, reasons } = simulation.verdict();
      folder.close(summarize(simulation.world, verdict, reasons, 1));
      expect(simulation.world.windows).to.deep.equal(digestsOf(scenario).windows);
      expect(simulation.world.digest()).to.equal(digestsOf(scenario).digest);
      expect(readFileSync(join(path, 'trace.jsonl'), 'utf8').split('\n').length).to.be.greaterThan(10_000);
    } finally {
      rmSync(path, { recursive: true, force: true });
    }
  });

  it('is the same with bytes in between, own numbers in each node, and maps turned around', () => {
    for (const seed of [1, 2]) {
      const { world } = simulate(stormyScenario({ seed }), { isChecking: true });
      expect(world.windows).to.deep.equal(digestsOf(stormyScenario({ seed })).windows);
    }
  });
});
