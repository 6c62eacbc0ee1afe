import { expect } from 'chai';
import type { EntryTerms } from '../../core/models/documents.ts';
import { idOfEntry } from '../../core/models/hashes.ts';
import { consoleOf } from '../../sim/cluster-discovery.ts';
import { NodeModels, type ModelSync, type ModelVersion } from '../../sim/model-sync.ts';
import { simulate, Simulation } from '../../sim/simulate.ts';
import type { Machine } from '../../sim/machine.ts';
import type { World } from '../../sim/world.ts';
import { MODEL } from '../conformance/model-sync.ts';
import { release } from '../publisher.ts';
import { Rig } from '../rig.ts';
import { modelScenario } from '../sim/model-scenario.ts';

const SECOND_US = 1e6;
const TO_GOOD = 0;
const TO_BAD = 1;

function start(changes: Parameters<typeof modelScenario>[0] = {}): Simulation {
  const simulation = new Simulation(modelScenario(changes));
  simulation.world.run(10 * SECOND_US);
  return simulation;
}

const machineOf = ({ machines }: World, name: string): Machine =>
  machines.find(({ spec }) => spec.name === `france/${name}`)!;

/** The number of the version that a node runs; 0 none. */
function versionAt(world: World, name: string): number {
  const id = machineOf(world, name).node.models?.currents.get(MODEL)?.id ?? '';
  return world.library!.find(id)?.version ?? 0;
}

/** Lets the world go on until it is so, and returns how long that took, µs. */
function until(world: World, isSo: () => boolean, withinUs: number): number {
  const fromUs = world.nowUs;
  while (!isSo() && world.nowUs - fromUs < withinUs) world.run(world.nowUs + 100_000);
  expect(isSo()).to.equal(true);
  return world.nowUs - fromUs;
}

describe('§7 of the specification', () => {
  it('R7.1-1: a version is called by what its publisher has signed of it, all of it', () => {
    const rig = new Rig();
    const { signature, ...terms } = release(rig, 1).entry;
    expect(signature).to.not.equal('');
    const id = idOfEntry(rig.cast, terms);
    const others: Partial<EntryTerms>[] = [
      { name: 'another' },
      { version: 2 },
      { sizeBytes: terms.sizeBytes + 1 },
      { chunkBytes: terms.chunkBytes + 1 },
      { pages: [...terms.pages].reverse().concat('another') },
      { requiredMemoryBytes: 1 },
      { licence: 'another' },
      { purpose: 'another' },
      { approvals: ['a reviewer'] },
      { regions: ['americas'] },
      { keptIn: ['eu'] },
    ];
    const ids = others.map((change) => idOfEntry(rig.cast, { ...terms, ...change }));
    expect(new Set([id, ...ids]).size).to.equal(others.length + 1);
  });

  it('R5.1-4: ModelSync is there as written, and what it promises comes to pass', async () => {
    const { world } = start();
    const models: ModelSync = new NodeModels(consoleOf(world, machineOf(world, 'third')));
    const pulled = models.pullModel(MODEL);
    until(world, () => versionAt(world, 'third') === 1, 60 * SECOND_US);
    world.run(world.nowUs + 2 * SECOND_US);
    await pulled;
    world.rollouts.act(TO_GOOD);
    world.run(world.nowUs + SECOND_US);
    const updated = models.updateModel(MODEL);
    world.run(world.nowUs + 90 * SECOND_US);
    await updated;
    const checked = models.checkVersion(MODEL);
    world.run(world.nowUs + SECOND_US);
    const { installedVersion, latestVersion }: ModelVersion = await checked;
    expect([installedVersion, latestVersion]).to.deep.equal([2, 2]);
    const removed = models.removeModel(MODEL);
    world.run(world.nowUs + 5 * SECOND_US);
    await removed;
    expect(versionAt(world, 'third')).to.equal(0);
  });

  it('R7.2-1: of two nodes one tries what is new; when it fails it is back where it was within 30 s, and the other never left', () => {
    const { world } = start();
    world.rollouts.act(TO_BAD);
    const names = ['first', 'second'];
    const triedBy = (): string[] => names.filter((name) => versionAt(world, name) === 3);
    until(world, () => triedBy().length > 0, 60 * SECOND_US);
    const [canary] = triedBy();
    const failures = (): number => {
      const { models } = machineOf(world, canary).node;
      return [...models!.tallies.values()].reduce((sum, tally) => sum + tally.failures, 0);
    };
    until(world, () => failures() >= world.scenario.parameters.trialFailures, 60 * SECOND_US);
    const tookUs = until(world, () => versionAt(world, canary) === 1, 60 * SECOND_US);
    expect(tookUs).to.be.at.most(30 * SECOND_US);
    const end = world.nowUs + 90 * SECOND_US;
    while (world.nowUs < end) {
      world.run(world.nowUs + SECOND_US);
      expect(names.map((name) => versionAt(world, name))).to.deep.equal([1, 1]);
    }
  });

  it('R7.2-2: a node that was frozen while all else went on comes to the same version within two minutes', () => {
    const scenario = modelScenario({
      durationUs: 260 * SECOND_US,
      faults: [{ kind: 'pause', nodes: ['france/second'], atUs: 12 * SECOND_US, untilUs: 130 * SECOND_US }],
    });
    const rollouts = scenario.rollouts!.slice(0, 1).map((rollout) => ({ ...rollout, atUs: 15 * SECOND_US }));
    const workloads = scenario.workloads.map((workload) => ({ ...workload, untilUs: 200 * SECOND_US }));
    const expectations = {
      ...scenario.expectations,
      sometimes: [],
      eventually: [{ goal: 'versions-converge' as const, withinUs: 120 * SECOND_US }],
    };
    const { verdict, reasons } = simulate({ ...scenario, rollouts, workloads, expectations }).verdict();
    expect(reasons).to.deep.equal([]);
    expect(verdict).to.equal('pass');
  });

  it('R7.2-3: where two versions do not fit together, memory is reserved for one at a time', () => {
    const tight = modelScenario().nodes.map((node) =>
      node.compute === null ? node : { ...node, compute: { ...node.compute, gpuMemoryBytes: 12e9 } },
    );
    const simulation = start({ nodes: tight });
    const { world } = simulation;
    world.rollouts.act(TO_GOOD);
    until(world, () => ['first', 'second'].every((name) => versionAt(world, name) === 2), 180 * SECOND_US);
    const { checked, violated } = simulation.checker.counts()['memory-reserved'];
    expect(checked).to.be.at.least(3);
    expect(violated).to.equal(0);
  });
});
