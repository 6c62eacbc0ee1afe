import { KINDS, TYPES } from '../../core/machine/kinds.ts';

/** Types of message that never go missing by themselves: silence by type would fake a death. Devices are no peers. */
const UNHARMED: readonly string[] = ['HEARTBEAT', 'DEVICE'];

/** What `only` may name: types, and their operations. */
export const HARMED_MESSAGES = [
  ...TYPES.filter((type) => !UNHARMED.includes(type)),
  ...KINDS.flatMap((entry) =>
    entry === undefined || UNHARMED.includes(TYPES[entry.kind >> 5]) ? [] : [entry.name],
  ),
] as [string, ...string[]];
