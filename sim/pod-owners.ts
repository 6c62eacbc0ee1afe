import { Digest, hexWord } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import {
  POD_DELETE,
  POD_DELETED,
  POD_FOUND,
  POD_READ,
  POD_RULE,
  POD_RULED,
  POD_WRITE,
  POD_WRITTEN,
  REFUSED,
  type Refused,
} from '../core/machine/kinds.ts';
import { authorisationHash, understandingHash } from '../core/policy/consent.ts';
import { READING_USE, type Permission } from '../core/policy/consent-documents.ts';
import type { Consent } from '../core/policy/documents.ts';
import { deletionHash, openingHash, podIdOf, policyHash } from '../core/policy/pod-documents.ts';
import type { PodPolicy } from '../core/policy/pod-terms.ts';
import type { PodDeleted, PodFound, PodWritten } from '../core/roles/pods/pod-records.ts';
import { vectorOf, type Dot } from '../core/roles/pods/pod-version.ts';
import {
  CONSENT_REQUIRED,
  NOT_READY,
  OK,
  UNKNOWN_OUTCOME,
  type ErrorCode,
} from '../core/routing/outcomes.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import { permit, signProposal } from './consent-papers.ts';
import type { Dialogue } from './dialogue.ts';
import { DIALOGUE_BOOT } from './dialogues.ts';
import { EXPONENTIAL_PPM } from './exponential.ts';
import type { Machine } from './machine.ts';
import type { OwnedPod, PodAct, PodRequest } from './owned-pod.ts';
import type { ResolvedConsent, ResolvedPods } from './scenario/resolved-pods.ts';
import { drawKeyed, keyOfName, valueAtQuantile } from './seeds.ts';
import type { World } from './world.ts';

/** Until what met silence is said again, how long somebody waits for an answer, and when an unfinished deletion is asked after. */
const LOOK_US = 3_000_000;
const TIME_US = 10_000_000;
const PATIENCE_US = 3_000_000;
const AGAIN_US = 5_000_000;
const CONSENT_US = 86_400_000_000;

/** Owners of whom nothing is said agree to what they are asked. */
const AGREEABLE: ResolvedConsent = {
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

/** Words of chance of an act are told apart by these. */
const GAP = 1;
const WHICH = 2;
const WHAT = 3;

/**
 * People who entrust pods to their cluster (§6). When they write, read, change their minds and delete depends on the seed and on
 * nothing that the federation does; each does one thing at a time with a pod. Schedule slots: even ones are the next act of a
 * group, odd ones a look at a request.
 */
export class PodOwners {
  readonly pods: OwnedPod[] = [];
  readonly requests: PodRequest[] = [];
  open = 0;
  onEnded: ((request: PodRequest) => void) | null = null;
  readonly firstPeer: Peer;
  private readonly world: World;
  private readonly groups: readonly Group[];
  private readonly groupOf: number[] = [];
  private readonly ofPerson: PodRequest[][] = [];
  private readonly byId = new Map<string, OwnedPod>();
  private readonly envelope = new Envelope();

  constructor(world: World, firstPeer: Peer) {
    this.world = world;
    this.firstPeer = firstPeer;
    this.groups = (world.scenario.pods ?? []).map((pods, i) => {
      const owners = Array.from({ length: pods.people }, (_, k) => {
        this.groupOf.push(i);
        this.ofPerson.push([]);
        return world.addPeer(`pod owner ${k} of ${pods.cluster}, pods ${i}`);
      });
      const cluster = world.scenario.clusters.findIndex(({ name }) => name === pods.cluster);
      const gateways = world.machines.filter(
        (machine) => machine.cluster === cluster && machine.spec.types.includes('gateway'),
      );
      const region = world.regionOf(world.scenario.clusters[cluster].region);
      const root = drawKeyed(world.roots.users, keyOfName(`pods of ${pods.cluster}`), i);
      const group: Group = {
        pods,
        owners,
        cluster,
        gateways,
        region,
        root,
        first: this.pods.length,
        acts: 0,
      };
      for (const owner of owners) for (let k = 0; k < pods.each; k++) this.addPod(i, owner, k + 1, pods);
      return group;
    });
  }

  start(): void {
    this.groups.forEach((group, i) => {
      if (this.world.owns(group)) this.scheduleNext(group, i, group.pods.fromUs);
    });
  }

  regionOf(person: Peer): number {
    return this.groups[this.groupOf[person - this.firstPeer]].region;
  }

  clusterOf(person: Peer): number {
    return this.groups[this.groupOf[person - this.firstPeer]].cluster;
  }

  requestOf({ origin, originBoot, n }: Pick<Envelope, 'origin' | 'originBoot' | 'n'>): PodRequest | null {
    if (originBoot === DIALOGUE_BOOT) return null;
    return this.ofPerson[origin - this.firstPeer]?.[n - 1] ?? null;
  }

  /** How the owner of a pod takes it when others ask for its use. */
  consentOf({ group }: OwnedPod): ResolvedConsent {
    return this.groups[group].pods.consent ?? AGREEABLE;
  }

  /** To whom an owner leaves it what others may use a pod for: one of the others who have pods there, and not the one who asks. */
  delegateOf({ owner, group }: OwnedPod, proposer: Peer): Peer {
    const { owners } = this.groups[group];
    const at = owners.indexOf(owner);
    const others = [...owners.slice(at + 1), ...owners.slice(0, at)];
    return others.findLast((one) => one !== proposer) ?? owner;
  }

  /** The pod of an id; undefined if it is nobody's. */
  podOf(id: string): OwnedPod | undefined {
    return this.byId.get(id);
  }

  act(slot: number): void {
    if ((slot & 1) === 0) this.begin(slot >> 1);
    else this.look(this.requests[slot >> 1]);
  }

  receive(envelope: Envelope): void {
    if (envelope.originBoot === DIALOGUE_BOOT) {
      this.world.dialogues.receive(envelope);
      return;
    }
    const request = this.requestOf(envelope);
    if (request === null || request.endedUs > 0 || envelope.to !== request.person) return;
    const { kind, body } = envelope;
    const { pod } = request;
    if (kind === REFUSED) this.refuse(request, (body as Refused).code);
    else if (kind === POD_WRITTEN && request.act === 'write') {
      const { vector, isFragile } = body as PodWritten;
      request.isFragile = isFragile;
      pod.context = vector as Dot[];
      this.end(request, OK);
    } else if (kind === POD_FOUND && request.act === 'read') {
      if (request.person === pod.owner)
        pod.context = vectorOf(this.world.identities, (body as PodFound).copy.versions);
      this.end(request, OK);
    } else if (kind === POD_RULED && request.act === 'rule') {
      pod.policies[pod.policies.length - 1].inForceUs = this.world.nowUs;
      this.end(request, OK);
    } else if (kind === POD_DELETED && request.act === 'delete') {
      if ((body as PodDeleted).isCertified) pod.certifiedUs = Math.min(pod.certifiedUs, this.world.nowUs);
      this.end(request, OK);
    }
  }

  /** Of what was said more than once an earlier telling may have been heard, whatever is said to a later one. */
  private refuse(request: PodRequest, code: ErrorCode): void {
    if (code === NOT_READY) return;
    this.end(request, request.act === 'write' && request.attempt > 1 ? UNKNOWN_OUTCOME : code);
  }

  /** Nothing listens there: it is said to another gateway when the person looks next. */
  onConnectionRefused(envelope: Envelope): void {
    if (envelope.originBoot === DIALOGUE_BOOT) this.world.dialogues.onConnectionRefused(envelope);
    const request = this.requestOf(envelope);
    if (request !== null) request.gateway++;
  }

  private addPod(group: number, owner: Peer, number: number, { policies, homeRegion }: ResolvedPods): void {
    const pod: OwnedPod = {
      index: this.pods.length,
      group,
      owner,
      number,
      id: podIdOf(this.world.identities, owner, number),
      policies: [],
      requests: [],
      context: [],
      deletedUs: Infinity,
      certifiedUs: Infinity,
      open: null,
    };
    pod.policies.push({ document: this.sign(pod, 1, homeRegion, policies[0]), askedUs: 0, inForceUs: 0 });
    this.pods.push(pod);
    this.byId.set(pod.id, pod);
  }

  private sign(
    pod: OwnedPod,
    version: number,
    homeRegion: string,
    policy: ResolvedPods['policies'][number],
  ): PodPolicy {
    const { identities } = this.world;
    const { owner, number } = pod;
    const written = { ...policy, allowedRegions: [...policy.allowedRegions] };
    const terms = { owner, number, version, homeRegion, policy: written, sinceWallUs: WALL_EPOCH_US };
    return { terms, signature: identities.mint(owner, policyHash(identities, terms)) };
  }

  private begin(i: number): void {
    const group = this.groups[i];
    const { pods, first, owners } = group;
    const n = group.acts++;
    this.scheduleNext(group, i, this.world.nowUs);
    const draw = (what: number): number => drawKeyed(group.root, n, what);
    const pod = this.pods[first + Math.floor((draw(WHICH) * owners.length * pods.each) / 4294967296)];
    // One thing at a time: whoever waits for an answer does not begin anything else with the pod.
    if (pod.open !== null) return;
    const act = this.choose(group, pod, (draw(WHAT) * 1_000_000) / 4294967296);
    if (act === 'visit' || act === 'intrude') {
      const visitor = owners[(owners.indexOf(pod.owner) + 1) % owners.length];
      if (act === 'visit' && pods.consent !== undefined) this.visit(pod, visitor, pods.consent);
      else this.ask(pod, 'read', visitor, act === 'visit');
    } else this.ask(pod, act, pod.owner, true);
  }

  /** Reads under what was authorised, until that is refused; or asks for it. */
  private visit(pod: OwnedPod, visitor: Peer, consent: ResolvedConsent): void {
    const { dialogues, nowUs } = this.world;
    const last = dialogues.all.findLast((one) => one.pod === pod && one.proposer === visitor);
    if (last?.state === 'permitted') this.ask(pod, 'read', visitor, true, last);
    else if (last?.state !== 'open') {
      const untilWallUs = WALL_EPOCH_US + nowUs + CONSENT_US;
      dialogues.begin(pod, visitor, consent, { use: READING_USE, plan: '', untilWallUs });
    }
  }

  private choose({ pods }: Group, pod: OwnedPod, ppm: number): PodAct | 'visit' | 'intrude' {
    const hasWritten = pod.requests.some(({ act }) => act === 'write');
    if (!hasWritten) return 'write';
    let upTo = pods.deletesPpm;
    if (ppm < upTo) return 'delete';
    upTo += pods.rulesPpm;
    if (ppm < upTo && pod.deletedUs === Infinity) return pods.policies.length > 1 ? 'rule' : 'read';
    upTo += pods.visitsPpm;
    if (ppm < upTo) return 'visit';
    upTo += pods.intrusionsPpm;
    if (ppm < upTo) return 'intrude';
    upTo += pods.readsPpm;
    return ppm < upTo ? 'read' : 'write';
  }

  private ask(
    pod: OwnedPod,
    act: PodAct,
    person: Peer,
    isConsented: boolean,
    dialogue: Dialogue | null = null,
  ): void {
    const { nowUs, identities } = this.world;
    const group = this.groups[pod.group];
    const own = this.ofPerson[person - this.firstPeer];
    const notAfterWallUs = WALL_EPOCH_US + nowUs + TIME_US;
    const time = { timeLeftUs: TIME_US, notAfterWallUs };
    const request: PodRequest = {
      index: this.requests.length,
      pod,
      act,
      person,
      n: own.length + 1,
      isConsented,
      dialogue,
      content: null,
      policyVersion: 0,
      kind: 0,
      body: null,
      askedUs: nowUs,
      dueUs: nowUs + TIME_US,
      gateway: 0,
      askedOf: [],
      attempt: 0,
      isFragile: false,
      code: -1,
      endedUs: 0,
    };
    if (act === 'rule' && pod.policies[pod.policies.length - 1].inForceUs < Infinity) {
      const version = pod.policies.length + 1;
      const { policies, homeRegion } = group.pods;
      const policy = policies[(version - 1) % policies.length];
      pod.policies.push({
        document: this.sign(pod, version, homeRegion, policy),
        askedUs: nowUs,
        inForceUs: Infinity,
      });
    }
    const known = pod.policies.filter(({ inForceUs }) => inForceUs <= nowUs);
    const { document } = act === 'rule' ? pod.policies[pod.policies.length - 1] : known[known.length - 1];
    request.policyVersion = document.terms.version;
    if (act === 'write') {
      const hash = `pod-${hexWord(keyOfName(pod.id))}-${hexWord(request.index)}`;
      request.content = { hash, sizeBytes: group.pods.sizeBytes, keyId: 0 };
      request.kind = POD_WRITE;
      const { content } = request;
      request.body = { policy: document, content, context: pod.context, opening: null, ...time };
    } else if (act === 'read') {
      const isFree = person === pod.owner || !isConsented;
      const permission = isFree ? null : (dialogue?.permission ?? this.permit(pod, person, request.n));
      const { owner, number } = pod;
      request.kind = POD_READ;
      request.body = {
        ...{ owner, number, permission, use: READING_USE, plan: '', region: '' },
        ...{ opening: null, agreement: '', ...time },
      };
    } else if (act === 'rule') {
      request.kind = POD_RULE;
      request.body = { policy: document, ...time };
    } else {
      const { owner, number } = pod;
      pod.deletedUs = Math.min(pod.deletedUs, nowUs);
      const signature = identities.mint(owner, deletionHash(identities, owner, number));
      request.kind = POD_DELETE;
      request.body = { deletion: { owner, number, signature }, circle: [], ...time };
    }
    this.requests.push(request);
    pod.requests.push(request);
    own.push(request);
    pod.open = request;
    this.open++;
    this.say(request);
    this.scheduleLook(request, LOOK_US);
  }

  private permit({ owner, id, group }: OwnedPod, proposer: Peer, number: number): Permission {
    const { identities, nowUs } = this.world;
    const wallUs = WALL_EPOCH_US + nowUs;
    const untilWallUs = wallUs + CONSENT_US;
    const { region } = this.world.scenario.clusters[this.groups[group].cluster];
    const proposal = signProposal(identities, {
      ...{ proposer, number, round: 1, use: READING_USE, plan: '', purpose: 'visit', pods: [id] },
      ...{ writtenByWallUs: untilWallUs, regions: [region], untilWallUs, uses: 0, answer: '' },
    });
    return permit(identities, owner, id, proposal, wallUs);
  }

  private consent({ owner }: OwnedPod, proposal: string): Consent {
    const { identities, nowUs } = this.world;
    const terms = { owner, proposal, authorisation: 0, untilWallUs: WALL_EPOCH_US + nowUs + CONSENT_US };
    return {
      ...terms,
      understood: identities.mint(owner, understandingHash(identities, owner, proposal)),
      authorised: identities.mint(owner, authorisationHash(identities, terms)),
    };
  }

  private say(request: PodRequest): void {
    const { envelope } = this;
    const { person, n, kind, pod } = request;
    const group = this.groups[pod.group];
    const own = (this.world.keyOf(person) >>> 0) % group.gateways.length;
    const gateway = group.gateways[(own + request.gateway) % group.gateways.length];
    envelope.kind = kind;
    envelope.from = person;
    envelope.to = gateway.peer;
    envelope.origin = person;
    envelope.originBoot = 0;
    envelope.n = n;
    envelope.attempt = request.attempt++;
    envelope.body = this.withOpening(request, gateway.peer);
    if (!request.askedOf.includes(gateway.peer)) request.askedOf.push(gateway.peer);
    this.world.transport.sendFromUser(person, group.region, gateway, envelope);
  }

  /** Where its contents are sealed an owner says to the gateway that it may open them: both locks, for just that one. */
  private withOpening({ act, person, pod, body }: PodRequest, gateway: Peer): unknown {
    const isSealed = pod.policies.some(({ document }) => document.terms.policy.encryptionRequired);
    if (!isSealed || person !== pod.owner || (act !== 'write' && act !== 'read')) return body;
    return {
      ...(body as object),
      opening: this.consent(pod, openingHash(this.world.identities, pod.id, gateway)),
    };
  }

  /** Says again what met silence, gives it up in the end, or goes on with what has to be brought to an end. */
  private look(request: PodRequest): void {
    const { nowUs } = this.world;
    const { pod, act, person } = request;
    if (request.endedUs === 0) {
      if (nowUs >= request.dueUs + PATIENCE_US) this.end(request, UNKNOWN_OUTCOME);
      else if (nowUs < request.dueUs) this.say(request);
      this.scheduleLook(request, LOOK_US);
      return;
    }
    if (pod.open !== null) return;
    // A deletion is asked after until it is certified, a policy is set until it is in force.
    const isUnfinished =
      act === 'delete'
        ? pod.certifiedUs === Infinity
        : act === 'rule' && pod.policies[pod.policies.length - 1].inForceUs === Infinity;
    if (isUnfinished) this.ask(pod, act, person, true);
  }

  private end(request: PodRequest, code: ErrorCode): void {
    const { pod, act, dialogue } = request;
    // What was withdrawn is asked for anew another time.
    if (dialogue !== null && code === CONSENT_REQUIRED) dialogue.state = 'refused';
    request.code = code;
    request.endedUs = this.world.nowUs;
    pod.open = null;
    this.open--;
    // A sum, as that of the users: who is counted first means nothing.
    const mark = new Digest().word(this.world.keyOf(request.person)).integer(request.n).word(code);
    mark.integer(this.world.nowUs);
    this.world.users.digest.add(mark.high, mark.low);
    this.onEnded?.(request);
    if (act === 'delete' || act === 'rule') this.scheduleLook(request, AGAIN_US);
  }

  private scheduleLook(request: PodRequest, afterUs: number): void {
    this.world.schedulePodOwner(this.world.nowUs + afterUs, request.person, 2 * request.index + 1);
  }

  private scheduleNext(group: Group, i: number, afterUs: number): void {
    const { meanGapUs, untilUs } = group.pods;
    const gapPpm = valueAtQuantile(EXPONENTIAL_PPM, drawKeyed(group.root, group.acts, GAP));
    const atUs = afterUs + Math.floor((gapPpm * meanGapUs) / 1_000_000);
    if (atUs < untilUs) this.world.schedulePodOwner(atUs, group.owners[0], 2 * i);
  }
}

interface Group {
  readonly pods: ResolvedPods;
  readonly owners: readonly Peer[];
  readonly cluster: number;
  readonly region: number;
  readonly gateways: readonly Machine[];
  readonly root: number;
  /** The place of its first pod among all. */
  readonly first: number;
  acts: number;
}
