import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: '7a364d44083e6a7c', verdict: 'pass' },
  'bad-model.yaml': { digest: 'f253a41457058e50', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: 'f2d8abf1a25be625', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '708efda9f2f31b67', verdict: 'violated' },
  'flapping-link.yaml': { digest: '6f72c2fe2cdd933d', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: 'a4aa2982062620fc', verdict: 'pass' },
  'index-lost.yaml': { digest: 'f8f5227493af446c', verdict: 'pass' },
  'model-rollout.yaml': { digest: '87a662ff1fb2bc44', verdict: 'pass' },
  'newcomers.yaml': { digest: 'd670128ff889d137', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: '6abb7a021645a3aa', verdict: 'pass' },
  'quickstart.yaml': { digest: '4819368268a86a3b', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: 'f5899f0347a8ff97', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '1e36ed894321d435', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '8577d8dbec58f60d', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '63985b95a4e6903a', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '4a0b9bf56a554b59', verdict: 'pass' },
  'disk-trouble.yaml': { digest: 'c615788937d29674', verdict: 'pass' },
  'pods-at-home.yaml': { digest: '0525e6c8982d3e81', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '3953f232658ed942', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '36fa1256d4027e01', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: 'fa06b9c09d1298d9', verdict: 'pass' },
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
