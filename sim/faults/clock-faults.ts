import { setDrift } from '../clocks.ts';
import type { Machine } from '../machine.ts';
import type { ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import type { World } from '../world.ts';
import { actingOn } from './acting.ts';
import type { Harm } from './harm.ts';
import { labelOfNodes, layOn, liftFrom } from './on-nodes.ts';

type ClockFault = Extract<ResolvedNodeFault, { kind: 'clock' }>;

export const CLOCK_HARM: Harm<ClockFault> = {
  label: labelOfNodes,
  begin(world, armed) {
    const { offsetUs, stepUs } = armed.fault;
    for (const machine of layOn(world, armed)) {
      armed.affected++;
      machine.clock.wallOffsetUs += offsetUs + stepUs;
      drift(world, machine);
    }
  },
  end(world, armed) {
    for (const machine of liftFrom(world, armed)) {
      machine.clock.wallOffsetUs -= armed.fault.offsetUs;
      drift(world, machine);
    }
  },
};

function drift(world: World, machine: Machine): void {
  let driftPpm = 0;
  for (const { fault } of actingOn(machine, 'clock')) driftPpm += fault.driftPpm;
  setDrift(machine.clock, world.nowUs, driftPpm);
  // What is due by the steady clock may now be due earlier.
  world.stepper.setAlarm(machine);
}
