import { expect } from 'chai';
import { CROSS } from '../../core/machine/kinds.ts';
import { OK, STAGE_FEDERATION } from '../../core/routing/outcomes.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import type { World } from '../../sim/world.ts';
import { inARow } from './row-of-clusters.ts';
import { peeringOf } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;

const crash = (name: string, atUs: number): ResolvedFault => ({
  kind: 'crash',
  atUs,
  untilUs: null,
  nodes: [name],
});

function okOf({ users }: World, fromUs: number, untilUs = Infinity): [ok: number, all: number] {
  const asked = users.requests.filter(({ askedUs }) => askedUs >= fromUs && askedUs < untilUs);
  return [asked.filter(({ code }) => code === OK).length, asked.length];
}

const heardBy = (world: World, name: string): string[] => {
  const { node } = world.machines.find(({ spec }) => spec.name === name)!;
  const heard = [...node.bridge!.directory.entries.values()].map(({ record }) => record.genesis.cluster);
  return heard.sort((left, right) => (left < right ? -1 : 1));
};

describe('bridges', () => {
  it('keep two sessions and more with each peered cluster that has two bridges (R5.2-4)', () => {
    const { world, checker } = simulate(inARow(['france', 'brazil']));
    for (const { node } of world.machines) {
      if (node.bridge === null) continue;
      const up = node.bridge.sessions.sessions.filter(({ isUp, rttUs }) => isUp && rttUs > 60_000);
      expect(up).to.have.length(2);
    }
    expect(checker.counts()).to.deep.include({
      'exports-honoured': { checked: world.users.requests.length, violated: 0 },
    });
    const [ok, all] = okOf(world, 0);
    expect([ok, all > 100]).to.deep.equal([all, true]);
    for (const { answer } of world.users.requests) expect(answer!.stage).to.equal(STAGE_FEDERATION);
  });

  for (const lost of ['france/bridge-1', 'brazil/bridge-2']) {
    it(`lost, one of two: requests go on over the other (${lost})`, () => {
      const atUs = 25 * SECOND_US;
      const simulation = simulate(inARow(['france', 'brazil'], { faults: [crash(lost, atUs)] }));
      const { world } = simulation;
      expect(simulation.verdict().verdict).to.equal('pass');
      const [ok, all] = okOf(world, atUs + 6 * SECOND_US);
      expect(all).to.be.greaterThan(60);
      expect(ok / all, 'after it is noticed').to.be.at.least(0.99);
      const [during, asked] = okOf(world, atUs, atUs + 6 * SECOND_US);
      expect(during / asked, 'before that, as far as the budget of retries goes').to.be.at.least(0.8);
    });
  }

  it('hear of clusters within three hops, and of no others (R5.1-5)', () => {
    const row = ['a0', 'b1', 'c2', 'd3', 'e4', 'f5'];
    const eventually = [{ goal: 'clusters-discovered' as const, withinUs: 20 * SECOND_US }];
    const expectations = { okAtLeastPpm: 0, sometimes: [], never: [], eventually };
    const simulation = simulate(inARow(row, { expectations, workloads: [] }));
    expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
    expect(heardBy(simulation.world, 'a0/bridge-1')).to.deep.equal(row.slice(0, 4));
    expect(heardBy(simulation.world, 'c2/bridge-2')).to.deep.equal(row);
  });

  it('and clusters that nobody reaches are missed by the goal', () => {
    const cut = { kind: 'cut', atUs: 0, untilUs: null, from: ['b1'], to: ['c2'], bothWays: true } as const;
    const eventually = [{ goal: 'clusters-discovered' as const, withinUs: 20 * SECOND_US }];
    const expectations = { okAtLeastPpm: 0, sometimes: [], never: [], eventually };
    const { verdict, reasons } = simulate(
      inARow(['a0', 'b1', 'c2'], { expectations, workloads: [], faults: [cut] }),
    ).verdict();
    expect(verdict).to.equal('stalled');
    expect(reasons.join('\n')).to.match(/clusters-discovered: a0\/bridge-1 has not heard of c2/);
  });

  it('R5.2-4: by its dates a peering opens and closes; what is asked outside of them is refused', () => {
    const terms = { ...peeringOf('france', 'brazil'), fromUs: 20 * SECOND_US, untilUs: 30 * SECOND_US };
    const simulation = simulate(inARow(['france', 'brazil'], { peerings: [terms] }));
    const { world } = simulation;
    expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
    const [before, , after] = [okOf(world, 0, 19e6), okOf(world, 20e6, 30e6), okOf(world, 30e6)];
    expect([before[0], after[0]]).to.deep.equal([0, 0]);
    const [ok, all] = okOf(world, 22 * SECOND_US, 29 * SECOND_US);
    expect([ok, all > 20]).to.deep.equal([all, true]);
    expect(world.tally.sent[CROSS]).to.be.greaterThan(0);
  });
});
