import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: 'af5639c9855879ea', verdict: 'pass' },
  'bad-model.yaml': { digest: '00000000000000f1', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '7866de37051418e3', verdict: 'violated' },
  'flapping-link.yaml': { digest: 'cc59d3389d1b8574', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: '4c8708f78da67b47', verdict: 'pass' },
  'index-lost.yaml': { digest: '63fda64f34475dfd', verdict: 'pass' },
  'model-rollout.yaml': { digest: '00000000000000f2', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: 'efc3eb21c2fa3dc6', verdict: 'pass' },
  'quickstart.yaml': { digest: 'c7cdcca582765bed', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: '65c5e525eeb49cfc', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '92f8f168193e127c', verdict: 'pass' },
  'rolling-restart.yaml': { digest: '04e3ab9cf1ecd962', verdict: 'pass' },
  'slow-bridge.yaml': { digest: 'faff6249564d2bc5', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '85506eb9abc78d24', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '0000000000000001', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '0000000000000002', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '0000000000000003', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '0000000000000004', verdict: 'pass' },
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
