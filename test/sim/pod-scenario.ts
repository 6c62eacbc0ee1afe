import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';
import type { ResolvedConsent, ResolvedPods } from '../../sim/scenario/resolved-pods.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { tinyAgents, tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;

export const HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

/** People of France who entrust pods to a cluster with hosts at home, and one across the Atlantic. */
export function podScenario(
  pods: Partial<ResolvedPods> = {},
  changes: Partial<ResolvedScenario> = {},
): ResolvedScenario {
  const host = (name: string, region = 'eu/fr') => ({
    ...tinyNode(`france/${name}`, 'france', region, ['pod-host']),
    podStorage: { availableBytes: 1e9, maxPodBytes: 1e7, encryption: true },
  });
  return tinyScenario({
    durationUs: 60 * SECOND_US,
    nodes: [
      tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index', 'bridge']),
      host('host-1'),
      host('host-2'),
      host('host-3'),
      host('abroad', 'americas/us-east'),
      tinyNode('us-east/front', 'us-east', 'americas/us-east', ['gateway', 'index', 'bridge']),
    ],
    workloads: [],
    pods: [
      {
        cluster: 'france',
        people: 2,
        each: 1,
        sizeBytes: 1_000,
        fromUs: 10 * SECOND_US,
        untilUs: 40 * SECOND_US,
        meanGapUs: SECOND_US,
        homeRegion: 'eu/fr',
        policies: [HOME],
        readsPpm: 400_000,
        deletesPpm: 0,
        rulesPpm: 0,
        visitsPpm: 0,
        intrusionsPpm: 0,
        ...pods,
      },
    ],
    faults: [],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
    ...changes,
  });
}

/** Owners who agree to whatever they are asked, and withdraw nothing. */
export const AGREEABLE: ResolvedConsent = {
  clarifiedPpm: 0,
  rejectedPpm: 0,
  modifiedPpm: 0,
  deferredPpm: 0,
  standingPpm: 0,
  delegatedPpm: 0,
  emergencyPpm: 0,
  withdrawnPpm: 0,
  withinUs: 0,
};

/** The same people, whose pods agents of others are given when they have consented. */
export function withPodUsers(
  consent: Partial<ResolvedConsent> = {},
  changes: Partial<ResolvedScenario> = {},
): ResolvedScenario {
  const base = podScenario({ consent: { ...AGREEABLE, ...consent }, people: 4, visitsPpm: 300_000 });
  return {
    ...base,
    durationUs: 150 * SECOND_US,
    nodes: [...base.nodes, tinyNode('france/worker', 'france', 'eu/fr', ['compute'], ['a'])],
    agents: [
      tinyAgents({ pods: 2, fromUs: 20 * SECOND_US, untilUs: 60 * SECOND_US, meanGapUs: 4 * SECOND_US }),
    ],
    ...changes,
  };
}
