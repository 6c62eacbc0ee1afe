import type { ResolvedFault } from '../scenario/resolved-faults.ts';
import type { Storm } from '../nemesis.ts';

/** Storms a little smaller than one, the smallest first: it works on explicit harm, whoever has chosen it. */
export function* smallerStorms({ faults, malice }: Storm): Generator<Storm> {
  for (const fewer of fewerOf(malice)) yield { faults, malice: fewer };
  for (const fewer of fewerOf(faults)) yield { faults: fewer, malice };
  for (const [i, fault] of faults.entries()) {
    for (const smaller of smallerFaults(fault)) yield { faults: faults.with(i, smaller), malice };
  }
}

/** A list without a part of it: all, half, a quarter, and so on to one at a time. */
function* fewerOf<T>(items: readonly T[], least = 0): Generator<T[]> {
  for (let size = items.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < items.length; from += size) {
      const fewer = items.toSpliced(from, size);
      if (fewer.length >= least) yield fewer;
    }
  }
}

/** The same fault, steadier, on less, and for a shorter time. */
function* smallerFaults(fault: ResolvedFault): Generator<ResolvedFault> {
  if ('flap' in fault) yield without(fault, 'flap');
  if ('more' in fault) yield without(fault, 'more');
  if ('nodes' in fault) {
    for (const nodes of fewerOf(fault.nodes, 1)) yield { ...fault, nodes };
  }
  if ('from' in fault) {
    for (const from of fewerOf(fault.from, 1)) yield { ...fault, from };
    for (const to of fewerOf(fault.to, 1)) yield { ...fault, to };
    if (fault.bothWays) yield { ...fault, bothWays: false };
  }
  if ('only' in fault && fault.only !== undefined) {
    for (const only of fewerOf(fault.only, 1)) yield { ...fault, only };
  }
  if (!('untilUs' in fault) || fault.untilUs === null) return;
  const lengthUs = fault.untilUs - fault.atUs;
  if (lengthUs > 1_000) yield { ...fault, untilUs: fault.atUs + Math.floor(lengthUs / 2) };
}

function without(fault: ResolvedFault, field: 'flap' | 'more'): ResolvedFault {
  return Object.fromEntries(
    Object.entries(fault).filter(([name]) => name !== field),
  ) as unknown as ResolvedFault;
}
