import { DEFAULT_PARAMETERS, type Parameters } from '../core/machine/parameters.ts';
import type { ResolvedFault, ResolvedScenario } from '../sim/scenario/resolved.ts';

export const SECOND_US = 1_000_000;

/** A cluster on one network that does nothing but look after its members: heartbeats, which would only carry load, are rare. */
export function lanCluster(
  members: number,
  seed: number,
  durationUs: number,
  parameters: Partial<Parameters> = {},
  faults: readonly ResolvedFault[] = [],
  network: { readonly p95Us?: number; readonly fixedPpm?: number; readonly lossPpm?: number } = {},
): ResolvedScenario {
  const region = 'eu/fr';
  return {
    format: 1,
    name: `lan-${members}`,
    about: '',
    seed,
    durationUs,
    parameters: {
      ...DEFAULT_PARAMETERS,
      heartbeatUs: 60 * SECOND_US,
      silentAfterUs: 600 * SECOND_US,
      ...parameters,
    },
    regions: [{ path: region, label: 'France', latitude: 48.9, longitude: 2.3 }],
    network: {
      oneWayP95Us: [[network.p95Us ?? 500]],
      fixedPpm: network.fixedPpm ?? 500_000,
      lossPpm: network.lossPpm ?? 0,
      duplicatePpm: 0,
    },
    models: [],
    clusters: [{ name: 'lan', label: 'LAN', region, exports: [] }],
    nodes: Array.from({ length: members }, (_, i) => ({
      name: nameOf(i),
      cluster: 'lan',
      region,
      types: i === 0 ? ['gateway', 'index'] : ['compute'],
      claimedTrust: 1,
      attestedTrust: 1,
      podStorage: null,
      compute: i === 0 ? null : { gpuMemoryBytes: 24e9, supportedModels: [] },
      installedModels: [],
      slots: 1,
      queueLimit: 1,
      bandwidthBytesPerSecond: 125_000_000,
      speedPpm: 1_000_000,
    })),
    peerings: [],
    workloads: [],
    faults,
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
  };
}

export function nameOf(i: number): string {
  return `lan/node-${i + 1}`;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted.length === 0 ? NaN : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
