import { expect } from 'chai';
import { READY } from '../../core/machine/node-state.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { Simulation } from '../../sim/simulate.ts';
import { World } from '../../sim/world.ts';
import { at, COMPUTE, runUntil, SECOND_US, withFaults } from './harmed-world.ts';
import { podScenario } from './pod-scenario.ts';

const HOST = 'france/host-1';

const restored = (fromS: number, untilS: number, node: string): ResolvedFault => ({
  kind: 'restore',
  atUs: fromS * SECOND_US,
  untilUs: untilS * SECOND_US,
  nodes: [node],
});

describe('a backup that is put back', () => {
  it('R4-3: what its node says outranks what it has said since the backup was made', () => {
    const { world } = runUntil(
      withFaults(
        { kind: 'restart', atUs: 14 * SECOND_US, nodes: ['france/compute'] },
        {
          kind: 'restore',
          ...at(12, 16),
        },
      ),
      15.5,
    );
    const machine = world.machines[COMPUTE];
    const known = () => world.machines[0].node.index!.directory.get(machine.peer)!;
    const before = known().version;
    expect([machine.lives, machine.bootCount, before.version]).to.deep.equal([2, 2, 2]);
    world.run(60 * SECOND_US);
    // It counts the boot again that it does not remember.
    expect([machine.lives, machine.bootCount, machine.node.phase]).to.deep.equal([3, 2, READY]);
    expect(known().version.epoch).to.be.greaterThan(before.epoch);
    expect(known().isQuarantined).to.equal(false);
    expect(world.faults.counts[1]).to.include({ fired: 1, affected: 1 });
  });

  it('R6.2-2: pods that were deleted since are erased again, and given to nobody', () => {
    const scenario = podScenario(
      { people: 6, each: 2, deletesPpm: 60_000, meanGapUs: 200_000 },
      { durationUs: 120 * SECOND_US, faults: [restored(20, 60, HOST)] },
    );
    const simulation = new Simulation(scenario);
    const { world } = simulation;
    const machine = world.machines.find(({ spec }) => spec.name === HOST)!;
    const advanceTo = (seconds: number): void => {
      while (world.nowUs < seconds * SECOND_US) simulation.advance();
    };
    advanceTo(20);
    const backedUp = new Set(machine.platter.contents.keys());
    advanceTo(59);
    const certified = world.podOwners.pods.filter(({ certifiedUs }) => certifiedUs < Infinity);
    const gone = certified.flatMap(({ requests }) =>
      requests.flatMap(({ content }) =>
        content !== null && backedUp.has(content.hash) ? [content.hash] : [],
      ),
    );
    expect(gone, 'of what is in the backup some is deleted').not.to.deep.equal([]);
    const kept = (): string[] => gone.filter((hash) => machine.platter.holds(hash));
    expect(kept()).to.deep.equal([]);
    world.run(60 * SECOND_US);
    expect(kept(), 'it comes back').to.deep.equal(gone);
    advanceTo(120);
    expect(kept()).to.deep.equal([]);
    const { verdict, reasons } = simulation.verdict();
    expect(verdict, reasons.join('\n')).to.equal('pass');
  });

  it('is in a checkpoint that is made in between', () => {
    const world = new World(podScenario({}, { faults: [restored(15, 25, HOST)] }));
    world.start();
    world.run(20 * SECOND_US);
    const again = World.restore(world.checkpoint());
    world.run(60 * SECOND_US);
    again.run(60 * SECOND_US);
    expect(again.digest()).to.equal(world.digest());
    expect(world.machines.some(({ lives }) => lives > 1)).to.equal(true);
  });
});
