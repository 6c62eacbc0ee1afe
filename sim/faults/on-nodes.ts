import type { Machine } from '../machine.ts';
import type { ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import type { World } from '../world.ts';
import type { ArmedFault } from './harm.ts';

export function labelOfNodes({ kind, nodes }: ResolvedNodeFault): string {
  return `${kind} ${nodes.join(', ')}`;
}

/** The machines of a fault that run in this world, in the order of its words; all of them where others must know. */
export function machinesOf(world: World, { nodes }: ResolvedNodeFault, isForAll = false): Machine[] {
  const named = nodes.map((name) => world.machines.find(({ spec }) => spec.name === name)!);
  return isForAll ? named : named.filter((machine) => world.owns(machine));
}

/** Lets a fault act on its machines, from now on. */
export function layOn<F extends ResolvedNodeFault>(
  world: World,
  armed: ArmedFault<F>,
  isForAll = false,
): Machine[] {
  const machines = machinesOf(world, armed.fault, isForAll);
  for (const machine of machines) machine.faults.push(armed as ArmedFault<ResolvedNodeFault>);
  return machines;
}

/** The machines on which it acted until now. */
export function liftFrom<F extends ResolvedNodeFault>(world: World, armed: ArmedFault<F>): Machine[] {
  return machinesOf(world, armed.fault, true).filter((machine) => {
    const at = machine.faults.indexOf(armed as ArmedFault<ResolvedNodeFault>);
    if (at >= 0) machine.faults.splice(at, 1);
    return at >= 0;
  });
}
