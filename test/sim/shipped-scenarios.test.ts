import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: 'b39dfc8332a7954c', verdict: 'pass' },
  'bad-model.yaml': { digest: 'a5c737f1e59531fd', verdict: 'pass' },
  'captured-vouchers.yaml': { digest: '06b06625a5e901dc', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '60208a6cee8198b0', verdict: 'violated' },
  'flapping-link.yaml': { digest: '9b82df62fa80d53d', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: '05d3dd99494368a2', verdict: 'pass' },
  'index-lost.yaml': { digest: 'd8a213cee65aea7f', verdict: 'pass' },
  'model-rollout.yaml': { digest: '6305eb7add8334cb', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: 'b53bb8cb632371f6', verdict: 'pass' },
  'quickstart.yaml': { digest: 'b7806a8ea79ff4c9', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: 'cabcdd8db7564e99', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '4d138417731636ca', verdict: 'pass' },
  'rolling-restart.yaml': { digest: 'b3466ae00996ee4d', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '611ebe40d35623b1', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '53ca06d8beaccfae', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '9b49d4314e03fb2c', verdict: 'pass' },
  'pods-at-home.yaml': { digest: 'ad45ce34bccaa1b3', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '3ebc88c2ed042905', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '91dee6ff971879d9', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: 'fc55a003800d4662', verdict: 'pass' },
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
