import fc from 'fast-check';
import { HARMED_MESSAGES } from '../scenario/harmed-messages.ts';
import { apartOf, halvesOf, ringOf, type Shape } from '../scenario/link-shapes.ts';
import type { Lasting } from '../scenario/resolved-faults.ts';
import type { LinkFault, OnLinks, ResolvedLinkFault } from '../scenario/resolved-link-faults.ts';
import { MS_US, placeIn, ppmOf, quantilesOf, spanOf, turnsOf, type Draw, type Ground } from './ground.ts';

type HarmOf<F extends LinkFault> = F extends unknown ? Omit<F, keyof OnLinks | keyof Lasting> : never;

/** The same harm on links that are drawn. */
function onLinks(harm: fc.Arbitrary<HarmOf<LinkFault>>): Draw {
  return (ground) =>
    fc
      .tuple(turnsOf(ground), linksOf(ground), harm)
      .map(([times, links, what]) => [{ ...what, ...times, ...links } as LinkFault]);
}

/** Something that is cut, and healed before its time. */
const heal: Draw = (ground) =>
  fc.tuple(spanOf(ground), linksOf(ground), fc.nat(1_000_000)).map(([span, links, placePpm]) => [
    { kind: 'cut', ...span, ...links },
    { kind: 'heal', atUs: placeIn(span, placePpm) },
  ]);

export const LINK_NEMESES: Readonly<Record<ResolvedLinkFault['kind'], Draw>> = {
  cut: onLinks(fc.constant({ kind: 'cut' })),
  hold: onLinks(fc.constant({ kind: 'hold' })),
  loss: onLinks(ppmOf(500_000).map((ppm) => ({ kind: 'loss', ppm }))),
  duplicate: onLinks(ppmOf(500_000).map((ppm) => ({ kind: 'duplicate', ppm }))),
  delay: onLinks(
    fc
      .oneof(fc.integer({ min: MS_US, max: 5_000 * MS_US }), quantilesOf(0, 10_000 * MS_US))
      .map((addUs) => ({ kind: 'delay', addUs })),
  ),
  slow: onLinks(ppmOf(50_000_000, 1_000_000).map((factorPpm) => ({ kind: 'slow', factorPpm }))),
  reorder: onLinks(
    fc
      .tuple(ppmOf(1_000_000), fc.integer({ min: MS_US, max: 5_000 * MS_US }))
      .map(([ppm, byUs]) => ({ kind: 'reorder', ppm, byUs })),
  ),
  bandwidth: onLinks(
    fc
      .tuple(fc.integer({ min: 125, max: 125_000 }), fc.integer({ min: 0, max: 1_000_000 }))
      .map(([bytesPerSecond, queueBytes]) => ({ kind: 'bandwidth', bytesPerSecond, queueBytes })),
  ),
  heal,
};

type Links = Pick<OnLinks, 'from' | 'to' | 'bothWays' | 'more' | 'only'>;

/** Links in every shape that the language has, now and then of some messages only. */
function linksOf(ground: Ground): fc.Arbitrary<Links> {
  const names = ground.clusters.map(({ name }) => name);
  const shapes = [withinOf(names), isolationOf(ground, names)];
  if (names.length > 1) shapes.push(sidesOf(names), halvesDrawn(names));
  if (names.length > 2)
    shapes.push(fc.shuffledSubarray(names, { minLength: 3 }).map((ring) => ringOf(ring)!));
  const apart = apartOf(regionsOf(ground));
  if (apart !== null) shapes.push(fc.constant(apart));
  const everything: fc.Arbitrary<{ readonly only?: string[] }> = fc.constant({});
  const only = fc
    .shuffledSubarray([...HARMED_MESSAGES], { minLength: 1, maxLength: 3 })
    .map((messages) => ({ only: messages }));
  return fc
    .tuple(
      fc.oneof(...shapes),
      fc.oneof({ weight: 4, arbitrary: everything }, { weight: 1, arbitrary: only }),
    )
    .map(([shape, messages]) => ({ ...shape, ...messages }));
}

function withinOf(names: readonly string[]): fc.Arbitrary<Shape> {
  return fc.constantFrom(...names).map((name) => ({ from: [name], to: [name], bothWays: false }));
}

/** A node or a cluster against all others; a node is one against its own cluster, too. */
function isolationOf({ nodes }: Ground, names: readonly string[]): fc.Arbitrary<Shape> {
  const node = fc
    .constantFrom(...nodes)
    .map(({ name }): Shape => ({ from: [name], to: [...names], bothWays: true }));
  if (names.length < 2) return node;
  const cluster = fc
    .constantFrom(...names)
    .map((name): Shape => ({ from: [name], to: names.filter((other) => other !== name), bothWays: true }));
  return fc.oneof(node, cluster);
}

/** Some clusters against some others, one way or both; those on neither side are a bridge. */
function sidesOf(names: readonly string[]): fc.Arbitrary<Shape> {
  return fc
    .tuple(fc.shuffledSubarray([...names], { minLength: 2 }), fc.nat(), fc.boolean())
    .map(([chosen, word, bothWays]) => {
      const at = 1 + (word % (chosen.length - 1));
      return { from: chosen.slice(0, at), to: chosen.slice(at), bothWays };
    });
}

/** All clusters in halves, perhaps with one as a bridge between them. */
function halvesDrawn(names: readonly string[]): fc.Arbitrary<Shape> {
  const whole = fc.constant(halvesOf(names)!);
  if (names.length < 3) return whole;
  const bridged = fc
    .constantFrom(...names)
    .map((bridge) => halvesOf(names.filter((name) => name !== bridge))!);
  return fc.oneof(whole, bridged);
}

/** Clusters by the region that they are in, as `apart: regions` tells regions apart. */
function regionsOf({ clusters }: Ground): string[][] {
  const byRegion = new Map<string, string[]>();
  for (const { name, region } of clusters) {
    const [top] = region.split('/');
    byRegion.set(top, [...(byRegion.get(top) ?? []), name]);
  }
  return [...byRegion.values()];
}
