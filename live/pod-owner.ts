/** Somebody with a key and pods (§6): signs what is wanted of them, and asks gateways for it over HTTP. The key stays here. */
import { randomUUID } from 'node:crypto';
import type { Peer } from '../core/base/peers.ts';
import type { Shape } from '../core/machine/shape.ts';
import { authorisationHash, understandingHash } from '../core/policy/consent.ts';
import { consentShape, type Consent } from '../core/policy/documents.ts';
import {
  consentBookShape,
  FIRST_LOCK,
  permissionShape,
  READING_USE,
  SECOND_LOCK,
  STANDING,
  type ConsentBook,
  type Pattern,
  type Permission,
  type Proposal,
} from '../core/policy/consent-documents.ts';
import {
  lockedPatternHash,
  patternHash,
  proposedHash,
  withdrawalHash,
} from '../core/policy/consent-hashes.ts';
import { allowsStorage, compilePolicy, type DataLocationPolicy } from '../core/policy/location-policy.ts';
import {
  certificateHash,
  deletionHash,
  findPodPolicyFault,
  openingHash,
  podIdOf,
  isDeletionSigned,
  policyHash,
} from '../core/policy/pod-documents.ts';
import { podPolicyShape, type PodPolicy, type PolicyTerms } from '../core/policy/pod-terms.ts';
import * as records from '../core/roles/pods/pod-records.ts';
import { vectorOf, vectorShape, type Vector, type Version } from '../core/roles/pods/pod-version.ts';
import { isContentOf } from './contents.ts';
import { LiveIds, signHash, type Identity } from './identity.ts';
import { fieldsOf, fromJson, toJson } from './json-shape.ts';
import { GatewayCalls, type Gateway, PodRefused } from './gateway-calls.ts';
import { packParcel, readParcel } from './pod-parcel.ts';

export { PodRefused };

/** What a pod holds: one version, or several that were written without knowledge of each other (R6.1-6). */
export interface PodContents {
  readonly policy: PodPolicy;
  readonly versions: readonly (Version & { readonly bytes: Uint8Array })[];
  /** What whoever has read this has seen: the context of what is written next. */
  readonly vector: Vector;
}

/** The same without the bytes; to its owner also the receipts of what others have done with it (R6.2-1). */
export interface PodDescription {
  readonly pod: string;
  readonly policy: PodPolicy;
  readonly versions: readonly Version[];
  readonly vector: Vector;
  readonly receipts: readonly records.Receipt[];
  /** Of nodes, by id. */
  readonly names: Readonly<Record<string, string>>;
}

export interface PodWriting {
  /** The context of what is written next. */
  readonly vector: Vector;
  readonly isFragile: boolean;
  readonly primary: string;
}

/** How far a deletion has come. */
export interface PodDeletionState {
  readonly pod: string;
  readonly isCertified: boolean;
  /** Names of pod hosts that have not confirmed. */
  readonly missing: readonly string[];
  /** Who certifies, when (µs, wall), and with what signature. */
  readonly by: string;
  readonly atWallUs: number;
  readonly signature: string;
}

/** A pod that hosts know of: under which policy it is, or null if it is deleted. */
export interface KnownPod {
  readonly number: number;
  readonly policy: PodPolicy | null;
}

/** What a pod host says to have on its disk of a pod. */
export interface PodPlace {
  readonly host: string;
  /** It has not answered, and nothing is known. */
  readonly isSilent: boolean;
  readonly region: string;
  /** How large each version is that lies there, in bytes. */
  readonly sizes: readonly number[];
  readonly policyVersion: number;
  readonly isDeleted: boolean;
}

export interface PodOwnerOptions {
  /** How long nobody gives up, in ms; 1 to 60,000. Default 20,000. */
  readonly patienceMs?: number;
}

/** What hosts say of a pod on their disk, and of pods that they know. */
interface CopyTold {
  readonly region: string;
  readonly versions: readonly { readonly sizeBytes: number }[];
  readonly policyVersion: number;
  readonly isDeleted: boolean;
}
interface PodTold {
  readonly number: number;
  readonly policy: unknown;
  readonly deletion: string | null;
}

const rankOf = ({ policy }: KnownPod): number => policy?.terms.version ?? Infinity;

function jsonOf<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as T;
}

const DEFAULT_PATIENCE_MS = 20_000;
/** A host that has not said by then what it has is told of as silent, in ms. */
const LOOK_MS = 2_000;
/** So long a gateway that was let may have contents opened. */
const OPEN_FOR_MS = 120_000;
const MAX_CONTENTS_BYTES = 64 * 4 * 1024 * 1024;

export class PodOwner {
  readonly identity: Identity;
  readonly ids = new LiveIds([]);
  readonly peer: Peer;
  private readonly calls: GatewayCalls;
  private readonly patienceMs: number;

  /** @param gateways URLs of gateways, in the order in which they are asked */
  constructor(identity: Identity, gateways: readonly string[], options: PodOwnerOptions = {}) {
    this.identity = identity;
    this.peer = this.ids.peerOf(identity.id);
    this.patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.calls = new GatewayCalls(identity, gateways);
  }

  get id(): string {
    return this.identity.id;
  }

  podId(number: number, owner = this.id): string {
    return podIdOf(this.ids, this.ids.peerOf(owner), number);
  }

  /** Signs a policy: a pod begins with version 1, and each change has a higher one. Throws PodRefused if none such can hold. */
  signPolicy(
    number: number,
    version: number,
    homeRegion: string,
    policy: DataLocationPolicy,
    sinceWallUs = Date.now() * 1_000,
  ): PodPolicy {
    const terms = { owner: this.peer, number, version, homeRegion, policy, sinceWallUs } as PolicyTerms;
    const signature = signHash(this.identity, policyHash(this.ids, terms));
    const signed = { terms, signature } as PodPolicy;
    const fault = findPodPolicyFault(this.ids, signed);
    if (fault !== null) throw PodRefused.definitely('BAD_POLICY', fault);
    return signed;
  }

  /** Begins a pod, or changes its policy: resolves when it is in force at every pod host. */
  async setPolicy(policy: PodPolicy, key: string = randomUUID()): Promise<void> {
    const body = JSON.stringify(this.toJson(podPolicyShape, policy));
    await this.calls.ask({
      method: 'PUT',
      path: `${this.pathOf(policy.terms.number)}/policy`,
      body: Buffer.from(body),
      key,
      patienceMs: this.patienceMs,
    });
  }

  /**
   * Writes a version that comes after all that `context` has seen. Under the same key it is written once, however often it is asked
   * for. The bytes go to no gateway that lies where the policy allows nothing.
   */
  async write(
    policy: PodPolicy,
    bytes: Uint8Array,
    context: Vector = [],
    key: string = randomUUID(),
  ): Promise<PodWriting> {
    const { homeRegion, policy: places, number } = policy.terms;
    const rule = compilePolicy(homeRegion, places);
    const head = {
      policy: this.toJson(podPolicyShape, policy),
      context: this.toJson(vectorShape, context),
    };
    const { said, names } = await this.sayJson(records.podWrittenBody, {
      method: 'PUT',
      path: `${this.pathOf(number)}/contents`,
      body: packParcel(head, [bytes]),
      key,
      patienceMs: this.patienceMs,
      headersFor: (gateway) => (places.encryptionRequired ? this.openingHeader(number, gateway) : {}),
      findFault: ({ name, region }: Gateway) =>
        allowsStorage(rule, region)
          ? null
          : `${name} lies in ${region}, where the policy of the pod allows nothing: nothing was sent there`,
    });
    const primary = this.ids.idOf(said.primary);
    return { vector: said.vector, isFragile: said.isFragile, primary: names[primary] ?? primary };
  }

  /** All versions with their bytes. Whoever reads another's pod brings the consent of its owner. */
  async read(number: number, owner = this.id, permission: Permission | null = null): Promise<PodContents> {
    const answer = await this.calls.ask({
      method: 'GET',
      path: `${this.pathOf(number, owner)}/contents`,
      headers: this.consentHeader(permission),
      headersFor: (gateway) => (owner === this.id ? this.openingHeader(number, gateway) : {}),
      patienceMs: this.patienceMs,
    });
    const { head, content } = await readParcel(chunksOf(answer), MAX_CONTENTS_BYTES);
    const { policy, versions, vector } = this.describe(head);
    let at = 0;
    const read = versions.map((version) => {
      const bytes = content.subarray(at, (at += version.content.sizeBytes));
      if (!isContentOf(version.content, bytes))
        throw new Error('the gateway gave other bytes than were written');
      return { ...version, bytes };
    });
    return { policy, versions: read, vector };
  }

  /** Which versions a pod has, under which policy, and who else has read it. */
  async look(number: number, owner = this.id, permission: Permission | null = null): Promise<PodDescription> {
    const answer = await this.calls.ask({
      method: 'GET',
      path: this.pathOf(number, owner),
      headers: this.consentHeader(permission),
      headersFor: (gateway) => (owner === this.id ? this.openingHeader(number, gateway) : {}),
      patienceMs: this.patienceMs,
    });
    return this.describe(JSON.parse(Buffer.from(answer).toString('utf8')));
  }

  /** Deletes a pod for good; asked again it tells how far that has come. Waits for a certificate at most `waitMs`. */
  async remove(number: number, waitMs = 5_000): Promise<PodDeletionState> {
    const signature = signHash(this.identity, deletionHash(this.ids, this.peer, number));
    const { said, names } = await this.sayJson(records.podDeletedBody, {
      method: 'PUT',
      path: `${this.pathOf(number)}/deletion`,
      body: Buffer.from(JSON.stringify({ signature })),
      // Each time it is asked anew how far it is.
      key: randomUUID(),
      patienceMs: Math.max(waitMs, this.patienceMs),
      waitMs,
    });
    const nameOf = (peer: Peer): string => names[this.ids.idOf(peer)] ?? this.ids.idOf(peer);
    const { pod, isCertified, missing, by, atWallUs } = said;
    const state = { pod, isCertified, atWallUs, signature: said.signature };
    if (isCertified && !this.ids.verify(by, certificateHash(this.ids, pod, atWallUs), said.signature))
      throw new Error('the certificate is not signed by whom it names');
    return { ...state, missing: missing.map(nameOf), by: nameOf(by) };
  }

  /** Asks every pod host of the cluster what it has of a pod. */
  async where(number: number): Promise<PodPlace[]> {
    const said = await this.askHosts<CopyTold>(`${this.pathOf(number)}/copy`);
    return said.map(({ host, told }) => {
      if (told === null)
        return { host, isSilent: true, region: '', sizes: [], policyVersion: 0, isDeleted: false };
      const { region, versions, policyVersion, isDeleted } = told;
      const sizes = versions.map(({ sizeBytes }) => sizeBytes);
      return { host, isSilent: false, region, sizes, policyVersion, isDeleted };
    });
  }

  /**
   * The owner's pods, as the pod hosts of the cluster know them: of what they say only what the owner has signed counts. Throws
   * PodRefused if none of them answers.
   */
  async pods(): Promise<KnownPod[]> {
    const said = await this.askHosts<{ pods: readonly PodTold[] }>(`/v1/pods/${this.id}`);
    if (said.every(({ told }) => told === null))
      throw PodRefused.definitely('NO_POD_HOST', 'no pod host answers');
    const known = new Map<number, KnownPod>();
    for (const told of said.flatMap((one) => one.told?.pods ?? [])) {
      const pod = this.readTold(told);
      const other = pod === null ? undefined : known.get(pod.number);
      // A deletion beats every policy, and a later policy the earlier ones.
      if (pod !== null && (other === undefined || rankOf(pod) > rankOf(other))) known.set(pod.number, pod);
    }
    return [...known.values()].sort((left, right) => left.number - right.number);
  }

  private readTold({ number, policy, deletion }: PodTold): KnownPod | null {
    const owner = this.peer;
    if (typeof deletion === 'string')
      return isDeletionSigned(this.ids, { owner, number, signature: deletion })
        ? { number, policy: null }
        : null;
    const read = this.fromJson(podPolicyShape, policy, 'policy') as PodPolicy;
    const isOwn = read.terms.owner === owner && findPodPolicyFault(this.ids, read) === null;
    return isOwn ? { number: read.terms.number, policy: read } : null;
  }

  /** Asks every pod host of the cluster the same, itself; null: it does not answer. */
  private async askHosts<T>(path: string): Promise<{ readonly host: string; readonly told: T | null }[]> {
    const answer = await this.calls.ask({
      method: 'GET',
      path: '/v1/pod-hosts',
      patienceMs: this.patienceMs,
    });
    const { hosts } = jsonOf<{ hosts: { name: string; url: string }[] }>(answer);
    const inOrder = hosts.sort((left, right) => (left.name < right.name ? -1 : 1));
    return Promise.all(
      inOrder.map(async ({ name: host, url }) => {
        try {
          const times = { patienceMs: LOOK_MS, waitMs: LOOK_MS };
          const said = await new GatewayCalls(this.identity, [url]).ask({ method: 'GET', path, ...times });
          return { host, told: jsonOf<T>(said) };
        } catch (error) {
          if (!(error instanceof PodRefused)) throw error;
          return { host, told: null };
        }
      }),
    );
  }

  /** Both locks opened beforehand for somebody to read a pod for a purpose, until then (R6.2-4): to be given to the reader. */
  consentTo(number: number, reader: string, purpose: string, untilWallUs: number): Pattern {
    const terms = {
      owner: this.peer,
      number,
      authorisation: STANDING,
      proposer: this.ids.peerOf(reader),
      delegate: this.peer,
      use: READING_USE,
      purpose,
      pods: [this.podId(number)],
      untilWallUs,
      uses: 0,
      wallUs: Date.now() * 1_000,
    };
    const hash = patternHash(this.ids, terms);
    return {
      terms,
      understood: signHash(this.identity, lockedPatternHash(this.ids, FIRST_LOCK, hash)),
      authorised: signHash(this.identity, lockedPatternHash(this.ids, SECOND_LOCK, hash)),
    };
  }

  /** What this person goes by who reads under what an owner has allowed beforehand, through gateways of these regions. */
  readingUnder(pattern: Pattern, regions: readonly string[]): Permission {
    const { purpose, pods, untilWallUs } = pattern.terms;
    const terms = {
      ...{ proposer: this.peer, number: 1, round: 1, use: READING_USE, plan: '', purpose, pods },
      ...{ writtenByWallUs: untilWallUs, regions: [...regions], untilWallUs, uses: 0, answer: '' },
    };
    const proposal: Proposal = { terms, signature: signHash(this.identity, proposedHash(this.ids, terms)) };
    return { proposal, pattern, understood: null, decided: null } as Permission;
  }

  /** Takes back one authorisation, by its hash, or all that was given until now; resolves when no host can act on it any more. */
  withdraw(number: number, target = ''): Promise<records.PodConsented> {
    const said = { target, wallUs: Date.now() * 1_000 };
    const signature = signHash(this.identity, withdrawalHash(this.ids, this.podId(number), said));
    const withdrawal = { ...said, signature };
    return this.say(number, target === '' ? { all: withdrawal } : { withdrawals: [withdrawal] });
  }

  /** Says something of consent to uses of a pod; resolves, with how it stands, when it is in force (R6.2-4). */
  async say(
    number: number,
    told: Partial<ConsentBook>,
    owner = this.id,
    taken: Vector = [],
  ): Promise<records.PodConsented> {
    const book = { matters: [], patterns: [], withdrawals: [], all: null, ...told };
    const fields = { told: this.toJson(consentBookShape, book), taken: this.toJson(vectorShape, taken) };
    const { said } = await this.sayJson(records.podConsentedBody, {
      method: 'PUT',
      path: `${this.pathOf(number, owner)}/consent`,
      body: Buffer.from(JSON.stringify(fields)),
      key: randomUUID(),
      patienceMs: this.patienceMs,
    });
    return said;
  }

  toJson<T>(shape: Shape<T>, value: unknown): unknown {
    return toJson(shape as Shape, value, (peer) => this.ids.idOf(peer));
  }

  fromJson<T>(shape: Shape<T>, json: unknown, place: string): T {
    return fromJson(shape, json, this.ids, place);
  }

  /** Both locks opened for a gateway to seal and to open a pod, for the time that it takes (R6.1-4). */
  private openingHeader(number: number, gateway: Gateway): Record<string, string> {
    const proposal = openingHash(this.ids, this.podId(number), this.ids.peerOf(gateway.id));
    const untilWallUs = (Date.now() + OPEN_FOR_MS) * 1_000;
    const terms = { owner: this.peer, proposal, authorisation: 0, untilWallUs };
    const opening: Consent = {
      ...terms,
      understood: signHash(this.identity, understandingHash(this.ids, this.peer, proposal)),
      authorised: signHash(this.identity, authorisationHash(this.ids, terms)),
    };
    const json = JSON.stringify(this.toJson(consentShape, opening));
    return { 'Watershed-Opening': Buffer.from(json).toString('base64url') };
  }

  private consentHeader(permission: Permission | null): Record<string, string> {
    if (permission === null) return {};
    const json = JSON.stringify(this.toJson(permissionShape, permission));
    return { 'Watershed-Consent': Buffer.from(json).toString('base64url') };
  }

  private describe(json: unknown): PodDescription {
    const { pod, said, names } = fieldsOf(json, 'answer');
    const { policy, copy } = this.fromJson(records.podFoundBody, said, 'answer');
    const { versions, receipts } = copy;
    const vector = vectorOf(this.ids, versions);
    return {
      pod: String(pod),
      policy,
      versions,
      vector,
      receipts,
      names: names as Record<string, string>,
    };
  }

  private async sayJson<T>(
    shape: Shape<T>,
    call: Parameters<GatewayCalls['ask']>[0],
  ): Promise<{ said: T; names: Readonly<Record<string, string>> }> {
    const answer = fieldsOf(JSON.parse(Buffer.from(await this.calls.ask(call)).toString('utf8')), 'answer');
    const said = this.fromJson(shape, answer['said'], 'answer');
    return { said, names: answer['names'] as Record<string, string> };
  }

  private pathOf(number: number, owner = this.id): string {
    return `/v1/pods/${owner}/${number}`;
  }
}

async function* chunksOf(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}
