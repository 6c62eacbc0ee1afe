import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: '4bad736629f0fbdc', verdict: 'pass' },
  'bad-model.yaml': { digest: '5b84917b0654a23f', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: 'e551e29035ac506d', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: 'e18bb7a3dc9e988a', verdict: 'violated' },
  'flapping-link.yaml': { digest: 'cc24a29833b30e91', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: 'ec2451eaecda14aa', verdict: 'pass' },
  'index-lost.yaml': { digest: '5201d31718c640a5', verdict: 'pass' },
  'model-rollout.yaml': { digest: 'a2301f2df0212e0d', verdict: 'pass' },
  'newcomers.yaml': { digest: 'c897ef9732499e6f', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: '0a58e6ad49b069fa', verdict: 'pass' },
  'quickstart.yaml': { digest: 'b573a38cb981ad93', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '570c69d0ca194b09', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '2f231eb66a9c7cae', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '09f90fba13b624ad', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '05bd29da17fc0d2a', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '6c7a5b6c43779664', verdict: 'pass' },
  'consent-revoked.yaml': { digest: 'dac023a4f19ad769', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '85c6991d9faa4c4c', verdict: 'pass' },
  'pods-at-home.yaml': { digest: '91c0068c7112648f', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '5bbb1d8a915c5a38', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '67ec14a45815f17c', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '4a0b2f2250abbbf3', verdict: 'pass' },
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

    it(`${file} has that digest with own numbers in each node, bytes in between and maps turned around`, () => {
      const simulation = simulate(loadScenario(`${FOLDER}${file}`), { isChecking: true });
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
