import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { peeringOf, tinyNode, tinyScenario } from '../sim/tiny-scenario.ts';

const SECOND_US = 1_000_000;

/** What the storm below comes to with seed 1. A change of it is explained in the commit that makes it. */
export const STORMY_DIGEST = '55e98f823fc9b964';

const CLUSTERS = [
  { name: 'france', region: 'eu/fr' },
  { name: 'germany', region: 'eu/de' },
  { name: 'us-east', region: 'americas/us-east' },
  { name: 'japan', region: 'asia-pac/japan' },
] as const;

/** One-way delays between these, 95th percentile, ms. */
const DELAYS_MS = [
  [1, 8, 45, 120],
  [8, 1, 50, 125],
  [45, 50, 1, 80],
  [120, 125, 80, 1],
];

/** Harm of every kind that there is between links and to nodes, overlapping, some of it without an end of its own. */
const FAULTS: readonly ResolvedFault[] = [
  { kind: 'loss', ppm: 30_000, from: ['france'], to: ['us-east'], bothWays: true, ...from(6, null) },
  { kind: 'duplicate', ppm: 50_000, from: ['germany'], to: ['france'], bothWays: true, ...from(8, 40) },
  { kind: 'delay', addUs: 30_000, from: ['japan'], to: ['france'], bothWays: false, ...from(9, 33) },
  { kind: 'crash', nodes: ['france/compute-1', 'japan/front-2'], ...from(12, 21) },
  { kind: 'pause', nodes: ['germany/front-1'], ...from(14, 17) },
  { kind: 'cut', from: ['us-east'], to: ['germany', 'japan'], bothWays: true, ...from(18, null) },
  { kind: 'pause', nodes: ['us-east/front-1', 'us-east/compute-2'], ...from(20, 24) },
  { kind: 'restart', nodes: ['us-east/front-1', 'germany/compute-1'], atUs: 26 * SECOND_US },
  { kind: 'cut', from: ['france'], to: ['germany'], bothWays: false, ...from(28, 31) },
  { kind: 'heal', atUs: 36 * SECOND_US },
  { kind: 'crash', nodes: ['japan/compute-2'], ...from(38, null) },
  // What faults keep of their own: envelopes held, queues, turns, disks.
  { kind: 'hold', from: ['france'], to: ['japan'], bothWays: true, ...from(39, 42) },
  { kind: 'slow', factorPpm: 1_700_000, from: ['germany'], to: ['us-east'], bothWays: true, ...from(10, 35) },
  {
    kind: 'reorder',
    ppm: 100_000,
    byUs: 50_000,
    from: ['us-east'],
    to: ['france'],
    bothWays: true,
    ...from(37, 48),
  },
  {
    kind: 'bandwidth',
    bytesPerSecond: 20_000,
    queueBytes: 9_000,
    from: ['japan'],
    to: ['us-east'],
    bothWays: true,
    ...from(37, 50),
  },
  {
    kind: 'cut',
    from: ['germany'],
    to: ['japan'],
    bothWays: true,
    ...from(43, 52),
    flap: { onUs: [300_000, 900_000], offUs: [500_000, 500_000] },
  },
  { kind: 'slowNode', toPpm: 100_000, nodes: ['germany/front-2', 'france/compute-3'], ...from(7, 45) },
  {
    kind: 'clock',
    driftPpm: 150,
    offsetUs: 2_000_000,
    stepUs: -500_000,
    nodes: ['us-east/front-2'],
    ...from(5, 44),
  },
  { kind: 'stalledDisk', byUs: 700_000, nodes: ['us-east/front-1'], ...from(25, 28) },
  { kind: 'lostWrite', nodes: ['germany/compute-1'], ...from(25, 40) },
  { kind: 'otherVersion', version: 9, nodes: ['japan/front-1'], ...from(46, 48) },
  { kind: 'wipe', nodes: ['germany/compute-1'], ...from(40, 41) },
  {
    kind: 'failingAccelerator',
    ppm: 200_000,
    nodes: ['france/compute-2', 'us-east/compute-1'],
    ...from(6, 50),
  },
];

function from(atSeconds: number, untilSeconds: number | null): { atUs: number; untilUs: number | null } {
  return {
    atUs: atSeconds * SECOND_US,
    untilUs: untilSeconds === null ? null : untilSeconds * SECOND_US,
  };
}

/** Four clusters of five nodes on three continents, a network that loses and doubles, and harm for half of a minute. */
export function stormyScenario(changes: Partial<ResolvedScenario> = {}): ResolvedScenario {
  const tiny = tinyScenario();
  const [workload] = tiny.workloads;
  return {
    ...tiny,
    name: 'stormy',
    about: 'four clusters in a storm',
    durationUs: 65 * SECOND_US,
    regions: CLUSTERS.map(({ name, region }) => ({ path: region, label: name, latitude: 0, longitude: 0 })),
    network: {
      ...tiny.network,
      oneWayP95Us: DELAYS_MS.map((row) => row.map((ms) => ms * 1_000)),
      lossPpm: 2_000,
      duplicatePpm: 2_000,
    },
    clusters: CLUSTERS.map(({ name, region }) => ({ name, label: name, region, exports: ['*'] })),
    nodes: CLUSTERS.flatMap(({ name, region }, i) => [
      tinyNode(`${name}/front-1`, name, region, ['gateway', 'index', 'bridge']),
      tinyNode(`${name}/front-2`, name, region, ['gateway', 'index', 'bridge']),
      ...[1, 2].map((k) => tinyNode(`${name}/compute-${k}`, name, region, ['compute'], [i < 2 ? 'a' : 'b'])),
      tinyNode(`${name}/compute-3`, name, region, ['compute'], ['a']),
    ]),
    peerings: CLUSTERS.flatMap(({ name }, i) =>
      CLUSTERS.slice(i + 1).map((other) => peeringOf(name, other.name)),
    ),
    workloads: CLUSTERS.map(({ name }) => ({
      ...workload,
      cluster: name,
      users: 6,
      fromUs: 4 * SECOND_US,
      untilUs: 50 * SECOND_US,
      meanGapUs: 250_000,
      deadlineUs: 10 * SECOND_US,
      asks: [
        { model: 'a', weight: 2, minTrust: 1, allowedRegions: ['eu', 'americas', 'asia-pac'] },
        { model: 'b', weight: 2, minTrust: 1, allowedRegions: ['eu', 'americas', 'asia-pac'] },
        { model: 'b', weight: 1, minTrust: 1, allowedRegions: ['eu'] },
      ],
    })),
    faults: FAULTS,
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
    ...changes,
  };
}
