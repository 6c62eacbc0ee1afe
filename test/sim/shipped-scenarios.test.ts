import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: 'ee3531448c7ef9a1', verdict: 'pass' },
  'bad-model.yaml': { digest: '2d72ff5e3b9a45e4', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: 'd5a208b9ede9ed39', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '9fc3ec70888d5c0a', verdict: 'violated' },
  'flapping-link.yaml': { digest: '9e97911609b28275', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: '062e0cb8638ef0af', verdict: 'pass' },
  'index-lost.yaml': { digest: '46765d481991eec6', verdict: 'pass' },
  'model-rollout.yaml': { digest: 'c1ad43af2a4b279a', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: 'beb76e8670b69497', verdict: 'pass' },
  'quickstart.yaml': { digest: '3c951d76ee9887b8', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '1e21c7cc693224cc', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: 'f180a39edd78344f', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '4a580f176d32c0b3', verdict: 'pass' },
  'slow-bridge.yaml': { digest: 'd28ca07824cab784', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '88a23ab4dff2087a', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '3af537668b79fe27', verdict: 'pass' },
  'policy-tightened.yaml': { digest: 'b09eabe0cbd73bad', verdict: 'pass' },
  'right-to-delete.yaml': { digest: 'de4a7d00d5bc5d2b', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: 'a921e78310102a22', verdict: 'pass' },
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
