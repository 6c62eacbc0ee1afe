import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: '546b27502cb86d09', verdict: 'pass' },
  'bad-model.yaml': { digest: '99f13164e102cf38', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: '0000000000000000', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: 'acdfcc40d85b2ade', verdict: 'violated' },
  'flapping-link.yaml': { digest: '99148c4459445791', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: '449151ea69ddc1de', verdict: 'pass' },
  'index-lost.yaml': { digest: '1fe3bdd85ce6d0a0', verdict: 'pass' },
  'model-rollout.yaml': { digest: 'd2fdb77e24273dd8', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: '7ceb9ba37bbc7f99', verdict: 'pass' },
  'quickstart.yaml': { digest: 'b4989494878f5c97', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '0ad7c4345d5420fe', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '8971d2d4871355bd', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '33ab619c7cbbefc7', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '05c0fffddd742a90', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: 'b05d489c1ff9ad60', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '2985a432854a3047', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '608b5e6925d5e2d1', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '99229105fb86caab', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '89e9967a0de33bf2', verdict: 'pass' },
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
