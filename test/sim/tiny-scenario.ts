import { DEFAULT_PARAMETERS } from '../../core/machine/parameters.ts';
import type { ResolvedAgents } from '../../sim/scenario/resolved-agents.ts';
import type { ResolvedNode, ResolvedPeering, ResolvedScenario } from '../../sim/scenario/resolved.ts';

export function tinyNode(
  name: string,
  cluster: string,
  region: string,
  types: string[],
  models: string[] = [],
): ResolvedNode {
  return {
    name,
    cluster,
    region,
    types,
    claimedTrust: 4,
    attestedTrust: 4,
    podStorage: null,
    compute: types.includes('compute') ? { gpuMemoryBytes: 24e9, supportedModels: models } : null,
    installedModels: models,
    slots: 4,
    queueLimit: 16,
    bandwidthBytesPerSecond: 125e6,
    speedPpm: 1e6,
  };
}

/** For good, and of everything. */
export function peeringOf(left: string, right: string): ResolvedPeering {
  return {
    between: [left, right],
    exports: [['*'], ['*']],
    fromUs: 0,
    untilUs: null,
    maxInFlight: null,
  };
}

const model = (name: string) => ({
  name,
  requiredMemoryBytes: 8e9,
  readTokensPerSecond: 8_000,
  writeTokensPerSecond: 60,
});

/** Two clusters of two nodes; model `a` in France, `b` over the Atlantic, which is cut from 20 s to 28 s. */
export function tinyScenario(changes: Partial<ResolvedScenario> = {}): ResolvedScenario {
  return {
    format: 1,
    name: 'tiny',
    about: 'two clusters',
    seed: 1,
    durationUs: 60e6,
    parameters: DEFAULT_PARAMETERS,
    regions: [
      { path: 'eu/fr', label: 'France', latitude: 48.9, longitude: 2.3 },
      { path: 'americas/us-east', label: 'US East', latitude: 37.4, longitude: -79 },
    ],
    network: {
      oneWayP95Us: [
        [1_000, 45_000],
        [45_000, 1_000],
      ],
      fixedPpm: 900_000,
      lossPpm: 0,
      duplicatePpm: 0,
    },
    models: [model('a'), model('b')],
    clusters: [
      { name: 'france', label: 'France', region: 'eu/fr', exports: ['*'] },
      { name: 'us-east', label: 'US East', region: 'americas/us-east', exports: ['*'] },
    ],
    nodes: [
      tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index', 'bridge']),
      tinyNode('france/compute', 'france', 'eu/fr', ['compute'], ['a']),
      tinyNode('us-east/front', 'us-east', 'americas/us-east', ['gateway', 'index', 'bridge']),
      tinyNode('us-east/compute', 'us-east', 'americas/us-east', ['compute'], ['b']),
    ],
    peerings: [peeringOf('france', 'us-east')],
    workloads: [
      {
        cluster: 'france',
        users: 10,
        fromUs: 5e6,
        untilUs: 40e6,
        meanGapUs: 1e6,
        gapQuantiles: [0, 1e6, 2e6],
        contextTokens: [10, 100, 1_000],
        generatedTokens: [10, 50, 200],
        bytesPerToken: 4,
        deadlineUs: 30e6,
        asks: [
          { model: 'a', weight: 1, minTrust: 1, allowedRegions: ['eu'] },
          { model: 'b', weight: 1, minTrust: 1, allowedRegions: ['eu', 'americas'] },
          { model: 'b', weight: 1, minTrust: 1, allowedRegions: ['eu'] },
        ],
      },
    ],
    faults: [{ kind: 'cut', atUs: 20e6, untilUs: 28e6, from: ['france'], to: ['us-east'], bothWays: true }],
    expectations: { okAtLeastPpm: 0, sometimes: ['CLUSTER_UNREACHABLE'], never: ['INTERNAL'] },
    ...changes,
  };
}

/** People in France who have agents of three steps act for them. */
export function tinyAgents(changes: Partial<ResolvedAgents> = {}): ResolvedAgents {
  return {
    cluster: 'france',
    people: 5,
    fromUs: 10 * 1_000_000,
    untilUs: 40 * 1_000_000,
    meanGapUs: 2 * 1_000_000,
    steps: ['a', 'a', 'a'],
    contextTokens: 50,
    maxTokens: 20,
    budgetTokens: 210,
    budgetUs: 60 * 1_000_000,
    minTrust: 1,
    allowedRegions: ['eu'],
    stoppedPpm: 0,
    revokedPpm: 0,
    unaskedPpm: 0,
    ...changes,
  };
}
