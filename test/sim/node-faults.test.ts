import { expect } from 'chai';
import { ACCELERATOR, DISK, OBSERVER } from '../../core/base/peers.ts';
import { NEVER_US } from '../../core/base/time.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { DISK_CORRUPT, DISK_FAILED, DISK_FINE, DISK_FULL } from '../../core/machine/disk-conditions.ts';
import {
  INFERRED,
  LOAD,
  LOADED,
  NOTES,
  STORE,
  STORED,
  type Inferred,
  type Loaded,
  type Noted,
  type Stored,
} from '../../core/machine/kinds.ts';
import { LOADING, READY, STORING } from '../../core/machine/node-state.ts';
import { ERROR_CODES, OK } from '../../core/routing/outcomes.ts';
import { isDerived } from '../../sim/devices/accelerator.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import type { UserRequest } from '../../sim/users.ts';
import { World, type Watcher } from '../../sim/world.ts';
import { envelopeOf, Rig } from '../rig.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;
const COMPUTE = 1;

function withFaults(...faults: ResolvedFault[]): ResolvedScenario {
  return tinyScenario({ faults, expectations: { okAtLeastPpm: 0, sometimes: [], never: [] } });
}

/** Nodes of a fault, and when: everything here happens to France's compute node unless it says otherwise. */
const at = (seconds: number, until: number | null = null, nodes = ['france/compute']) => ({
  nodes,
  atUs: Math.round(seconds * SECOND_US),
  untilUs: until === null ? null : Math.round(until * SECOND_US),
});
const moment = (seconds: number) => ({ nodes: ['france/compute'], atUs: seconds * SECOND_US });

/** A world at a moment, and what its nodes noted until then. */
function runUntil(scenario: ResolvedScenario, seconds: number): { world: World; notes: string[] } {
  const notes: string[] = [];
  const world = new World(scenario, {
    onNoted: ({ nowUs, identities }, { from, body }) => {
      const { note } = body as Noted;
      if (NOTES[note] === 'corrupt' || NOTES[note] === 'unstored')
        notes.push(`${identities.names[from]} ${NOTES[note]} ${Math.floor(nowUs / SECOND_US)} s`);
    },
  });
  world.start();
  world.run(seconds * SECOND_US);
  return { world, notes };
}

/** Outcomes of requests for the model that only France's compute node has. */
function outcomesOf({ users }: World, from: number, until: number): string[] {
  const codes = atHome(users.requests, from, until).map(({ code }) => ERROR_CODES[code] ?? 'open');
  return [...new Set(codes)].sort((left, right) => (left < right ? -1 : 1));
}

function atHome(requests: readonly UserRequest[], from: number, until: number): UserRequest[] {
  return requests.filter(
    ({ want, askedUs }) => want.model === 'a' && askedUs >= from * SECOND_US && askedUs < until * SECOND_US,
  );
}

const BUSY: ResolvedFault[] = [
  { kind: 'crash', point: 'before-ack', ...at(10, 14) },
  { kind: 'tornWrite', ...at(14, 20) },
  { kind: 'restart', ...moment(12) },
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
        const { isUp, disk, node, lives } = world.machines[COMPUTE];
        expect([isUp, lives, disk?.manifestVersion]).to.deep.equal([false, 2, version]);
        expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
        world.run(60 * SECOND_US);
        expect([node.phase, node.manifestVersion]).to.deep.equal([READY, version + 1]);
        expect(outcomesOf(world, 24, 40)).to.deep.equal(['OK']);
      });
    }

    it('a write takes effect when it is synced, not when it is asked for', () => {
      const { world } = runUntil(withFaults(), 0.0005);
      expect(world.machines[COMPUTE].node.phase).to.equal(STORING);
      expect(world.machines[COMPUTE].disk).to.equal(null);
      world.run(0.01 * SECOND_US);
      expect(world.machines[COMPUTE].disk).to.include({ manifestVersion: 1 });
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
      expect([machine.isUp, machine.disk, machine.bootCount]).to.deep.equal([false, null, 0]);
      const before = world.machines[0].node.index!.entries.get(machine.peer)!.version;
      world.run(60 * SECOND_US);
      const after = world.machines[0].node.index!.entries.get(machine.peer)!;
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
      const epochKnown = (): number => world.machines[0].node.index!.entries.get(COMPUTE)!.version.epoch;
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
      for (const { node } of world.machines) late.push(node.late);
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
        front.node.index!.entries.has(world.machines[COMPUTE].peer),
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

describe('harm to disks', () => {
  it('tornWrite: a crash in mid-write leaves a record that is never used; the node starts without a past, and says so', () => {
    const { world, notes } = runUntil(
      withFaults(
        { kind: 'tornWrite', ...at(10, 20) },
        { kind: 'crash', point: 'before-sync', ...at(10, 14) },
        { kind: 'restart', ...moment(12) },
      ),
      60,
    );
    expect(notes).to.deep.equal(['france/compute corrupt 14 s']);
    const { node } = world.machines[COMPUTE];
    expect([node.epoch, node.manifestVersion, node.phase]).to.deep.equal([
      Math.floor(2 ** 40 / SECOND_US + 14),
      1,
      READY,
    ]);
    expect(world.faults.counts.map(({ affected }) => affected)).to.deep.equal([1, 1, 1]);
    expect(outcomesOf(world, 20, 40)).to.deep.equal(['OK']);
  });

  it('lostWrite: what the disk said it had synced is gone after a crash, and the version is said a second time', () => {
    const lying = { kind: 'lostWrite', ...at(10, 20) } as const;
    const restarts = [12, 14].map((s): ResolvedFault => ({ kind: 'restart', ...moment(s) }));
    const { world } = runUntil(withFaults(lying, ...restarts), 13);
    expect(world.machines[COMPUTE].node.manifestVersion).to.equal(2);
    world.run(19 * SECOND_US);
    expect(world.machines[COMPUTE].node.manifestVersion, 'not 3').to.equal(2);
    expect(world.faults.counts[0]).to.include({ fired: 1, affected: 2 });
    world.run(21 * SECOND_US);
    world.crashMachine(world.machines[COMPUTE]);
    expect(world.machines[COMPUTE].disk, 'flushed when the fault ended').to.include({ manifestVersion: 2 });
  });

  it('bitRot: LOADED says corrupt; a new epoch outranks what was said before', () => {
    const loaded: Loaded[] = [];
    const scenario = withFaults({ kind: 'bitRot', ...moment(10) }, { kind: 'restart', ...moment(12) });
    const { world } = simulate(scenario, {
      watchers: [
        {
          onHandled: ({ nowUs }, { kind, from, to, body }) => {
            if (kind === LOADED && from === DISK && to === COMPUTE && nowUs > 0) loaded.push(body as Loaded);
          },
        },
      ],
    });
    expect(loaded.map(({ state, condition }) => [state === null, condition])).to.deep.equal([
      [true, DISK_FINE],
      [true, DISK_CORRUPT],
    ]);
    const { node, peer } = world.machines[COMPUTE];
    expect(world.machines[0].node.index!.entries.get(peer)!.version).to.deep.equal({
      epoch: node.epoch,
      version: 1,
    });
    expect(world.faults.counts[0]).to.include({ fired: 1, affected: 1 });
    expect(outcomesOf(world, 14, 40)).to.deep.equal(['OK']);
  });

  it('fullDisk: a version that is not stored is not used: not ready, a try a second, ready once there is room', () => {
    const stored: number[] = [];
    const scenario = withFaults({ kind: 'fullDisk', ...at(10, 15) }, { kind: 'restart', ...moment(11) });
    const { world, notes } = runUntil(scenario, 14.5);
    const { node, disk } = world.machines[COMPUTE];
    expect([node.phase, disk?.manifestVersion]).to.deep.equal([STORING, 1]);
    expect(notes).to.deep.equal([11, 12, 13, 14].map((s) => `france/compute unstored ${s} s`));
    expect(world.faults.counts[0]).to.include({ fired: 1, affected: 4 });
    world.run(60 * SECOND_US);
    expect([node.phase, node.manifestVersion]).to.deep.equal([READY, 2]);
    expect(outcomesOf(world, 18, 40)).to.deep.equal(['OK']);
    simulate(scenario, {
      watchers: [
        {
          onHandled: (_world, { kind, to, body }) => {
            if (kind === STORED && to === COMPUTE) stored.push((body as Stored).condition);
          },
        },
      ],
    });
    expect(stored).to.deep.equal([DISK_FINE, DISK_FULL, DISK_FULL, DISK_FULL, DISK_FULL, DISK_FINE]);
  });

  it('stalledDisk: answers come when it ends, or so much later', () => {
    const restart: ResolvedFault = { kind: 'restart', ...moment(11) };
    const held = runUntil(withFaults({ kind: 'stalledDisk', byUs: null, ...at(10, 20) }, restart), 19).world;
    expect(held.machines[COMPUTE].node.phase).not.to.equal(READY);
    expect(held.machines[COMPUTE].platter.held).to.have.length(1);
    held.census();
    held.run(21 * SECOND_US);
    expect(held.machines[COMPUTE].node.phase).to.equal(READY);
    expect(held.faults.counts[0]).to.include({ fired: 1, affected: 1 });
    const late = runUntil(withFaults({ kind: 'stalledDisk', byUs: 2e6, ...at(10, 20) }, restart), 14.9).world;
    expect(late.machines[COMPUTE].node.phase).not.to.equal(READY);
    late.run(15.1 * SECOND_US);
    expect(late.machines[COMPUTE].node.phase, 'a LOAD and a STORE, 2 s each').to.equal(READY);
  });

  it('a crash takes what a stalled disk has not said', () => {
    const { world } = runUntil(
      withFaults(
        { kind: 'stalledDisk', byUs: null, ...at(10, 20) },
        { kind: 'restart', ...moment(11) },
        { kind: 'crash', ...at(12, 13) },
      ),
      40,
    );
    expect(world.machines[COMPUTE].node.phase).to.equal(READY);
    expect(world.machines[COMPUTE].node.late).to.equal(0);
    world.census();
  });
});

describe('harm to clocks', () => {
  const drifting = (driftPpm: number): ResolvedScenario =>
    tinyScenario({
      faults: [{ kind: 'clock', driftPpm, offsetUs: 0, stepUs: 0, ...at(0, null, ['france/front']) }],
    });

  /** When the front node sends its session heartbeats, µs of the world. */
  function beatsOf(scenario: ResolvedScenario): number[] {
    const beats: number[] = [];
    const world = new World(scenario);
    world.start();
    let next = 0;
    while (world.nowUs < scenario.durationUs && Number.isFinite(world.nextUs)) {
      world.run(world.nextUs);
      const { nextBeatUs } = world.machines[0].node.bridge!.sessions;
      if (nextBeatUs !== next) beats.push(world.nowUs);
      next = nextBeatUs;
    }
    return beats.slice(2);
  }

  it('drift: a second of the node is longer or shorter by as much, to the microsecond', () => {
    for (const [driftPpm, gapUs] of [
      [-200, 1_000_200],
      [0, 1_000_000],
      [200, 999_800],
    ]) {
      const beats = beatsOf(drifting(driftPpm));
      expect(beats.length).to.be.greaterThan(50);
      const meanUs = (beats[beats.length - 1] - beats[0]) / (beats.length - 1);
      expect(meanUs, `${driftPpm} ppm`).to.be.within(gapUs - 20, gapUs + 120);
    }
  });

  it('monoUs never steps back, whatever is done to the clocks; wallUs does', () => {
    const faults: ResolvedFault[] = [
      { kind: 'clock', driftPpm: 150, offsetUs: 2e6, stepUs: 0, ...at(10, 30, ['france/front']) },
      { kind: 'clock', driftPpm: -200, offsetUs: 0, stepUs: -30e6, ...at(20, 25, ['france/front']) },
    ];
    const world = new World(withFaults(...faults));
    const seen: { monoUs: number; wallUs: number }[] = [];
    world.start();
    for (let s = 0; s <= 40; s++) {
      world.run(s * SECOND_US);
      seen.push(world.clockOf(world.machines[0]));
    }
    for (let i = 1; i < seen.length; i++) {
      const perSecondUs = seen[i].monoUs - seen[i - 1].monoUs;
      expect(perSecondUs).to.be.within(999_799, 1_000_201);
    }
    const offUs = (s: number): number => seen[s].wallUs - 2 ** 40 - s * SECOND_US;
    expect([5, 15, 22, 27, 35].map(offUs)).to.deep.equal([0, 2e6, -28e6, -28e6, -30e6]);
    expect(world.faults.counts.map(({ affected }) => affected)).to.deep.equal([1, 1]);
  });

  it('attestations and requests live with a wall clock that is off by less than the bound of skew', () => {
    const { world } = runUntil(
      withFaults({ kind: 'clock', driftPpm: 0, offsetUs: 20e6, stepUs: 0, ...at(5) }),
      60,
    );
    expect(outcomesOf(world, 6, 40)).to.deep.equal(['OK']);
  });

  it('beyond the bound a compute node starts nothing: it fails closed, and says DEADLINE_EXCEEDED', () => {
    const { world } = runUntil(
      withFaults({ kind: 'clock', driftPpm: 0, offsetUs: 90e6, stepUs: 0, ...at(5) }),
      60,
    );
    expect(outcomesOf(world, 6, 40)).to.deep.equal(['DEADLINE_EXCEEDED']);
  });
});

describe('harm to accelerators', () => {
  function inferredOf(scenario: ResolvedScenario): { world: World; inferred: Inferred[] } {
    const inferred: Inferred[] = [];
    const { world } = simulate(scenario, {
      watchers: [
        {
          onHandled: ({ nowUs }, { kind, from, to, body }) => {
            const isMeant = kind === INFERRED && from === ACCELERATOR && to === COMPUTE;
            if (isMeant && nowUs >= 10 * SECOND_US) inferred.push(body as Inferred);
          },
        },
      ],
    });
    return { world, inferred };
  }

  it('outOfMemory: every job fails and says why; another node of the cluster takes over', () => {
    const fault: ResolvedFault = { kind: 'outOfMemory', ...at(10) };
    const alone = inferredOf(withFaults(fault));
    const failed = alone.inferred.filter(({ answer }) => answer === null);
    expect(new Set(failed.map(({ error }) => error))).to.deep.equal(new Set(['out of memory']));
    expect(alone.world.faults.counts[0].affected).to.equal(failed.length);
    expect(outcomesOf(alone.world, 10, 40)).to.deep.equal(['NO_CAPABLE_NODE']);
    const extra = tinyNode('france/other', 'france', 'eu/fr', ['compute'], ['a']);
    const { nodes } = tinyScenario();
    const two = { ...withFaults(fault), nodes: [...nodes, extra] };
    expect(outcomesOf(simulate(two).world, 10, 40)).to.deep.equal(['OK']);
  });

  it('slowAccelerator: computing takes longer, steps do not', () => {
    const fault: ResolvedFault = { kind: 'slowAccelerator', toPpm: 250_000, ...at(10) };
    const plain = inferredOf(withFaults()).inferred;
    const { inferred, world } = inferredOf(withFaults(fault));
    expect(world.faults.counts[0].affected).to.be.greaterThan(5);
    const last = inferred[inferred.length - 1];
    const same = plain.find(({ answer }) => answer?.hash === last.answer?.hash)!;
    expect(last.computedUs / same.computedUs).to.be.within(3.999, 4.001);
    expect(world.machines[COMPUTE].speedPpm).to.equal(1e6);
  });

  it('failingAccelerator: about as often as the chance says, and counted', () => {
    const { world, inferred } = inferredOf(
      withFaults({ kind: 'failingAccelerator', ppm: 500_000, ...at(10) }),
    );
    const failed = inferred.filter(({ error }) => error === 'device lost');
    expect(world.faults.counts[0].affected).to.equal(failed.length);
    expect(failed.length / inferred.length).to.be.within(0.15, 0.85);
  });

  it('wrongAccelerator: the world can tell what is not derived from the prompt; the protocol cannot', () => {
    const { world } = inferredOf(withFaults({ kind: 'wrongAccelerator', ppm: 400_000, ...at(10, 30) }));
    const answered = world.users.requests.filter(({ code }) => code === OK);
    const wrong = answered.filter(({ answer, want }) => !isDerived(answer!.answer, want.prompt, want.model));
    expect(wrong.length).to.be.greaterThan(0);
    expect(world.faults.counts[0].affected).to.equal(wrong.length);
    for (const { answer } of wrong) expect(answer!.servedBy).to.equal(COMPUTE);
  });
});

describe('a node whose disk does not read or write', () => {
  /** Boots the front of a rig and answers its disk by hand. */
  function start(): { rig: Rig; asked: () => Envelope } {
    const rig = new Rig();
    rig.boot('front');
    return { rig, asked: () => rig.wire.shift()! };
  }

  const condition = (answer: Envelope, body: unknown): Envelope =>
    envelopeOf(answer.kind, answer.from, answer.to, body, answer);

  it('asks again a second later, to read and to write alike, and says so each time', () => {
    const { rig, asked } = start();
    const { node } = rig.station('front');
    const refused = rig.deliver(condition(asked(), { state: null, condition: DISK_FAILED }));
    expect(refused.map(({ to, body }) => [to, NOTES[(body as Noted).note]])).to.deep.equal([
      [OBSERVER, 'unstored'],
    ]);
    expect([node.phase, node.wakeAtUs]).to.deep.equal([LOADING, SECOND_US]);
    expect(rig.wake('front'), 'waking early says nothing').to.deep.equal([]);
    rig.nowUs += SECOND_US;
    expect(rig.wake('front').map(({ kind }) => kind)).to.deep.equal([LOAD]);
    expect(node.wakeAtUs).to.equal(NEVER_US);
    rig.pumpOne();
    const first = condition(asked(), { condition: DISK_FULL });
    rig.deliver(first);
    expect([node.phase, node.manifestVersion]).to.deep.equal([STORING, 1]);
    rig.nowUs += SECOND_US;
    const [again] = rig.wake('front');
    expect([again.kind, again.body]).to.deep.equal([STORE, { epoch: node.epoch, manifestVersion: 1 }]);
    rig.pump();
    expect([node.phase, node.retryAtUs]).to.deep.equal([READY, NEVER_US]);
  });

  it('never uses what is said to be corrupt, even if it is there', () => {
    const { rig, asked } = start();
    const { node } = rig.station('front');
    rig.deliver(
      condition(asked(), { state: { epoch: 2 ** 40, manifestVersion: 77 }, condition: DISK_CORRUPT }),
    );
    expect(node.epoch).to.be.lessThan(2 ** 39);
    expect(node.manifestVersion).to.equal(1);
  });
});
