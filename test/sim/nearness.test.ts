import { expect } from 'chai';
import { fileURLToPath } from 'node:url';
import { healthOf, reachKm } from '../../core/cluster/membership/health.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { simulate } from '../../sim/simulate.ts';

const STORY = fileURLToPath(new URL('../../scenarios/sovereign-pod.yaml', import.meta.url));
const SECOND_US = 1_000_000;

/** Paris to Frankfurt, by the coordinates in scenarios/regions.yaml. */
const PARIS_FRANKFURT_KM = 479;

describe('how near a member must be', () => {
  it('is half the way that light goes in the shortest round trip', () => {
    expect([2_000, 20_000, 1].map(reachKm)).to.deep.equal([300, 2_998, 1]);
  });

  it('R8.1-3: is never nearer than it is, and tells who is next door from who is not', () => {
    const scenario = { ...loadScenario(STORY), durationUs: 40 * SECOND_US, faults: [] };
    const { world } = simulate(scenario);
    const found: Record<'home' | 'abroad', number[]> = { home: [], abroad: [] };
    for (const viewer of world.machines)
      for (const seen of world.machines) {
        if (viewer === seen) continue;
        const now = { monoUs: world.nowUs, wallUs: 0 };
        const km = healthOf(viewer.node, now, seen.node.self)?.withinKm ?? null;
        const isHome = viewer.node.config.manifest.region === seen.node.config.manifest.region;
        if (km !== null) found[isHome ? 'home' : 'abroad'].push(km);
      }
    expect(found.abroad.length).to.be.above(3);
    expect(Math.min(...found.abroad)).to.be.above(PARIS_FRANKFURT_KM);
    expect(Math.max(...found.home)).to.be.below(Math.min(...found.abroad));
  });
});
