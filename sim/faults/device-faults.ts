import type { ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import { actingOn } from './acting.ts';
import { endNothing, type Harm, type Harms } from './harm.ts';
import { labelOfNodes, layOn, liftFrom, machinesOf } from './on-nodes.ts';

type DeviceFault = Extract<
  ResolvedNodeFault,
  {
    kind:
      | 'tornWrite'
      | 'lostWrite'
      | 'bitRot'
      | 'fullDisk'
      | 'stalledDisk'
      | 'outOfMemory'
      | 'slowAccelerator'
      | 'failingAccelerator'
      | 'wrongAccelerator';
  }
>;

/** The device looks for these when it is asked, and counts what they touch: see sim/devices. */
const whileAsked = <F extends ResolvedNodeFault>(): Harm<F> => ({
  label: labelOfNodes,
  begin(world, armed) {
    layOn(world, armed);
  },
  end(world, armed) {
    liftFrom(world, armed);
  },
});

export const DEVICE_HARMS: Harms<DeviceFault> = {
  tornWrite: whileAsked(),
  lostWrite: {
    ...whileAsked(),
    end(world, armed) {
      // At last what it claims to have synced is synced.
      for (const machine of liftFrom(world, armed))
        if (actingOn(machine, 'lostWrite').length === 0) machine.platter.unflushed.clear();
    },
  },
  bitRot: {
    label: labelOfNodes,
    begin(world, armed) {
      for (const { platter } of machinesOf(world, armed.fault)) {
        if (platter.records.size === 0) continue;
        armed.affected++;
        for (const key of platter.records.keys()) platter.rotten.add(key);
      }
    },
    end: endNothing,
  },
  fullDisk: whileAsked(),
  stalledDisk: {
    ...whileAsked(),
    end(world, armed) {
      for (const machine of liftFrom(world, armed)) {
        const isStalled = actingOn(machine, 'stalledDisk').some(({ fault }) => fault.byUs === null);
        if (!isStalled) world.stepper.releaseHeld(machine);
      }
    },
  },
  outOfMemory: whileAsked(),
  slowAccelerator: whileAsked(),
  failingAccelerator: whileAsked(),
  wrongAccelerator: whileAsked(),
};
