import type { Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import * as kinds from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import { authorisationHash, understandingHash } from '../core/policy/consent.ts';
import type { Consent } from '../core/policy/documents.ts';
import type { DataLocationPolicy } from '../core/policy/location-policy.ts';
import { deletionHash, policyHash, podIdOf, readingHash } from '../core/policy/pod-documents.ts';
import type { PodDeletion, PodPolicy } from '../core/policy/pod-terms.ts';
import type { Vector } from '../core/roles/pods/pod-version.ts';
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

/** Both locks opened for somebody to read a pod. */
export function signConsent(cast: Cast, owner: Peer, number: number, reader: Peer): Consent {
  const proposal = readingHash(cast, podIdOf(cast, owner, number), reader);
  const terms = { owner, proposal, authorisation: 0, untilWallUs: WALL_START_US + 1e12 };
  return {
    ...terms,
    understood: cast.sign(owner, understandingHash(cast, owner, proposal)),
    authorised: cast.sign(owner, authorisationHash(cast, terms)),
  };
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
    return this.say(kinds.POD_WRITE, { policy, content: contentOf(name), context }, waitUs);
  }

  read(owner = this.peer, consent: Consent | null = null, number = 1): Envelope | null {
    return this.say(kinds.POD_READ, { owner, number, consent, region: '' });
  }

  rule(policy: PodPolicy, waitUs?: number): Envelope | null {
    return this.say(kinds.POD_RULE, { policy }, waitUs);
  }

  deletion(number = 1): PodDeletion {
    return signDeletion(this.rig.cast, this.peer, number);
  }

  delete(number = 1, waitUs?: number): Envelope | null {
    return this.say(kinds.POD_DELETE, { deletion: this.deletion(number) }, waitUs);
  }
}

/** Who holds the pod, by what their disks say. */
export function holdersOf(rig: Rig, pod: string): string[] {
  return [...rig.stations.values()].filter(({ disk }) => disk.has(`pod/${pod}`)).map(({ name }) => name);
}
