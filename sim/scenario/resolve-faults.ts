import type { EffectOf, Ground, ResolveEffects, Stage } from './fault-stage.ts';
import { resolveTimes } from './resolve-fault-times.ts';
import { LINK_EFFECTS } from './resolve-link-faults.ts';
import { NODE_EFFECTS } from './resolve-node-faults.ts';
import type { FaultKind, ResolvedFault } from './resolved-faults.ts';
import { FAULT_KINDS, type Fault } from './fault-schema.ts';
import type { Item } from './sections.ts';
import type { Place } from './source.ts';

const EFFECTS: ResolveEffects<ResolvedFault> = { ...LINK_EFFECTS, ...NODE_EFFECTS };

/** Kinds that do not last. */
const MOMENTS: readonly FaultKind[] = ['heal', 'restart', 'bitRot'];

/** All that is to go wrong, in order of time. */
export function resolveFaults(items: readonly Item<Fault>[], ground: Ground): ResolvedFault[] {
  const names = new Set<string>();
  for (const { place, value } of items) {
    const name = value?.name;
    if (name === undefined) continue;
    if (names.has(name))
      ground.problems.add(place.at('name'), `${name} is a second fault of this name`, 'each name once');
    names.add(name);
  }
  const stage = { ...ground, faultNames: items.some(({ value }) => value === null) ? null : [...names] };
  return items.flatMap((item) => resolveFault(item, stage)).sort((left, right) => left.atUs - right.atUs);
}

/** What one entry comes to: a fault for each time that it comes, and for each cluster that it is `within`. */
function resolveFault({ place, value }: Item<Fault>, stage: Stage): ResolvedFault[] {
  if (value === null) return [];
  const kinds = FAULT_KINDS.filter((kind) => value[kind] !== undefined);
  if (kinds.length !== 1) {
    const found = kinds.length === 0 ? 'a fault that does nothing' : `a fault that is ${kinds.join(' and ')}`;
    stage.problems.add(place, found, `exactly one of ${FAULT_KINDS.join(', ')}`);
    return [];
  }
  const [kind] = kinds;
  const times = resolveTimes(value, place, kind, MOMENTS.includes(kind), stage);
  // A kind and what is written of it go together, which a type cannot tell here.
  const resolve = EFFECTS[kind] as (
    written: unknown,
    place: Place,
    stage: Stage,
  ) => EffectOf<ResolvedFault>[];
  const effects = resolve(value[kind], place.at(kind), stage);
  return times.flatMap((time) => effects.map((effect) => ({ ...effect, ...time }) as ResolvedFault));
}
