import type { Lasting, Momentary } from './resolved-faults.ts';

/** Harm to nodes, by name. */
export type ResolvedNodeFault =
  /** Volatile state is lost; restarts at `untilUs`, if that is a time. */
  | ({ readonly kind: 'crash'; readonly nodes: readonly string[] } & Lasting)
  | ({ readonly kind: 'restart'; readonly nodes: readonly string[] } & Momentary)
  /** Frozen: nothing is handled; what arrives waits. */
  | ({ readonly kind: 'pause'; readonly nodes: readonly string[] } & Lasting);
