import type { DataLocationPolicy } from '../../core/policy/location-policy.ts';

/** People of one cluster who entrust pods to it. Plain JSON, like all that is resolved. */
export interface ResolvedPods {
  readonly cluster: string;
  readonly people: number;
  /** Pods of each of them. */
  readonly each: number;
  readonly sizeBytes: number;
  readonly fromUs: number;
  readonly untilUs: number;
  /** Between two things that they all do, in the mean; the gaps are exponential. */
  readonly meanGapUs: number;
  readonly homeRegion: string;
  /** The first is that under which a pod begins; who changes a policy goes on to the next, and from the last to the first. */
  readonly policies: readonly DataLocationPolicy[];
  /** Of what they do, ppm; the rest is writing. */
  readonly readsPpm: number;
  readonly deletesPpm: number;
  readonly rulesPpm: number;
  /** Others read: with the owner's consent, and without. */
  readonly visitsPpm: number;
  readonly intrusionsPpm: number;
  /** How owners take it when others ask for the use of a pod; absent: they have consented to visits beforehand. */
  readonly consent?: ResolvedConsent;
}

/**
 * What owners say to a proposal at first, ppm; or have allowed beforehand, by themselves, or as far as somebody else authorises it, always
 * or in an emergency. The rest is authorised. What was authorised may be withdrawn.
 */
export interface ResolvedConsent {
  readonly clarifiedPpm: number;
  readonly rejectedPpm: number;
  readonly modifiedPpm: number;
  readonly deferredPpm: number;
  readonly standingPpm: number;
  readonly delegatedPpm: number;
  readonly emergencyPpm: number;
  readonly withdrawnPpm: number;
  /** Who withdraws does so within so long. */
  readonly withinUs: number;
}
