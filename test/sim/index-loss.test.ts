import { expect } from 'chai';
import { OK } from '../../core/routing/outcomes.ts';
import { simulate } from '../../sim/simulate.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;

describe('a cluster that loses all its index nodes (R3-1)', () => {
  const base = tinyScenario();
  const nodes = [
    tinyNode('france/door', 'france', 'eu/fr', ['gateway', 'bridge']),
    tinyNode('france/index-1', 'france', 'eu/fr', ['index']),
    tinyNode('france/index-2', 'france', 'eu/fr', ['index']),
    ...base.nodes.slice(1),
  ];
  const gone = { kind: 'crash', atUs: 15 * SECOND_US, nodes: ['france/index-1', 'france/index-2'] } as const;
  const demand = { ...base.workloads[0], meanGapUs: 200_000 };
  const scenario = (untilUs: number | null) =>
    tinyScenario({
      nodes,
      workloads: [{ ...demand, asks: demand.asks.slice(0, 2) }],
      faults: [{ ...gone, untilUs }],
      expectations: {
        ...base.expectations,
        sometimes: [],
        eventually: [{ goal: 'directories-converge', withinUs: 3 * SECOND_US }],
      },
    });

  it('goes on with what its gateways and bridges know: 99 of 100 are served, here and over the sea', () => {
    const { users } = simulate(scenario(null)).world;
    const after = users.requests.filter(({ askedUs }) => askedUs > 17 * SECOND_US);
    expect(after.length).to.be.greaterThan(80);
    const served = after.filter(({ code }) => code === OK).length;
    expect(served / after.length).to.be.at.least(0.99);
  });

  it('has full directories again within three seconds of their return', () => {
    const simulation = simulate(scenario(30 * SECOND_US));
    expect(simulation.verdict()).to.deep.include({ verdict: 'pass', reasons: [] });
    const [first, second] = [1, 2].map(
      (place) => simulation.world.machines[place].node.index!.directory.size,
    );
    expect([first, second]).to.deep.equal([4, 4]);
  });
});
