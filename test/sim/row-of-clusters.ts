import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { peeringOf, tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;

/** Clusters in a row, each with two bridges, peered each with the next; users of the first ask for what the second has. */
export function inARow(names: readonly string[], changes: Partial<ResolvedScenario> = {}): ResolvedScenario {
  const base = tinyScenario();
  const regions = names.map((name) => ({ path: `r/${name}`, label: name, latitude: 0, longitude: 0 }));
  const [workload] = base.workloads;
  const allowedRegions = regions.map(({ path }) => path);
  return {
    ...base,
    durationUs: 60 * SECOND_US,
    regions,
    network: {
      ...base.network,
      oneWayP95Us: names.map((_, i) => names.map((_, j) => (i === j ? 1_000 : 40_000))),
    },
    clusters: names.map((name) => ({ name, label: name, region: `r/${name}`, exports: ['*'] })),
    nodes: names.flatMap((name, i) => [
      tinyNode(`${name}/front`, name, `r/${name}`, ['gateway', 'index']),
      tinyNode(`${name}/bridge-1`, name, `r/${name}`, ['bridge']),
      tinyNode(`${name}/bridge-2`, name, `r/${name}`, ['bridge']),
      { ...tinyNode(`${name}/compute`, name, `r/${name}`, ['compute'], [i === 0 ? 'a' : 'b']), slots: 32 },
    ]),
    peerings: names.slice(1).map((name, i) => peeringOf(names[i], name)),
    workloads: [
      {
        ...workload,
        cluster: names[0],
        fromUs: 10 * SECOND_US,
        untilUs: 45 * SECOND_US,
        meanGapUs: 200_000,
        asks: [{ model: 'b', weight: 1, minTrust: 1, allowedRegions }],
      },
    ],
    faults: [],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: ['INTERNAL'] },
    ...changes,
  };
}
