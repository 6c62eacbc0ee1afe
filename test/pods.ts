import type { Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import * as kinds from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import {
  EMPTY_BOOK,
  type ConsentBook,
  READING_USE,
  STANDING,
  type PatternTerms,
  type Permission,
  type Proposal,
  type Proposed,
} from '../core/policy/consent-documents.ts';
import { authorisationHash, understandingHash } from '../core/policy/consent.ts';
import type { Consent } from '../core/policy/documents.ts';
import type { DataLocationPolicy } from '../core/policy/location-policy.ts';
import { deletionHash, openingHash, policyHash, podIdOf } from '../core/policy/pod-documents.ts';
import type { PodDeletion, PodPolicy } from '../core/policy/pod-terms.ts';
import type { Vector } from '../core/roles/pods/pod-version.ts';
import { permit, signProposal } from '../sim/consent-papers.ts';
import type { Cast } from './cast.ts';
import { envelopeOf, Rig, SECOND_US, WALL_START_US, type NodeSpec } from './rig.ts';

/** A cluster of the region `eu`: a gateway in France, and pod hosts in France and Germany. */
export function podCluster(regions: readonly string[], changes: Partial<NodeSpec> = {}): NodeSpec[] {
  const front: NodeSpec = { name: 'front', cluster: 'europe', region: 'eu/fr', types: ['gateway', 'index'] };
  const hosts = regions.map((region, i): NodeSpec => ({
    name: `host-${i + 1}`,
    cluster: 'europe',
    region,
    types: ['pod-host'],
    ...changes,
  }));
  return [front, ...hosts];
}

export const AT_HOME: DataLocationPolicy = {
  allowedRegions: [],
  requiredRegion: null,
  crossBorderAllowed: false,
  encryptionRequired: false,
  retention: { maxDays: null, legalHold: false },
};

export function signPolicy(
  cast: Cast,
  owner: Peer,
  number: number,
  version: number,
  policy: Partial<DataLocationPolicy> = {},
  homeRegion = 'eu/fr',
): PodPolicy {
  const terms = {
    owner,
    number,
    version,
    homeRegion,
    policy: { ...AT_HOME, ...policy } as PodPolicy['terms']['policy'],
    sinceWallUs: WALL_START_US,
  };
  return { terms, signature: cast.sign(owner, policyHash(cast, terms)) };
}

export function signDeletion(cast: Cast, owner: Peer, number: number): PodDeletion {
  return { owner, number, signature: cast.sign(owner, deletionHash(cast, owner, number)) };
}

/** Somebody proposes to read some pods; what is left out is the plainest. */
export function propose(
  cast: Cast,
  proposer: Peer,
  pods: readonly string[],
  changes: Partial<Proposed> = {},
): Proposal {
  return signProposal(cast, {
    proposer,
    number: 1,
    round: 1,
    use: READING_USE,
    plan: '',
    purpose: 'care',
    pods: [...pods],
    writtenByWallUs: WALL_START_US + 1e12,
    regions: ['eu'],
    untilWallUs: WALL_START_US + 1e12,
    uses: 0,
    answer: '',
    ...changes,
  });
}

/** Both locks opened for somebody to read a pod. */
export function signConsent(cast: Cast, owner: Peer, number: number, reader: Peer): Permission {
  const pod = podIdOf(cast, owner, number);
  return permit(cast, owner, pod, propose(cast, reader, [pod]), WALL_START_US);
}

/** Both locks opened for a gateway to seal and to open a pod of its owner's. */
export function signOpening(cast: Cast, owner: Peer, number: number, gateway: Peer): Consent {
  const proposal = openingHash(cast, podIdOf(cast, owner, number), gateway);
  const terms = { owner, proposal, authorisation: 0, untilWallUs: WALL_START_US + 1e12 };
  return {
    ...terms,
    understood: cast.sign(owner, understandingHash(cast, owner, proposal)),
    authorised: cast.sign(owner, authorisationHash(cast, terms)),
  };
}

/** What an owner allows beforehand, unsigned; what is left out is the plainest. */
export function patternOf(
  owner: Peer,
  proposer: Peer | null,
  pods: readonly string[],
  changes: Partial<PatternTerms> = {},
): PatternTerms {
  return {
    owner,
    number: 1,
    authorisation: STANDING,
    proposer,
    delegate: owner,
    use: READING_USE,
    purpose: 'care',
    pods: [...pods],
    untilWallUs: WALL_START_US + 1e12,
    uses: 0,
    wallUs: WALL_START_US,
    ...changes,
  };
}

/** A permission that has nothing but the proposal, and what is added. */
export function asking(proposal: Proposal, more: Partial<Permission> = {}): Permission {
  return { proposal, pattern: null, understood: null, decided: null, ...more } as Permission;
}

export function contentOf(name: string, keyId = 0): Ref {
  return { hash: name, sizeBytes: 1_000, keyId };
}

/** An owner in a rig, whose requests are numbered. */
export class PodOwner {
  readonly rig: Rig;
  readonly peer: Peer;
  gateway = 'front';
  private n = 100;

  constructor(rig: Rig, name = 'ann') {
    this.rig = rig;
    this.peer = rig.peer(name);
  }

  podId(number = 1): string {
    return podIdOf(this.rig.cast, this.peer, number);
  }

  /** Lets the cluster act for a while on what was said, and returns what came back. */
  say(kind: number, body: object, waitUs = 1_000_000): Envelope | null {
    const n = this.send(kind, body);
    this.rig.pump();
    this.rig.advance(waitUs);
    return this.answerTo(n);
  }

  send(kind: number, body: object, timeLeftUs = 10 * SECOND_US): number {
    const { rig } = this;
    const n = this.n++;
    const time = { timeLeftUs, notAfterWallUs: rig.nowUs + rig.wallOffsetUs + timeLeftUs };
    const id = { origin: this.peer, n };
    rig.wire.push(envelopeOf(kind, this.peer, rig.peer(this.gateway), { ...time, ...body }, id));
    return n;
  }

  answerTo(n: number): Envelope | null {
    return this.rig.mail.find(({ to, n: of }) => to === this.peer && of === n) ?? null;
  }

  write(policy: PodPolicy, name: string, context: Vector = [], waitUs?: number): Envelope | null {
    const opening = this.opening(policy.terms.number);
    return this.say(kinds.POD_WRITE, { policy, content: contentOf(name), context, opening }, waitUs);
  }

  read(owner = this.peer, permission: Permission | null = null, number = 1): Envelope | null {
    return this.say(kinds.POD_READ, this.reading(owner, permission, number));
  }

  reading(owner: Peer, permission: Permission | null, number = 1): object {
    const opening = owner === this.peer ? this.opening(number) : null;
    const read = { owner, number, permission, use: READING_USE, plan: '' };
    return { ...read, region: '', opening, agreement: '' };
  }

  /** What an owner says to the own gateway. */
  opening(number: number): Consent {
    return signOpening(this.rig.cast, this.peer, number, this.rig.peer(this.gateway));
  }

  /** Says something of consent to uses of a pod, or asks how it stands. */
  consent(
    told: Partial<ConsentBook> = {},
    owner = this.peer,
    more: object = {},
    waitUs?: number,
  ): Envelope | null {
    const body = { owner, number: 1, told: { ...EMPTY_BOOK, ...told }, taken: [], ...more };
    return this.say(kinds.POD_CONSENT, body, waitUs);
  }

  rule(policy: PodPolicy, waitUs?: number): Envelope | null {
    return this.say(kinds.POD_RULE, { policy }, waitUs);
  }

  deletion(number = 1): PodDeletion {
    return signDeletion(this.rig.cast, this.peer, number);
  }

  delete(number = 1, waitUs?: number): Envelope | null {
    return this.say(kinds.POD_DELETE, { deletion: this.deletion(number), circle: [] }, waitUs);
  }
}

/** Who holds the pod, by what their disks say. */
export function holdersOf(rig: Rig, pod: string): string[] {
  return [...rig.stations.values()].filter(({ disk }) => disk.has(`pod/${pod}`)).map(({ name }) => name);
}
