import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: 'f3d4079c6e8ac25d', verdict: 'pass' },
  'bad-model.yaml': { digest: 'f96b9f669f9d58d0', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: '4f532cd5edeb36d5', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '8c8bc84259b6ab61', verdict: 'violated' },
  'flapping-link.yaml': { digest: 'c9071a6c4a989e26', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: '97588fab2619a242', verdict: 'pass' },
  'index-lost.yaml': { digest: '111746347523902a', verdict: 'pass' },
  'model-rollout.yaml': { digest: '6e44372fedcc99fa', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: 'b07ad5b12fd7d5db', verdict: 'pass' },
  'quickstart.yaml': { digest: 'b0148fc42ea99b98', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '75830a9ce6722df3', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '44953087fd6fdcc3', verdict: 'pass' },
  'rolling-restart.yaml': { digest: 'd1fa3714286cdcef', verdict: 'pass' },
  'slow-bridge.yaml': { digest: 'eefb14eda4f22b8b', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '3b54fba4e3340ebc', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '56dd5e112466d25d', verdict: 'pass' },
  'policy-tightened.yaml': { digest: 'c716f43daca03ed2', verdict: 'pass' },
  'right-to-delete.yaml': { digest: 'f4698d6b67c409d7', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '6714ddadad8f7521', verdict: 'pass' },
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
