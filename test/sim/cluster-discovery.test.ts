import { consoleOf, manifestFor, NodeDiscovery } from '../../sim/cluster-discovery.ts';
import { Simulation } from '../../sim/simulate.ts';
import { testClusterDiscovery, type DiscoveryStage } from '../conformance/cluster-discovery.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

function setUp(): Promise<DiscoveryStage> {
  const nodes = [
    tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index', 'bridge']),
    { ...tinyNode('france/newcomer', 'france', 'eu/fr', ['gateway']), isAdmitted: false as const },
  ];
  const [france] = tinyScenario().clusters;
  const { world } = new Simulation(
    tinyScenario({ nodes, clusters: [france], peerings: [], workloads: [], faults: [] }),
  );
  world.run(5e6);
  const machineOf = (name: string) => world.machines.find(({ spec }) => spec.name === `france/${name}`)!;
  const until = async (isSo: () => boolean): Promise<boolean> => {
    for (let i = 0; i < 1_000 && !isSo(); i++) {
      world.run(world.nowUs + 100_000);
      // What a promise leads to comes before the world goes on.
      await Promise.resolve();
    }
    return isSo();
  };
  return Promise.resolve({
    discoveryOf: (name, options) => new NodeDiscovery(consoleOf(world, machineOf(name)), options),
    manifestOf: (name) => {
      const { node } = machineOf(name);
      return manifestFor(node.config.manifest, node.pure.idOf(node.self));
    },
    approve: (pending) => world.operators.approve(pending),
    members: () => {
      const { table } = machineOf('front').node.membership!;
      return Array.from({ length: table.count }, (_, row) => row)
        .filter((row) => table.isLiveAt(row))
        .map((row) => world.identities.names[table.peerAt(row)].replace('france/', ''))
        .sort((left, right) => (left < right ? -1 : 1));
    },
    settle: async (promise) => {
      let isSettled = false;
      const done = (): void => void (isSettled = true);
      promise.then(done, done);
      await until(() => isSettled);
      return promise;
    },
    until,
    close: () => Promise.resolve(),
  });
}

testClusterDiscovery('simulated', setUp);
