import { expect } from 'chai';
import { fileURLToPath } from 'node:url';
import { PartitionedWorld } from '../../sim/partition.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { World } from '../../sim/world.ts';
import { outcomesOf } from './outcomes.ts';
import { stormyScenario } from './stormy-scenario.ts';

const QUICKSTART = fileURLToPath(new URL('../../scenarios/quickstart.yaml', import.meta.url));

function runWhole(scenario: ResolvedScenario): World {
  const world = new World(scenario);
  world.start();
  world.run(scenario.durationUs);
  return world;
}

function runParts(
  scenario: ResolvedScenario,
  partOf: readonly number[],
  isChecking = false,
): PartitionedWorld {
  const world = new PartitionedWorld(scenario, partOf, isChecking);
  world.start();
  world.run(scenario.durationUs);
  return world;
}

describe('a world in parts', function () {
  this.timeout(60_000);

  // France, Germany, US East, Japan: the shortest way between parts bounds the window.
  const splits: readonly (readonly [string, readonly number[], number])[] = [
    ['two continents and two', [0, 0, 1, 1], 40_500],
    ['the same, stepped in the other order', [1, 1, 0, 0], 40_500],
    ['two that share Europe', [0, 1, 1, 0], 7_200],
    ['one against the rest', [0, 0, 0, 1], 72_000],
    ['each cluster by itself', [3, 1, 0, 2], 7_200],
    ['a single one', [0, 0, 0, 0], Infinity],
  ];

  for (const [title, partOf, lookaheadUs] of splits) {
    it(`comes to what it comes to in one piece: ${title}`, () => {
      for (const seed of [1, 2]) {
        const scenario = stormyScenario({ seed });
        const [whole, parts] = [runWhole(scenario), runParts(scenario, partOf)];
        expect(parts.lookaheadUs).to.equal(lookaheadUs);
        expect(parts.windows).to.deep.equal(whole.windows);
        expect(parts.digest()).to.equal(whole.digest());
        expect(outcomesOf(parts.parts)).to.deep.equal(outcomesOf([whole]));
      }
    });
  }

  it('does so when it checks itself, and when it is run in odd slices of time', () => {
    const scenario = stormyScenario();
    const digest = runWhole(scenario).digest();
    expect(runParts(scenario, [0, 0, 1, 1], true).digest()).to.equal(digest);
    const sliced = new PartitionedWorld(scenario, [0, 1, 2, 3]);
    sliced.start();
    for (let atUs = 0; atUs < scenario.durationUs; atUs += 777_777) sliced.run(atUs);
    sliced.run(scenario.durationUs);
    expect(sliced.digest()).to.equal(digest);
  });

  it('gives the quickstart, a continent a part, its digest', () => {
    const scenario = loadScenario(QUICKSTART);
    const continents = [...new Set(scenario.clusters.map(({ region }) => region.split('/')[0]))];
    const partOf = scenario.clusters.map(({ region }) => continents.indexOf(region.split('/')[0]));
    const parts = runParts(scenario, partOf);
    expect(parts.parts).to.have.length(3);
    expect(parts.digest()).to.equal(runWhole(scenario).digest());
  });

  it('refuses parts between which there is no latency, and faults that wait for what another part does', () => {
    const scenario = stormyScenario();
    const near = { ...scenario, network: { ...scenario.network, fixedPpm: 0 } };
    expect(() => new PartitionedWorld(near, [0, 0, 1, 1])).to.throw(RangeError, 'latency');
    expect(() => new PartitionedWorld(scenario, [0, 1])).to.throw(RangeError, 'each cluster');
    const after = { event: 'node.down', of: [], nth: 1, delayUs: 0, forUs: null };
    const anchored = { ...scenario, faults: [{ ...scenario.faults[0], after }] };
    expect(() => new PartitionedWorld(anchored, [0, 0, 1, 1])).to.throw(RangeError, 'waits');
  });
});
