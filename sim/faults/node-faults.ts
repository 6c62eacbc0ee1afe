import { WIRE_VERSION } from '../../core/machine/codec.ts';
import { backUp, restoreBackup, wipeDisk } from '../devices/disk.ts';
import type { Machine } from '../machine.ts';
import type { ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import type { World } from '../world.ts';
import { actingOn } from './acting.ts';
import { CLOCK_HARM } from './clock-faults.ts';
import { DEVICE_HARMS } from './device-faults.ts';
import { endNothing, type ArmedFault, type Harm, type Harms } from './harm.ts';
import { labelOfNodes, layOn, liftFrom, machinesOf } from './on-nodes.ts';

export const NODE_HARMS: Harms<ResolvedNodeFault> = {
  crash: {
    label: (fault) => labelOfNodes(fault) + (fault.point === undefined ? '' : ` ${fault.point}`),
    begin(world, armed) {
      if (armed.fault.point !== undefined) layOn(world, armed);
      else for (const machine of machinesOf(world, armed.fault)) takePower(world, machine, armed);
    },
    end(world, armed) {
      liftFrom(world, armed);
      givePower(world, armed);
    },
  },
  wipe: {
    label: labelOfNodes,
    begin(world, armed) {
      for (const machine of machinesOf(world, armed.fault)) {
        takePower(world, machine, armed);
        wipeDisk(machine);
        machine.bootCount = 0;
      }
    },
    end: givePower,
  },
  restore: {
    label: labelOfNodes,
    begin(world, armed) {
      for (const machine of machinesOf(world, armed.fault)) backUp(machine, armed);
    },
    end(world, armed) {
      for (const machine of machinesOf(world, armed.fault)) {
        if (machine.isUp) world.stepper.crash(machine);
        restoreBackup(machine, armed);
        armed.affected++;
        if (machine.offBy.size === 0) world.stepper.boot(machine);
      }
    },
  },
  restart: {
    label: labelOfNodes,
    begin(world, armed) {
      for (const machine of machinesOf(world, armed.fault)) {
        armed.affected++;
        machine.offBy.clear();
        restart(world, machine);
      }
    },
    end: endNothing,
  },
  pause: {
    label: labelOfNodes,
    begin(world, armed) {
      for (const machine of machinesOf(world, armed.fault)) {
        if (machine.isUp) armed.affected++;
        machine.pauses++;
      }
    },
    end(world, { fault }) {
      for (const machine of machinesOf(world, fault)) {
        machine.pauses--;
        if (machine.pauses === 0) world.stepper.resume(machine);
      }
    },
  },
  slowNode: {
    label: (fault) => `${labelOfNodes(fault)} to ${fault.toPpm / 10_000} %`,
    begin(world, armed) {
      for (const machine of layOn(world, armed)) {
        armed.affected++;
        setSpeed(machine);
      }
    },
    end(world, armed) {
      for (const machine of liftFrom(world, armed)) setSpeed(machine);
    },
  },
  otherVersion: versionHarm(),
  clock: CLOCK_HARM,
  ...DEVICE_HARMS,
};

function takePower(world: World, machine: Machine, armed: ArmedFault): void {
  machine.offBy.add(armed);
  if (machine.isUp || armed.fault.kind === 'wipe') armed.affected++;
  if (machine.isUp) world.stepper.crash(machine);
}

function givePower(
  world: World,
  armed: ArmedFault<Extract<ResolvedNodeFault, { kind: 'crash' | 'wipe' }>>,
): void {
  for (const machine of machinesOf(world, armed.fault)) {
    if (machine.offBy.delete(armed) && machine.offBy.size === 0 && !machine.isUp) world.stepper.boot(machine);
  }
}

function restart(world: World, machine: Machine): void {
  if (machine.isUp) world.stepper.crash(machine);
  world.stepper.boot(machine);
}

function setSpeed(machine: Machine): void {
  machine.speedPpm = machine.spec.speedPpm;
  for (const { fault } of actingOn(machine, 'slowNode'))
    machine.speedPpm = Math.max(1, Math.floor((machine.speedPpm * fault.toPpm) / 1_000_000));
}

/** What each speaks is known to all, also to parts of the world that do not run it: whoever hears it must refuse it. */
function versionHarm(): Harm<Extract<ResolvedNodeFault, { kind: 'otherVersion' }>> {
  const speakAgain = (world: World, machines: readonly Machine[]): void => {
    for (const machine of machines) {
      machine.wireVersion = actingOn(machine, 'otherVersion').at(-1)?.fault.version ?? WIRE_VERSION;
      if (world.owns(machine) && machine.isUp) restart(world, machine);
    }
  };
  return {
    label: (fault) => `version ${fault.version} ${fault.nodes.join(', ')}`,
    begin: (world, armed) => speakAgain(world, layOn(world, armed, true)),
    end: (world, armed) => speakAgain(world, liftFrom(world, armed)),
  };
}

/** Whether two nodes speak the same version. If not, what passes between them is refused, on account of these faults. */
export function speakAlike(left: Machine, right: Machine): boolean {
  if (left.wireVersion === right.wireVersion) return true;
  const faults = new Set([...actingOn(left, 'otherVersion'), ...actingOn(right, 'otherVersion')]);
  for (const armed of faults) armed.affected++;
  return false;
}
