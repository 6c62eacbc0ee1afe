import { consoleOf } from '../../sim/cluster-discovery.ts';
import { NodeModels } from '../../sim/model-sync.ts';
import { Simulation } from '../../sim/simulate.ts';
import { MODEL, testModelSync, type ModelStage } from '../conformance/model-sync.ts';
import { modelScenario } from './model-scenario.ts';

function setUp(): Promise<ModelStage> {
  const { world } = new Simulation(modelScenario());
  world.run(10e6);
  const machineOf = (name: string) => world.machines.find(({ spec }) => spec.name === `france/${name}`)!;
  const until = async (isSo: () => boolean | Promise<boolean>): Promise<boolean> => {
    for (let i = 0; i < 3_000; i++) {
      const asked = Promise.resolve(isSo());
      let found: boolean | null = null;
      void asked.then((is) => (found = is));
      // What it asks is answered as the world goes on.
      while (found === null) {
        world.run(world.nowUs + 50_000);
        await new Promise((resolve) => setImmediate(resolve));
      }
      if (found) return true;
      world.run(world.nowUs + 100_000);
      await Promise.resolve();
    }
    return false;
  };
  return Promise.resolve({
    modelsOf: (name) => new NodeModels(consoleOf(world, machineOf(name))),
    release: (version) => {
      world.rollouts.act(version - 2);
      return Promise.resolve();
    },
    isWhole: (name) => {
      const { platter, node } = machineOf(name);
      const id = node.models?.currents.get(MODEL)?.id ?? '';
      const pages = world.library!.find(id)?.pages ?? [];
      const hashes = pages.flatMap((page) => page.hashes);
      return hashes.length > 0 && hashes.every((hash) => platter.contents.has(hash));
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

testModelSync('simulated', setUp);
