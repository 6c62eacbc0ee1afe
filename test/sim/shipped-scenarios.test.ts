import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: '6d94ba2feb42a679', verdict: 'pass' },
  'bad-model.yaml': { digest: '851fb325724d25a7', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: '7717969aa8de0bc2', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: 'e18bb7a3dc9e988a', verdict: 'violated' },
  'flapping-link.yaml': { digest: 'cc24a29833b30e91', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: 'ec2451eaecda14aa', verdict: 'pass' },
  'index-lost.yaml': { digest: '5201d31718c640a5', verdict: 'pass' },
  'model-rollout.yaml': { digest: '476b0cd14ff783c5', verdict: 'pass' },
  'newcomers.yaml': { digest: 'c897ef9732499e6f', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: '0a58e6ad49b069fa', verdict: 'pass' },
  'quickstart.yaml': { digest: 'a1ed9d216f0d71d5', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '570c69d0ca194b09', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '2f231eb66a9c7cae', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '09f90fba13b624ad', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '05bd29da17fc0d2a', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '6c7a5b6c43779664', verdict: 'pass' },
  'consent-revoked.yaml': { digest: '46009ba0353fe7e8', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '09e68f403e6ddef5', verdict: 'pass' },
  'pods-at-home.yaml': { digest: '2f33693391ad9395', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '9a10114fe387d027', verdict: 'pass' },
  'right-to-delete.yaml': { digest: 'e8cd1ed08cbb7394', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '28e2a1d361d16df7', verdict: 'pass' },
};

describe('the shipped scenarios', () => {
  it('are all pinned here, but for the files that they include', () => {
    const stories = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml') && isStory(name));
    expect(stories.sort()).to.deep.equal(Object.keys(PINNED).sort());
  });

  for (const [file, { digest, verdict }] of Object.entries(PINNED)) {
    it(`${file} has its digest, and ends ${verdict}`, () => {
      const simulation = simulate(loadScenario(`${FOLDER}${file}`));
      const { verdict: found, reasons } = simulation.verdict();
      expect([found, reasons.length > 0], reasons.join('\n')).to.deep.equal([verdict, verdict !== 'pass']);
      expect(simulation.world.digest()).to.equal(digest);
    }).timeout(60_000);

    it(`${file} has that digest and verdict with own numbers in each node, bytes in between and maps turned around`, () => {
      const simulation = simulate(loadScenario(`${FOLDER}${file}`), { isChecking: true });
      const { verdict: found, reasons } = simulation.verdict();
      expect(found, reasons.join('\n')).to.equal(verdict);
      expect(simulation.world.digest()).to.equal(digest);
    }).timeout(120_000);
  }
});

function isStory(name: string): boolean {
  try {
    loadScenario(`${FOLDER}${name}`);
    return true;
  } catch {
    return false;
  }
}
