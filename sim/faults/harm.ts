import type { FaultKind, ResolvedFault } from '../scenario/resolved-faults.ts';
import type { World } from '../world.ts';

/** What became of a fault: whether it was to come, how often it came on, and what it touched. */
export interface FaultCount {
  readonly label: string;
  readonly kind: FaultKind;
  /** Whether the run has shown nothing if this did not fire, or touched nothing. */
  readonly mustFire: boolean;
  armed: number;
  fired: number;
  /** When it first began and when it last ended, µs; −1: it has not. What does not last ends as it begins. */
  beganUs: number;
  endedUs: number;
  /** Envelopes that were touched, or nodes, or whatever else its kind harms. */
  affected: number;
}

/** A fault in a run. */
export interface ArmedFault<F extends ResolvedFault = ResolvedFault> extends FaultCount {
  /** Its place among the faults of the scenario. */
  readonly index: number;
  readonly fault: F;
  /** Stands for it in draws: other faults in the scenario do not change it. */
  readonly key: number;
  /** From its beginning to its end; a moment never does. */
  isActing: boolean;
  /** Whether it harms just now: one that flaps acts and is off by turns. */
  isOn: boolean;
  /** How often it has turned on or off. */
  turns: number;
}

/** What a kind of fault does. It counts what it touches in `affected`; who begins and ends it counts the rest. */
export interface Harm<F extends ResolvedFault> {
  /** In a few words, for people. */
  label(fault: F): string;
  begin(world: World, armed: ArmedFault<F>): void;
  /** Undoes what `begin` did; `endNothing` for what does not last. Both are called again and again if the fault flaps. */
  end(world: World, armed: ArmedFault<F>): void;
}

export type Harms<F extends ResolvedFault> = {
  readonly [K in F['kind']]: Harm<Extract<F, { readonly kind: K }>>;
};

/** Nothing to undo. */
export function endNothing(): void {}
