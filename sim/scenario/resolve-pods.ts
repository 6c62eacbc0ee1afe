import { findPolicyFault, type DataLocationPolicy } from '../../core/policy/location-policy.ts';
import type { PodPolicyWritten, Pods } from './pods-schema.ts';
import { resolvePlaces } from './resolve-places.ts';
import { checkGateway, type Town } from './resolve-users.ts';
import type { ResolvedConsent, ResolvedPods } from './resolved-pods.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';

const FROM_US = 10_000_000;
const REST_US = 60_000_000;
const SIZE_BYTES = 1_000_000;
const WITHIN_US = 20_000_000;
const READS_PPM = 400_000;

/** One group of owners for each cluster that is named. */
export function resolvePods({ place, value }: Item<Pods>, town: Town): ResolvedPods[] {
  if (value === null) return [];
  const { problems, clusters, nodes, durationUs } = town;
  const names = resolvePlaces(value.in, place.at('in'), clusters, problems);
  names.forEach((name) => checkGateway(name, place.at('in'), value.in, town));
  const fromUs = value.from ?? FROM_US;
  const untilUs = value.until ?? Math.max(0, durationUs - REST_US);
  if (fromUs >= untilUs)
    problems.add(
      place,
      `pods would be used from ${formatDuration(fromUs)} until ${formatDuration(untilUs)}`,
      'some time between the two',
      'without "until" it is a minute before the end',
    );
  const { reads = READS_PPM, deletes = 0, changes = 0, visits = 0, intrusions = 0 } = value;
  if (reads + deletes + changes + visits + intrusions > 1_000_000)
    problems.add(place, 'what they do besides writing is more than 100% together', 'at most 100% together');
  checkConsent({ place, value }, town);
  const policies = [value.policy ?? {}, ...(value.policies ?? [])].map(policyOf);
  return names.map((cluster) => {
    const homeRegion = value.home ?? clusters.get(cluster)?.value?.region ?? '';
    policies.forEach((policy, i) => {
      const fault = homeRegion === '' ? null : findPolicyFault(homeRegion, policy);
      const at = i === 0 ? place.at('policy') : place.at('policies', i - 1);
      if (fault !== null) problems.add(at, fault, 'a policy that some place satisfies');
    });
    const hosts = nodes.get(cluster) ?? null;
    if (hosts !== null && !hosts.some(({ types }) => types.includes('pod-host')))
      problems.add(place.at('in'), `${cluster} has no pod host`, 'a node of type pod-host in it');
    return {
      cluster,
      people: value.people,
      each: value.each ?? 1,
      sizeBytes: value.size ?? SIZE_BYTES,
      fromUs,
      untilUs,
      meanGapUs: value.rate,
      homeRegion,
      policies,
      readsPpm: reads,
      deletesPpm: deletes,
      rulesPpm: changes,
      visitsPpm: visits,
      intrusionsPpm: intrusions,
      ...(value.consent === undefined ? {} : { consent: consentOf(value.consent) }),
    };
  });
}

/** What is left to somebody else takes a third person, besides the owner and whoever asks. */
const LEAST_PEOPLE = 3;

function checkConsent(
  { place, value }: { readonly place: Item<Pods>['place']; readonly value: Pods },
  { problems }: Town,
): void {
  const { clarified = 0, rejected = 0, modified = 0, deferred = 0 } = value.consent ?? {};
  const { standing = 0, delegated = 0, emergency = 0 } = value.consent ?? {};
  if (clarified + rejected + modified + deferred + standing + delegated + emergency > 1_000_000)
    problems.add(
      place.at('consent'),
      'what owners say at first, or have allowed beforehand, is more than 100% together',
      'at most 100% together',
    );
  if (delegated + emergency > 0 && value.people < LEAST_PEOPLE)
    problems.add(
      place.at('people'),
      `of ${value.people} people nobody is left to authorise in the place of an owner what another asks for`,
      `at least ${LEAST_PEOPLE} where consent is delegated, or there are emergencies`,
    );
}

function consentOf({
  clarified = 0,
  rejected = 0,
  modified = 0,
  deferred = 0,
  standing = 0,
  delegated = 0,
  emergency = 0,
  withdrawn = 0,
  within = WITHIN_US,
}: NonNullable<Pods['consent']>): ResolvedConsent {
  return {
    clarifiedPpm: clarified,
    rejectedPpm: rejected,
    modifiedPpm: modified,
    deferredPpm: deferred,
    standingPpm: standing,
    delegatedPpm: delegated,
    emergencyPpm: emergency,
    withdrawnPpm: withdrawn,
    withinUs: within,
  };
}

function policyOf(written: PodPolicyWritten): DataLocationPolicy {
  const { allowed = [], required = null, crossing = false, sealed = false, maxDays = null } = written;
  return {
    allowedRegions: allowed,
    requiredRegion: required,
    crossBorderAllowed: crossing,
    encryptionRequired: sealed,
    retention: { maxDays, legalHold: written.legalHold ?? false },
  };
}
