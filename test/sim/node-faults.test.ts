import { expect } from 'chai';
import { READY, STORING } from '../../core/machine/node-state.ts';
import type { ResolvedFault } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import { World, type Watcher } from '../../sim/world.ts';
import {
  at,
  atHome,
  COMPUTE,
  moment,
  nodeRecordOf,
  outcomesOf,
  runUntil,
  SECOND_US,
  withFaults,
} from './harmed-world.ts';
import { countRefusals } from '../rig.ts';

const BUSY: ResolvedFault[] = [
  { kind: 'crash', point: 'before-ack', ...at(10, 14) },
  { kind: 'tornWrite', ...at(14, 20) },
  { kind: 'restart', ...moment(12) },
  { kind: 'restore', ...at(13, 21, ['france/front']) },
  { kind: 'slowNode', toPpm: 100_000, ...at(16, 22, ['france/front', 'france/compute']) },
  { kind: 'clock', driftPpm: 150, offsetUs: 2e6, stepUs: -30e6, ...at(5, 30, ['france/front']) },
  { kind: 'wipe', ...at(22, 23) },
  { kind: 'failingAccelerator', ppm: 500_000, ...at(24, 30) },
  { kind: 'wrongAccelerator', ppm: 500_000, ...at(30, 36) },
  { kind: 'otherVersion', version: 2, ...at(36, 37) },
];

describe('harm to nodes', () => {
  it('keeps the digest: again, and in runs that check; what it says it did is the same', () => {
    const runs = [false, false, true].map(
      (isChecking) => simulate(withFaults(...BUSY), { isChecking }).world,
    );
    expect(new Set(runs.map((world) => world.digest())).size).to.equal(1);
    const counts = runs.map(({ faults }) =>
      faults.counts.map(({ kind, fired, affected }) => [kind, fired, affected]),
    );
    expect(counts[1]).to.deep.equal(counts[0]);
    expect(counts[2]).to.deep.equal(counts[0]);
    expect(simulate(withFaults()).world.digest()).not.to.equal(runs[0].digest());
  });

  it('is plain data: a fault that went through JSON does the same', () => {
    const copied = JSON.parse(JSON.stringify(BUSY)) as ResolvedFault[];
    expect(simulate(withFaults(...copied)).world.digest()).to.equal(
      simulate(withFaults(...BUSY)).world.digest(),
    );
  });

  it('goes on from a checkpoint as if there had been none', () => {
    const world = new World(withFaults(...BUSY));
    world.start();
    world.run(16 * SECOND_US);
    const again = World.restore(world.checkpoint());
    world.run(60 * SECOND_US);
    again.run(60 * SECOND_US);
    expect(again.digest()).to.equal(world.digest());
  });

  describe('power', () => {
    const points = { 'before-sync': 1, 'before-ack': 2 } as const;
    for (const [point, version] of Object.entries(points) as [keyof typeof points, number][]) {
      it(`crash ${point}: the disk holds version ${version}, and nobody was told`, () => {
        const scenario = withFaults(
          { kind: 'crash', point, ...at(10, 20) },
          { kind: 'restart', ...moment(12) },
        );
        const { world } = runUntil(scenario, 15);
        const { isUp, node, lives } = world.machines[COMPUTE];
        const kept = nodeRecordOf(world.machines[COMPUTE]);
        expect([isUp, lives, kept?.manifestVersion]).to.deep.equal([false, 2, version]);
        expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
        world.run(60 * SECOND_US);
        expect([node.phase, node.manifestVersion]).to.deep.equal([READY, version + 1]);
        expect(outcomesOf(world, 24, 40)).to.deep.equal(['OK']);
      });
    }

    it('a write takes effect when it is synced, not when it is asked for', () => {
      const { world } = runUntil(withFaults(), 0.0005);
      expect(world.machines[COMPUTE].node.phase).to.equal(STORING);
      expect(nodeRecordOf(world.machines[COMPUTE])).to.equal(null);
      world.run(0.01 * SECOND_US);
      expect(nodeRecordOf(world.machines[COMPUTE])).to.include({ manifestVersion: 1 });
    });

    it('of two crashes that overlap the longer one decides, and a restart ends both', () => {
      const both: ResolvedFault[] = [
        { kind: 'crash', ...at(10, 14) },
        { kind: 'crash', ...at(12, 20) },
      ];
      const { world } = runUntil(withFaults(...both), 16);
      expect(world.machines[COMPUTE].isUp).to.equal(false);
      world.run(21 * SECOND_US);
      expect(world.machines[COMPUTE].isUp).to.equal(true);
      const restarted = runUntil(withFaults(...both, { kind: 'restart', ...moment(13) }), 21).world;
      expect(restarted.machines[COMPUTE].lives).to.equal(2);
    });

    it('wipe: it is back under its id, numbers its boots anew, and what it says outranks what it said', () => {
      const { world } = runUntil(withFaults({ kind: 'wipe', ...at(15, 16) }), 15.5);
      const machine = world.machines[COMPUTE];
      expect([machine.isUp, machine.platter.records.size, machine.bootCount]).to.deep.equal([false, 0, 0]);
      const before = world.machines[0].node.index!.directory.get(machine.peer)!.version;
      world.run(60 * SECOND_US);
      const after = world.machines[0].node.index!.directory.get(machine.peer)!;
      expect([machine.bootCount, machine.lives, after.isQuarantined]).to.deep.equal([1, 2, false]);
      expect(after.version.epoch).to.equal(before.epoch + 16);
      expect(outcomesOf(world, 18, 40)).to.deep.equal(['OK']);
      expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
    });

    it('wipe under a wall clock that is behind: it is not believed until its past is forgotten', () => {
      const { world } = runUntil(
        withFaults(
          { kind: 'clock', driftPpm: 0, offsetUs: 0, stepUs: -3_600e6, ...at(14) },
          { kind: 'wipe', ...at(15, 16) },
        ),
        18,
      );
      const epochKnown = (): number => world.machines[0].node.index!.directory.get(COMPUTE)!.version.epoch;
      const { node } = world.machines[COMPUTE];
      expect(epochKnown()).to.be.greaterThan(node.epoch);
      world.run(24 * SECOND_US);
      expect(epochKnown()).to.equal(node.epoch);
      world.run(60 * SECOND_US);
      expect(outcomesOf(world, 24, 40)).to.deep.equal(['OK']);
    });

    it('a device answers the life that asked it: not the one after a wipe, though it counts boots alike', () => {
      const late: number[] = [];
      const { world } = runUntil(withFaults({ kind: 'wipe', ...at(12.4, 12.401) }), 60);
      for (const { node } of world.machines) late.push(countRefusals(node, 'too late'));
      expect(world.users.open).to.equal(0);
      expect(late[COMPUTE]).to.equal(0);
    });
  });

  describe('pause', () => {
    it('what waits is served before alarms that are overdue', () => {
      const order: string[] = [];
      const scenario = withFaults({ kind: 'pause', ...at(15, 18, ['france/front']) });
      const watcher: Watcher = {
        onHandled: ({ nowUs }, { to, kind }) => {
          if (to === 0 && nowUs >= 18 * SECOND_US && nowUs < 18.02 * SECOND_US) order.push(`in ${kind}`);
        },
      };
      const world = new World(scenario, watcher);
      world.start();
      world.run(18 * SECOND_US - 1);
      const front = world.machines[0];
      const waiting = front.inbox!.size;
      expect(waiting).to.be.greaterThan(3);
      const { nextSweepUs } = front.node.index!;
      expect(nextSweepUs, 'the sweep is overdue').to.be.lessThan(16 * SECOND_US);
      for (let us = 18 * SECOND_US; front.inbox!.size > 0; us += 10) {
        expect(front.node.index!.nextSweepUs, 'no alarm before the inbox is empty').to.equal(nextSweepUs);
        world.run(us);
      }
      expect(order.length).to.be.at.least(waiting);
      world.run(18.1 * SECOND_US);
      expect(front.node.index!.nextSweepUs).to.be.greaterThan(18 * SECOND_US);
      expect(
        front.node.index!.directory.has(world.machines[COMPUTE].peer),
        'its heartbeats had waited',
      ).to.equal(true);
    });
  });

  describe('speed', () => {
    it('slowNode: steps and accelerator take ten times as long, and only while it lasts', () => {
      const { world } = runUntil(withFaults({ kind: 'slowNode', toPpm: 100_000, ...at(10, 20) }), 60);
      const computedUs = (from: number, until: number): number[] =>
        atHome(world.users.requests, from, until).flatMap(({ answer, want }) =>
          answer === null
            ? []
            : [answer.computedUs / Math.ceil((want.contextTokens / 8_000 + want.maxTokens / 60) * 1e6)],
        );
      expect(Math.min(...computedUs(10, 19))).to.be.within(9.9, 10.1);
      expect(Math.max(...computedUs(25, 40))).to.be.within(0.99, 1.01);
      expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
      expect(world.machines[COMPUTE].speedPpm).to.equal(1e6);
    });

    it('two at once multiply', () => {
      const slow = { kind: 'slowNode', toPpm: 500_000 } as const;
      const { world } = runUntil(withFaults({ ...slow, ...at(10, 20) }, { ...slow, ...at(12, 18) }), 15);
      expect(world.machines[COMPUTE].speedPpm).to.equal(250_000);
      world.run(19 * SECOND_US);
      expect(world.machines[COMPUTE].speedPpm).to.equal(500_000);
    });
  });

  describe('another version of the wire format', () => {
    it('is refused by its peers, and refuses them; nothing breaks, and after it all is well', () => {
      const { world } = runUntil(withFaults({ kind: 'otherVersion', version: 2, ...at(12, 25) }), 60);
      expect(world.tally.dropped['other version']).to.be.greaterThan(10);
      expect(world.faults.counts[0].affected).to.equal(world.tally.dropped['other version']);
      expect(outcomesOf(world, 18, 24)).to.deep.equal(['NO_CAPABLE_NODE']);
      expect(outcomesOf(world, 28, 40)).to.deep.equal(['OK']);
      expect(world.users.open).to.equal(0);
      expect(world.machines[COMPUTE].lives).to.equal(3);
    });

    it('nodes of that version understand one another', () => {
      const both = ['france/front', 'france/compute'];
      const { world } = runUntil(withFaults({ kind: 'otherVersion', version: 2, ...at(12, null, both) }), 60);
      expect(outcomesOf(world, 20, 40)).to.deep.equal(['OK']);
    });
  });

  it('harms what runs here only, and lets each be undone by its end', () => {
    const { world } = runUntil(withFaults(...BUSY), 60);
    for (const { faults, offBy, clock, speedPpm, wireVersion } of world.machines) {
      expect([faults.length, offBy.size, clock.driftPpm, speedPpm, wireVersion]).to.deep.equal([
        0, 0, 0, 1e6, 1,
      ]);
    }
    for (const { kind, armed, fired, affected } of world.faults.counts)
      expect([armed, fired, affected > 0], kind).to.deep.equal([1, 1, kind !== 'tornWrite']);
  });
});
