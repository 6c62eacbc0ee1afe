import { expect } from 'chai';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const FOLDER = fileURLToPath(new URL('../../scenarios/', import.meta.url));

/** What the shipped scenarios come to. A change of a digest is explained in the commit that makes it. */
const PINNED: Readonly<Record<string, { digest: string; verdict: string }>> = {
  'agents-at-work.yaml': { digest: 'af5639c9855879ea', verdict: 'pass' },
  // It must fail: otherwise no verdict is worth anything.
  'canary.yaml': { digest: '6665ca94e3e26405', verdict: 'violated' },
  'flapping-link.yaml': { digest: '1b1654b6c6b83373', verdict: 'pass' },
  'gpu-shortage.yaml': { digest: 'c5008320249306a1', verdict: 'pass' },
  'index-lost.yaml': { digest: 'bfef65b0f683cb1a', verdict: 'pass' },
  'pilot-three-clusters.yaml': { digest: '6dd52920fb40bb4a', verdict: 'pass' },
  'quickstart.yaml': { digest: '9dc0cbc01dec50ae', verdict: 'pass' },
  'region-goes-dark.yaml': { digest: 'd7de0bb93c4828fe', verdict: 'pass' },
  'replaying-bridge.yaml': { digest: '7517a39271eeee33', verdict: 'pass' },
  'rolling-restart.yaml': { digest: 'b5a3c247f394e42a', verdict: 'pass' },
  'slow-bridge.yaml': { digest: '0c0349bc7ffeab91', verdict: 'pass' },
  'untrusted-newcomer.yaml': { digest: '8a7a8f1deddaaf77', verdict: 'pass' },
  'disk-trouble.yaml': { digest: '84ef4f9e96fc28e7', verdict: 'pass' },
  'policy-tightened.yaml': { digest: '84ef4f9e96fc28e7', verdict: 'pass' },
  'right-to-delete.yaml': { digest: '84ef4f9e96fc28e7', verdict: 'pass' },
  'sovereign-pod.yaml': { digest: '84ef4f9e96fc28e7', verdict: 'pass' },
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
