import fc from 'fast-check';
import type { ResolvedCluster, ResolvedNode, ResolvedScenario } from '../scenario/resolved.ts';
import type { ResolvedFault, ResolvedFlap } from '../scenario/resolved-faults.ts';

/** What harm can be done to, and when. */
export interface Ground {
  readonly clusters: readonly ResolvedCluster[];
  readonly nodes: readonly ResolvedNode[];
  /** Whether anybody has work done with pods of others: what is there to forge otherwise? */
  readonly hasPodUsers: boolean;
  /** What is drawn begins and ends in between. */
  readonly fromUs: number;
  readonly untilUs: number;
}

export function groundOf(
  { clusters, nodes, agents = [] }: ResolvedScenario,
  { fromUs, untilUs }: Pick<Ground, 'fromUs' | 'untilUs'>,
): Ground {
  const hasPodUsers = agents.some(({ pods = 0 }) => pods > 0);
  return { clusters, nodes, hasPodUsers, fromUs, untilUs };
}

/** Faults that belong together: one, or one and what lets it show. */
export type Misfortune = readonly ResolvedFault[];

/** How a kind of harm is drawn; null: there is nothing here that it could harm. */
export type Draw = (ground: Ground) => fc.Arbitrary<Misfortune> | null;

export const MS_US = 1_000;
const MOST_LENGTH_MS = 60_000;

/** From when until when. */
export interface Span {
  readonly atUs: number;
  readonly untilUs: number;
}

export function momentOf({ fromUs, untilUs }: Ground): fc.Arbitrary<number> {
  return fc.nat(Math.max(0, Math.floor((untilUs - fromUs) / MS_US) - 2)).map((ms) => fromUs + ms * MS_US);
}

export function spanOf(ground: Ground): fc.Arbitrary<Span> {
  return fc.tuple(momentOf(ground), fc.integer({ min: 1, max: MOST_LENGTH_MS })).map(([atUs, lengthMs]) => ({
    atUs,
    untilUs: Math.max(atUs + 1, Math.min(atUs + lengthMs * MS_US, ground.untilUs)),
  }));
}

/** Inside a span, and before its end where there is room. */
export function placeIn({ atUs, untilUs }: Span, placePpm: number): number {
  return atUs + Math.floor(((untilUs - atUs - 1) * placePpm) / 1_000_000);
}

/** A span, and now and then by turns. */
export function turnsOf(ground: Ground): fc.Arbitrary<Span & { readonly flap?: ResolvedFlap }> {
  const turn = quantilesOf(100 * MS_US, 10_000 * MS_US);
  const flap = fc.tuple(turn, turn).map(([onUs, offUs]) => ({ flap: { onUs, offUs } }));
  const steady: fc.Arbitrary<{ readonly flap?: ResolvedFlap }> = fc.constant({});
  return fc
    .tuple(spanOf(ground), fc.oneof({ weight: 4, arbitrary: steady }, { weight: 1, arbitrary: flap }))
    .map(([span, flaps]) => ({ ...span, ...flaps }));
}

/** Values at evenly spaced quantiles. */
export function quantilesOf(min: number, max: number): fc.Arbitrary<number[]> {
  return fc
    .array(fc.integer({ min, max }), { minLength: 2, maxLength: 5 })
    .map((values) => values.toSorted((left, right) => left - right));
}

/** Some nodes, of a type or of any: a fifth of them at most. Null: there are none. */
export function nodesOf({ nodes }: Ground, type: string | null = null): fc.Arbitrary<string[]> | null {
  const fit = nodes.filter(({ types }) => type === null || types.includes(type)).map(({ name }) => name);
  if (fit.length === 0) return null;
  return fc.shuffledSubarray(fit, { minLength: 1, maxLength: Math.ceil(fit.length / 5) });
}

/** A chance, or a share. */
export function ppmOf(max: number, min = 1_000): fc.Arbitrary<number> {
  return fc.integer({ min, max });
}
