import { expect } from 'chai';
import fc from 'fast-check';
import {
  drawKinds,
  DRAWN_KINDS,
  drawRoles,
  drawStorm,
  stormsOver,
  underStorm,
  type MaliciousRole,
} from '../../sim/nemesis.ts';
import { MALICIOUS_ROLES } from '../../sim/scenario/resolved-malice.ts';
import { runSeed, runUnder } from '../../sim/fuzz.ts';
import { arbitraries, checkProperty } from '../../sim/property.ts';
import { simulate } from '../../sim/simulate.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { podScenario, withPodUsers } from './pod-scenario.ts';
import { tinyAgents, tinyNode, tinyScenario } from './tiny-scenario.ts';

const SEEDS = Array.from({ length: 200 }, (_, i) => i + 1);

/** Where somebody can play a role. */
function groundFor(role: MaliciousRole): ResolvedScenario {
  if (role === 'lying-holder') return withMovingModel();
  if (role === 'keeping-holder') return podScenario({ deletesPpm: 300_000, fromUs: 5_000_000 });
  if (role === 'region-lying-host') return podScenario();
  if (role === 'consent-forger') return withPodUsers();
  const base = tinyScenario({ agents: [tinyAgents()] });
  if (role !== 'address-borrower') return base;
  const newcomer = tinyNode('france/newcomer', 'france', 'eu/fr', ['compute'], ['a']);
  return { ...base, nodes: [...base.nodes, { ...newcomer, joinsUs: 10e6 }] };
}

describe('the nemesis', () => {
  it('draws the same storm for a seed each time, and another for another', () => {
    const storms = SEEDS.map((seed) => JSON.stringify(drawStorm(tinyScenario(), seed)));
    expect(SEEDS.map((seed) => JSON.stringify(drawStorm(tinyScenario(), seed)))).to.deep.equal(storms);
    expect(new Set(storms).size).to.be.greaterThan(150);
  });

  it('leaves about half of the kinds out of each run, and no kind out of all', () => {
    const drawn = SEEDS.map((seed) => drawKinds(seed));
    const mean = drawn.reduce((sum, kinds) => sum + kinds.length, 0) / drawn.length;
    expect(mean / DRAWN_KINDS.length).to.be.within(0.4, 0.6);
    for (const kind of DRAWN_KINDS) {
      const runs = drawn.filter((kinds) => kinds.includes(kind)).length;
      expect(runs, kind).to.be.within(60, 140);
    }
    const roles = SEEDS.flatMap((seed) => drawRoles(seed));
    expect(roles.length / SEEDS.length / MALICIOUS_ROLES.length).to.be.within(0.4, 0.6);
  });

  for (const kind of DRAWN_KINDS) {
    it(`draws ${kind} as explicit harm that fires inside the storm, and touches something`, () => {
      const scenario = tinyScenario();
      let affected = 0;
      for (const storm of fc.sample(stormsOver(scenario, [kind], []), { seed: 7, numRuns: 20 })) {
        const { world } = simulate(underStorm(scenario, storm));
        expect(storm.malice).to.deep.equal([]);
        for (const { fault, fired, affected: touched } of world.faults.counts) {
          // What shows only at a boot brings a restart with it, and what heals something to heal.
          expect(fault.kind).to.be.oneOf([kind, kind === 'heal' ? 'cut' : 'restart']);
          expect(fired).to.be.greaterThan(0);
          expect(fault.atUs).to.be.within(scenario.durationUs / 10, 0.6 * scenario.durationUs);
          if (fault.kind === kind) affected += touched;
        }
      }
      expect(affected, kind).to.be.greaterThan(0);
    });
  }

  for (const role of MALICIOUS_ROLES) {
    it(`draws a ${role}, at most one in a run, who touches something`, () => {
      const scenario = groundFor(role);
      let affected = 0;
      // A holder that lies needs somebody who pulls while it does.
      const numRuns = role === 'lying-holder' || role === 'address-borrower' ? 60 : 20;
      for (const storm of fc.sample(stormsOver(scenario, [], [role]), { seed: 7, numRuns })) {
        expect(storm.faults).to.deep.equal([]);
        expect(storm.malice).to.have.length.of.at.most(1);
        for (const villain of simulate(underStorm(scenario, storm)).world.villains) {
          expect(villain.role.as).to.equal(role);
          affected += villain.affected;
        }
      }
      expect(affected).to.be.greaterThan(0);
    });
  }

  it('harms the wall clock of a node once at most, and by no more than clocks are assumed to differ', () => {
    for (const { faults } of fc.sample(stormsOver(tinyScenario(), ['clock']), { seed: 3, numRuns: 100 })) {
      const harmed = faults.flatMap((fault) => (fault.kind === 'clock' ? fault.nodes : []));
      expect(new Set(harmed).size).to.equal(harmed.length);
      for (const fault of faults) {
        if (fault.kind !== 'clock') continue;
        expect(Math.abs(fault.offsetUs) + Math.abs(fault.stepUs)).to.be.at.most(15_000_000);
        expect(Math.abs(fault.driftPpm)).to.be.at.most(150);
      }
    }
  });

  it('suspends the promises that a role is known to break, and no others', () => {
    const by = (as: MaliciousRole) =>
      underStorm(tinyScenario(), {
        faults: [],
        malice: [{ node: 'us-east/compute', as, fromUs: 0, untilUs: null, sharePpm: 1, region: '' }],
      }).expectations.suspends;
    expect(by('region-liar')).to.deep.equal(['regions-honoured']);
    expect(by('equivocating-index')).to.deep.equal(['trust-honoured']);
    expect(by('forger')).to.equal(undefined);
  });

  it('runs a seed to the same result twice, and every request ends', () => {
    // So long that what an accelerator began while it was slow is over by the end.
    const scenario = tinyScenario({ durationUs: 90e6 });
    for (const seed of SEEDS.slice(0, 25)) {
      const result = runSeed(scenario, seed);
      expect(runSeed(scenario, seed)).to.deep.equal(result);
      expect(result.failure, `seed ${seed}: ${result.reasons.join('; ')}`).to.equal(null);
    }
  });

  it('reports an assertion of our own as a finding, with where it was', () => {
    const scenario = tinyScenario();
    const broken = { ...scenario, nodes: [...scenario.nodes, scenario.nodes[0]] };
    const { verdict, failure } = runUnder(broken, { faults: [], malice: [] });
    expect(verdict).to.equal('violated');
    expect(failure).to.match(/^assertion: no two names of a world /);
  });
});

describe('checkProperty', () => {
  it('is quiet about what holds', () => {
    // Long enough for the last who asked to give up.
    checkProperty(tinyScenario({ durationUs: 90e6 }), ({ world }) => world.users.open === 0, { runs: 20 });
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
    expect(storm.faults).to.have.length.greaterThan(0);
    for (const { kind } of storm.faults) expect(kind).to.be.oneOf(['crash', 'restart']);
  });
});

/** Four nodes of France with a model that moves, and one that pulls it from them. */
function withMovingModel(): ResolvedScenario {
  const scenario = tinyScenario();
  const moves = {
    chunkBytes: 1e6,
    licence: '',
    purpose: '',
    regions: ['eu'],
    keptIn: [],
    versions: [{ sizeBytes: 2e9, slowPpm: 1_000_000, failsPpm: 0 }],
  };
  const rates = { requiredMemoryBytes: 8e9, readTokensPerSecond: 8_000, writeTokensPerSecond: 60 };
  const follower = (name: string) => ({
    ...tinyNode(name, 'france', 'eu/fr', ['compute']),
    wantedModels: ['m'],
  });
  const holders = ['first', 'second'].map((name) => ({
    ...follower(`france/${name}`),
    stockedModels: ['m'],
  }));
  return {
    ...scenario,
    models: [...scenario.models, { name: 'm', ...rates, moves }],
    nodes: [...scenario.nodes, ...holders, follower('france/newcomer')],
  };
}
