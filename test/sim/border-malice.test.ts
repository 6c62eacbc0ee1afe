import { expect } from 'chai';
import { ERROR_CODES, OK } from '../../core/routing/outcomes.ts';
import type { MaliciousRole } from '../../sim/scenario/resolved-malice.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import type { Machine } from '../../sim/machine.ts';
import type { World } from '../../sim/world.ts';
import { peeringOf, tinyNode, tinyScenario } from './tiny-scenario.ts';
import { countRefusals } from '../rig.ts';

const FRONT = ['gateway', 'index', 'bridge'];

/** France, us-east, and a third cluster whose bridge is malicious; `peered`: whether the third has a peering with France. */
function withVillain(as: MaliciousRole | null, peered: boolean): ResolvedScenario {
  const base = tinyScenario({ faults: [] });
  const [workload] = base.workloads;
  const japan = { name: 'japan', label: 'Japan', region: 'americas/us-east', exports: ['*'] };
  return {
    ...base,
    parameters: { ...base.parameters, maxClusters: 16 },
    clusters: [...base.clusters, { ...japan, seedClusters: ['france'] }],
    nodes: [...base.nodes, tinyNode('japan/front', 'japan', 'americas/us-east', FRONT)],
    peerings: [...base.peerings, ...(peered ? [peeringOf('france', 'japan')] : [])],
    workloads: [workload, { ...workload, cluster: 'japan', users: 5 }],
    malice:
      as === null
        ? []
        : [{ node: 'japan/front', as, fromUs: 0, untilUs: null, sharePpm: 500_000, region: '' }],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
  };
}

const machineOf = (world: World, name: string): Machine =>
  world.machines.find(({ spec }) => spec.name === name)!;
const outcomesOf = ({ users, scenario }: World, cluster: string): string[] =>
  users.requests
    .filter((request) => scenario.clusters[request.cluster].name === cluster)
    .map(({ code }) => ERROR_CODES[code]);

describe('a forger of records', () => {
  for (const peered of [true, false]) {
    it(`${peered ? 'with' : 'without'} a peering is believed nowhere, fills nothing up, and costs nobody a request`, () => {
      const simulation = simulate(withVillain('record-forger', peered));
      const { world } = simulation;
      expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
      expect(world.villains[0].affected).to.be.greaterThan(50);
      for (const name of ['france/front', 'us-east/front']) {
        const { directory, sessions } = machineOf(world, name).node.bridge!;
        expect(directory.entries.size, name).to.be.at.most(16);
        const partners = sessions.sessions.map(({ peer }) => world.identities.names[peer]);
        const own =
          name === 'france/front' ? ['us-east/front', ...(peered ? ['japan/front'] : [])] : ['france/front'];
        expect(partners).to.have.members(own);
      }
      const { node } = machineOf(world, 'france/front');
      for (const why of ['forged', 'no room'] as const)
        expect(countRefusals(node, why), why).to.be.greaterThan(20);
      const honest = simulate(withVillain(null, peered)).world;
      for (const cluster of ['france', 'us-east'])
        expect(outcomesOf(world, cluster)).to.deep.equal(outcomesOf(honest, cluster));
    });
  }
});

describe('a forger of peerings', () => {
  it('opens no session and gets nothing computed, and everyone who refused it has counted', () => {
    const simulation = simulate(withVillain('peering-forger', false));
    const { world } = simulation;
    expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
    const { node } = machineOf(world, 'france/front');
    expect(countRefusals(node, 'forged')).to.be.greaterThan(20);
    expect(countRefusals(node, 'no peering')).to.be.greaterThan(5);
    expect(node.bridge!.sessions.sessions).to.have.length(1);
    expect(outcomesOf(world, 'japan')).to.have.length.greaterThan(5).and.not.include('OK');
    const served = world.users.requests.filter(({ code }) => code === OK);
    expect(served.length).to.be.greaterThan(5);
    const honest = simulate(withVillain(null, false)).world;
    expect(outcomesOf(world, 'france')).to.deep.equal(outcomesOf(honest, 'france'));
  });

  it('with a true peering, which says other things, gets what that says', () => {
    const simulation = simulate(withVillain('peering-forger', true));
    expect(simulation.verdict()).to.deep.equal({ verdict: 'pass', reasons: [] });
    expect(outcomesOf(simulation.world, 'japan')).to.include('OK');
    const held = [...machineOf(simulation.world, 'france/front').node.bridge!.agreements.held.values()];
    expect(held.map(({ peering }) => peering.version)).to.deep.equal([1, 1]);
  });
});
