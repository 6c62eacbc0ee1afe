import { expect } from 'chai';
import { INCARNATIONS } from '../../core/cluster/membership/incarnation.ts';
import { ACCELERATOR, DISK, OBSERVER } from '../../core/base/peers.ts';
import { NEVER_US } from '../../core/base/time.ts';
import type { Envelope } from '../../core/machine/envelope.ts';
import { MEMBERSHIP_KEY, NODE_KEY, recordOf } from '../../core/machine/disk-records.ts';
import { DISK_FAILED, DISK_FINE, DISK_FULL } from '../../core/machine/disk-conditions.ts';
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
import { OK } from '../../core/routing/outcomes.ts';
import { isDerived } from '../../sim/devices/accelerator.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import { World } from '../../sim/world.ts';
import { envelopeOf, pageOf, Rig, countRefusals } from '../rig.ts';
import {
  at,
  COMPUTE,
  moment,
  nodeRecordOf,
  outcomesOf,
  runUntil,
  SECOND_US,
  withFaults,
} from './harmed-world.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

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
    world.stepper.crash(world.machines[COMPUTE]);
    expect(nodeRecordOf(world.machines[COMPUTE]), 'flushed when the fault ended').to.include({
      manifestVersion: 2,
    });
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
    expect(loaded.map(({ entries, corrupt }) => [entries, corrupt])).to.deep.equal([
      [[], []],
      [[], [MEMBERSHIP_KEY, NODE_KEY]],
    ]);
    const { node, peer } = world.machines[COMPUTE];
    expect(world.machines[0].node.index!.directory.get(peer)!.version).to.deep.equal({
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
    const { node } = world.machines[COMPUTE];
    expect([node.phase, nodeRecordOf(world.machines[COMPUTE])?.manifestVersion]).to.deep.equal([STORING, 1]);
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
    // At first it stores itself, then whom it has met.
    expect(stored).to.deep.equal([
      DISK_FINE,
      DISK_FINE,
      DISK_FULL,
      DISK_FULL,
      DISK_FULL,
      DISK_FULL,
      DISK_FINE,
    ]);
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
    expect(countRefusals(world.machines[COMPUTE].node, 'too late')).to.equal(0);
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
      seen.push(world.stepper.clockOf(world.machines[0]));
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

  /** What the disk answers instead. */
  const condition = ({ kind, from, to, ...rest }: Envelope, body: unknown): Envelope =>
    envelopeOf(kind, from, to, body, { origin: rest.origin, originBoot: rest.originBoot, n: rest.n });

  it('asks again a second later, to read and to write alike, and says so each time', () => {
    const { rig, asked } = start();
    const { node } = rig.station('front');
    const refused = rig.deliver(condition(asked(), { ...pageOf(new Map()), condition: DISK_FAILED }));
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
    const record = recordOf({ node: { epoch: node.epoch, manifestVersion: 1 } });
    const membership = recordOf({ membership: { incarnation: INCARNATIONS, known: [] } });
    const writes = [
      { key: NODE_KEY, record },
      { key: MEMBERSHIP_KEY, record: membership },
    ];
    expect([again.kind, again.body]).to.deep.equal([STORE, { writes }]);
    rig.pump();
    expect([node.phase, node.retryAtUs]).to.deep.equal([READY, NEVER_US]);
  });

  it('reads a disk page by page, and from the start again when it fails in between', () => {
    const { rig, asked } = start();
    const { node } = rig.station('front');
    const old = { key: NODE_KEY, record: recordOf({ node: { epoch: 5, manifestVersion: 77 } }) };
    const page = { entries: [old], corrupt: [], next: NODE_KEY, condition: DISK_FINE };
    const [more] = rig.deliver(condition(asked(), page));
    expect([more.kind, more.body, node.phase]).to.deep.equal([LOAD, { after: NODE_KEY }, LOADING]);
    rig.deliver(condition(asked(), { ...pageOf(new Map()), condition: DISK_FAILED }));
    rig.nowUs += SECOND_US;
    const [again] = rig.wake('front');
    expect([again.kind, again.body]).to.deep.equal([LOAD, { after: '' }]);
    rig.pump();
    expect([node.phase, node.manifestVersion], 'nothing is left of the first reading').to.deep.equal([
      READY,
      1,
    ]);
  });
});
