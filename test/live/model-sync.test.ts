import { NodeModels } from '../../sim/model-sync.ts';
import { MODEL, testModelSync, type ModelStage } from '../conformance/model-sync.ts';
import { described, ModelTown, townNode, writeModel, writeWrongModel } from './model-town.ts';
import { ask, pilotNode, sleep, until } from './pilot.ts';

const NAMES = ['first', 'second', 'third'] as const;

async function setUp(): Promise<ModelStage> {
  const town = await ModelTown.open([
    pilotNode('france/front', 'eu/fr', ['gateway', 'index']),
    ...NAMES.map((name) => townNode(`france/${name}`)),
  ]);
  const keptIn = ['eu/fr'];
  const pathOf = (version: number): string => town.path(`v${version}.onnx`);
  writeModel(pathOf(1), 3e6, 1);
  writeModel(pathOf(2), 3e6, 2);
  writeWrongModel(pathOf(3));
  const ids = new Map<number, string>();
  const release = async (version: number): Promise<void> => {
    const before = version === 1 ? null : { sequence: version - 1, id: ids.get(version - 1)! };
    const { id } = await town.publish('first', pathOf(version), described(version, { keptIn }), before);
    ids.set(version, id);
  };
  await release(1);
  for (const name of ['first', 'second']) {
    const isKnown = async (): Promise<boolean> =>
      (await town.node(name).models.checkVersion(MODEL)).latestVersion === 1;
    await untilSo(isKnown);
    await town.node(name).models.pullModel(MODEL);
  }
  let isOpen = true;
  // A user whose requests are what new versions are tried on.
  const asking = (async () => {
    while (isOpen) {
      await ask(town.node('front').url, { model: MODEL, text: 'Where does the water go?' });
      await sleep(50);
    }
  })();
  return {
    modelsOf: (name): NodeModels => town.node(name).models,
    release,
    isWhole: (name) => town.isWhole(name),
    settle: (promise) => promise,
    until: (isSo) => untilSo(isSo),
    close: async () => {
      isOpen = false;
      await asking;
      await town.close();
    },
  };
}

async function untilSo(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  const endMs = performance.now() + 40_000;
  while (performance.now() < endMs) {
    if (await isSo()) return true;
    await until(() => false, 100);
  }
  return false;
}

testModelSync('live', setUp);
