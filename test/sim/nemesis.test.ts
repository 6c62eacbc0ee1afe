import { expect } from 'chai';
import fc from 'fast-check';
import { drawKinds, DRAWN_KINDS, drawStorm, NEMESES, stormsOver, underStorm } from '../../sim/nemesis.ts';
import { runSeed, runUnder } from '../../sim/fuzz.ts';
import { arbitraries, checkProperty } from '../../sim/property.ts';
import { simulate } from '../../sim/simulate.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import { tinyScenario } from './tiny-scenario.ts';

const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

describe('the nemesis', () => {
  it('draws the same storm for a seed each time, and another for another', () => {
    const storms = SEEDS.map((seed) => JSON.stringify(drawStorm(tinyScenario(), seed)));
    expect(SEEDS.map((seed) => JSON.stringify(drawStorm(tinyScenario(), seed)))).to.deep.equal(storms);
    expect(new Set(storms).size).to.be.greaterThan(150);
  });

  it('leaves about half of the kinds out of each run, and no kind out of all', () => {
    const drawn = SEEDS.map(drawKinds);
    const mean = drawn.reduce((sum, kinds) => sum + kinds.length, 0) / drawn.length;
    expect(mean / DRAWN_KINDS.length).to.be.within(0.4, 0.6);
    for (const kind of DRAWN_KINDS) {
      const runs = drawn.filter((kinds) => kinds.includes(kind)).length;
      expect(runs, kind).to.be.within(60, 140);
    }
  });

  for (const kind of DRAWN_KINDS) {
    it(`draws ${kind} as explicit harm that fires inside the storm`, () => {
      const scenario = tinyScenario();
      fc.assert(
        fc.property(stormsOver(scenario, [kind]), (faults) => {
          const { world } = simulate(underStorm(scenario, faults));
          for (const { fault, fired } of world.faults.counts) {
            expect(fault.kind).to.equal(kind);
            expect(fired).to.be.greaterThan(0);
            expect(fault.atUs).to.be.within(scenario.durationUs / 10, 0.6 * scenario.durationUs);
          }
        }),
        { seed: 7, numRuns: 10 },
      );
      expect(NEMESES[kind]).to.be.a('function');
    });
  }

  it('runs a seed to the same result twice, and every request ends', () => {
    for (const seed of SEEDS.slice(0, 25)) {
      const result = runSeed(tinyScenario(), seed);
      expect(runSeed(tinyScenario(), seed)).to.deep.equal(result);
      expect(result.failure, `seed ${seed}: ${result.reasons.join('; ')}`).to.equal(null);
    }
  });

  it('reports an assertion of our own as a finding, with where it was', () => {
    const scenario = tinyScenario();
    const broken = { ...scenario, nodes: [...scenario.nodes, scenario.nodes[0]] };
    const { verdict, failure } = runUnder(broken, []);
    expect(verdict).to.equal('violated');
    expect(failure).to.match(/^assertion: no two names of a world have the same id/);
  });
});

describe('checkProperty', () => {
  it('is quiet about what holds', () => {
    checkProperty(tinyScenario(), ({ world }) => world.users.open === 0, { runs: 20 });
  });

  it('finds what does not, and tells the seed and the smallest storm', () => {
    const neverUnreachable = (): void =>
      checkProperty(
        tinyScenario(),
        ({ world }) => world.users.requests.every(({ code }) => ERROR_CODES[code] !== 'CLUSTER_UNREACHABLE'),
        { runs: 50, kinds: ['cut', 'pause', 'duplicate'] },
      );
    expect(neverUnreachable).to.throw(/tiny fails under seed \d+: the property is false/);
    expect(neverUnreachable).to.throw(/^ {2}\{"kind":"(cut|pause)"/m);
    try {
      neverUnreachable();
    } catch (error) {
      const faults = (error as Error).message.split('\n').filter((line) => line.startsWith('  {'));
      expect(faults).to.have.length(1);
    }
  });

  it('draws storms that a tester can use in a property of their own', () => {
    const [storm] = fc.sample(arbitraries.storms(tinyScenario(), ['crash']), { seed: 3, numRuns: 1 });
    expect(storm.every(({ kind }) => kind === 'crash')).to.equal(true);
  });
});
