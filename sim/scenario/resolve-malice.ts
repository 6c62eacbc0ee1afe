import type { z } from 'zod';
import type { Ground } from './fault-stage.ts';
import type { maliceSchema } from './malice-schema.ts';
import { resolveNodeWords } from './resolve-node-faults.ts';
import { LIARS_ABOUT_REGIONS, TYPE_OF_ROLE, type ResolvedMalice } from './resolved-malice.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';

/** Malicious nodes of a scenario at most: with more, hardly anything is promised. */
const MOST_MALICIOUS = 32;

type Written = z.output<typeof maliceSchema>;

export function resolveMalice(items: readonly Item<Written>[], stage: Ground): ResolvedMalice[] {
  const found = new Map<string, ResolvedMalice>();
  for (const item of items) {
    for (const malice of resolveEntry(item, stage)) {
      if (found.has(malice.node))
        stage.problems.add(item.place.at('node'), `${malice.node} is malicious already`, 'each node once');
      else if (found.size === MOST_MALICIOUS)
        stage.problems.add(item.place, 'this is one too many', `at most ${MOST_MALICIOUS} malicious nodes`);
      found.set(malice.node, malice);
    }
  }
  return [...found.values()];
}

function resolveEntry({ place, value }: Item<Written>, stage: Ground): ResolvedMalice[] {
  if (value === null) return [];
  const { problems, durationUs } = stage;
  const { as, share, region, until = null, from = 0 } = value;
  const end = Math.min(until ?? durationUs, durationUs);
  if (from >= end)
    problems.add(
      place.at(value.from === undefined ? 'until' : 'from'),
      `it ends before it begins`,
      `a time before ${formatDuration(end)}`,
    );
  if (LIARS_ABOUT_REGIONS.includes(as) !== (region !== undefined))
    problems.add(
      region === undefined ? place : place.at('region'),
      region === undefined ? `a ${as} that does not say where it is` : `a ${as} with a region`,
      region === undefined
        ? 'the region that it claims'
        : `a region of ${LIARS_ABOUT_REGIONS.join(', ')} only`,
    );
  if (as === 'region-lying-host' && (value.from !== undefined || value.until !== undefined))
    problems.add(
      place.at(value.from === undefined ? 'until' : 'from'),
      'its manifest lies from the start, and until the end',
      'no time',
    );
  const type = TYPE_OF_ROLE[as];
  const nodes = [...stage.nodes.values()].flatMap((ofCluster) => ofCluster ?? []);
  return resolveNodeWords(value.node, place.at('node'), stage).map((name) => {
    const isFit = type === null || nodes.find((node) => node.name === name)!.types.includes(type);
    if (!isFit) problems.add(place.at('node'), `${name} is no ${type} node`, `a node that can be a ${as}`);
    return { node: name, as, fromUs: from, untilUs: until, sharePpm: share ?? 500_000, region: region ?? '' };
  });
}
