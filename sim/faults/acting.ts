import type { Machine } from '../machine.ts';
import type { ResolvedNodeFault } from '../scenario/resolved-node-faults.ts';
import type { ArmedFault } from './harm.ts';

type Of<K> = ArmedFault<Extract<ResolvedNodeFault, { readonly kind: K }>>;

/** The faults of a kind that act on a machine, in the order in which they began. */
export function actingOn<K extends ResolvedNodeFault['kind']>(machine: Machine, kind: K): readonly Of<K>[] {
  // Most machines are well.
  if (!machine.isHarmed) return NONE as readonly Of<K>[];
  return machine.faults.filter(
    ({ fault }) => fault.kind === kind,
  ) as readonly ArmedFault[] as readonly Of<K>[];
}

const NONE: readonly ArmedFault[] = [];
