import type { Shape } from '../../machine/shape.ts';
import * as pods from './pod-records.ts';

/** Operations 16 … 23 of each type are about pods: type × 32 + operation. */
export const LEASE = 0 * 32 + 16;
export const POD_WRITE = 2 * 32 + 16;
export const POD_READ = 2 * 32 + 17;
export const POD_DELETE = 2 * 32 + 18;
export const POD_RULE = 2 * 32 + 19;
export const POD_CONSENT = 2 * 32 + 22;
/** The last of each type are of the keys of pods. */
export const POD_KEY = 2 * 32 + 23;
export const LEASED = 3 * 32 + 16;
export const POD_WRITTEN = 3 * 32 + 17;
export const POD_FOUND = 3 * 32 + 18;
export const POD_DELETED = 3 * 32 + 19;
export const POD_RULED = 3 * 32 + 20;
export const POD_CONSENTED = 3 * 32 + 22;
export const POD_KEY_GIVEN = 3 * 32 + 23;
export const POD_COPY = 4 * 32 + 16;
export const POD_OFFER = 4 * 32 + 17;
export const POD_KEPT = 4 * 32 + 18;
export const POD_LAW = 4 * 32 + 19;
export const POD_LAW_KEPT = 4 * 32 + 20;
export const POD_KEY_COPY = 4 * 32 + 23;

/** What owners say to a gateway, and it to a host; and what pod hosts and gateways of a cluster say to one another. */
export const ERRANDS: readonly number[] = [POD_WRITE, POD_READ, POD_DELETE, POD_RULE, POD_CONSENT];
export const AMONG_HOSTS: readonly number[] = [
  ...[
    LEASE,
    LEASED,
    POD_COPY,
    POD_OFFER,
    POD_KEPT,
    POD_LAW,
    POD_LAW_KEPT,
    POD_KEY,
    POD_KEY_GIVEN,
    POD_KEY_COPY,
  ],
];

export function isOfPods(kind: number): boolean {
  return kind <= POD_KEY_COPY && kind % 32 >= 16 && kind % 32 <= 23;
}

type PodRow = readonly [
  kind: number,
  operation: string,
  direction: string,
  body: Shape,
  messageClass: 2 | 3 | 4,
  costUs: number,
  section: string,
];
const CONTROL = 2;
const REQUESTS = 3;
const REPLICATION = 4;

/** What is said of pods, for the protocol table. */
export function podRows(checkUs: number): readonly PodRow[] {
  const policyUs = checkUs + 100;
  return [
    [LEASE, 'lease', 'pod host or gateway → pod host', pods.leaseBody, CONTROL, checkUs + 15, 'R6.1-3'],
    [LEASED, 'lease', 'pod host → asker', pods.leasedBody, CONTROL, checkUs + 4 * policyUs, 'R6.1-3'],
    [
      POD_WRITE,
      'pod-write',
      'user → gateway → pod host',
      pods.podWriteBody,
      REQUESTS,
      checkUs + policyUs,
      'R6.1-6',
    ],
    [POD_READ, 'pod-read', 'user → gateway → pod host', pods.podReadBody, REQUESTS, checkUs + 30, 'R6.2-1'],
    [
      POD_DELETE,
      'pod-delete',
      'user → gateway → pod host',
      pods.podDeleteBody,
      REQUESTS,
      checkUs + policyUs,
      'R6.2-2',
    ],
    [
      POD_RULE,
      'pod-policy',
      'user → gateway → pod host',
      pods.podPolicyBody,
      REQUESTS,
      checkUs + policyUs,
      'R6.1-6',
    ],
    [
      POD_WRITTEN,
      'pod-written',
      'pod host → gateway → user',
      pods.podWrittenBody,
      REQUESTS,
      checkUs + 15,
      'R6.1-6',
    ],
    [POD_FOUND, 'pod', 'pod host → gateway → user', pods.podFoundBody, REQUESTS, checkUs + 20, 'R6.2-1'],
    [
      POD_DELETED,
      'pod-deleted',
      'pod host → gateway → user',
      pods.podDeletedBody,
      REQUESTS,
      checkUs + 20,
      'R6.2-2',
    ],
    [
      POD_RULED,
      'pod-policy',
      'pod host → gateway → user',
      pods.podRuledBody,
      REQUESTS,
      checkUs + 15,
      'R6.1-6',
    ],
    [
      POD_CONSENT,
      'pod-consent',
      'user → gateway → pod host',
      pods.podConsentBody,
      REQUESTS,
      checkUs + 3 * policyUs,
      'R6.2-4',
    ],
    [
      POD_CONSENTED,
      'pod-consent',
      'pod host → gateway → user',
      pods.podConsentedBody,
      REQUESTS,
      checkUs + 20,
      'R6.2-4',
    ],
    [POD_KEY, 'pod-key', 'gateway → pod host', pods.podKeyBody, REQUESTS, checkUs + 3 * policyUs, 'R6.1-4'],
    [POD_KEY_GIVEN, 'pod-key', 'pod host → gateway', pods.podKeyGivenBody, REQUESTS, checkUs + 15, 'R6.1-4'],
    [
      POD_KEY_COPY,
      'pod-key',
      'pod host → pod host',
      pods.podKeyCopyBody,
      REPLICATION,
      checkUs + policyUs,
      'R6.1-4',
    ],
    [POD_COPY, 'pod', 'pod host → pod host', pods.podCopyBody, REPLICATION, checkUs + policyUs, 'R6.1-6'],
    [POD_OFFER, 'pod-offer', 'pod host → pod host', pods.podOfferBody, REPLICATION, checkUs + 10, 'R6.1-6'],
    [POD_KEPT, 'pod-kept', 'pod host → pod host', pods.podKeptBody, REPLICATION, checkUs + 15, 'R6.1-6'],
    [POD_LAW, 'pod-law', 'pod host → pod host', pods.podLawBody, CONTROL, checkUs + policyUs, 'R6.1-3'],
    [
      POD_LAW_KEPT,
      'pod-law-kept',
      'pod host → pod host',
      pods.podLawKeptBody,
      CONTROL,
      checkUs + 15,
      'R6.1-3',
    ],
  ];
}
