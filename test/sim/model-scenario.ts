import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { MODEL } from '../conformance/model-sync.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

export const NEVER_US = 1e15;

/**
 * France of three compute nodes, of which the first two run the first version of a model; the first has the second, which does well,
 * and the third, which fails at everything, on its disk. Rollouts of both, in this order, come when a test says so.
 */
export function modelScenario(changes: Partial<ResolvedScenario> = {}): ResolvedScenario {
  const tiny = tinyScenario();
  const compute = (name: string) => tinyNode(`france/${name}`, 'france', 'eu/fr', ['compute']);
  const has = { stockedModels: [MODEL], wantedModels: [MODEL] };
  const version = { sizeBytes: 100e6, slowPpm: 1e6, failsPpm: 0 };
  const release = { atUs: NEVER_US, model: MODEL, withdrawUs: null, node: '', order: null };
  return {
    ...tiny,
    durationUs: NEVER_US,
    nodes: [
      tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index']),
      { ...compute('first'), ...has, publishedModels: [MODEL] },
      { ...compute('second'), ...has },
      compute('third'),
    ],
    clusters: [tiny.clusters[0]],
    peerings: [],
    faults: [],
    models: [
      {
        name: MODEL,
        requiredMemoryBytes: 8e9,
        readTokensPerSecond: 8_000,
        writeTokensPerSecond: 60,
        moves: {
          chunkBytes: 4e6,
          licence: 'MIT',
          purpose: 'conformance',
          regions: ['eu'],
          keptIn: ['eu/fr'],
          versions: [version, version, { ...version, failsPpm: 1e6 }],
        },
      },
    ],
    workloads: tiny.workloads.map((workload) => ({
      ...workload,
      untilUs: NEVER_US,
      meanGapUs: 500_000,
      asks: [{ model: MODEL, weight: 1, minTrust: 1, allowedRegions: ['eu'] }],
    })),
    rollouts: [
      { ...release, version: 2 },
      { ...release, version: 3 },
    ],
    ...changes,
  };
}
