import type { Problems } from './problems.ts';
import type { Fault } from './fault-schema.ts';
import type { ResolvedNode } from './resolved.ts';
import type { Lasting, ResolvedFault } from './resolved-faults.ts';
import type { Cluster } from './schema.ts';
import type { Items } from './sections.ts';
import type { Place } from './source.ts';

/** What there is to be harmed. */
export interface Ground {
  readonly durationUs: number;
  readonly clusters: Items<Cluster>;
  /** By cluster; null where something is wrong with it, which has been told. */
  readonly nodes: ReadonlyMap<string, readonly ResolvedNode[] | null>;
  readonly problems: Problems;
}

export interface Stage extends Ground {
  /** The names that faults have; null where some are not known. */
  readonly faultNames: readonly string[] | null;
}

/** What a fault does, whenever it does it. */
export type EffectOf<F extends ResolvedFault> = F extends unknown ? Omit<F, keyof Lasting> : never;

/** For each kind what is written of it, resolved; none where something is wrong, which is then among the problems. */
export type ResolveEffects<F extends ResolvedFault> = {
  readonly [K in F['kind'] & keyof Fault]: (
    written: NonNullable<Fault[K]>,
    place: Place,
    stage: Stage,
  ) => EffectOf<F>[];
};
