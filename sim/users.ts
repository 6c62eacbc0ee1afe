import { Digest, hexWord } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import { ANSWER, ASK, REFUSED, WORKING, type Answer, type Refused } from '../core/machine/kinds.ts';
import { ERROR_CODES, OK, UNKNOWN_OUTCOME, type ErrorCode } from '../core/routing/outcomes.ts';
import type { Want } from '../core/routing/want.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { Machine } from './machine.ts';
import type { ResolvedAsk, ResolvedWorkload } from './scenario/resolved.ts';
import { drawKeyed, keyOfName, valueAtQuantile } from './seeds.ts';
import type { World } from './world.ts';

/** One request, as its user sees it. */
export interface UserRequest {
  /** Its place in `requests`: the order of asking. */
  readonly index: number;
  readonly user: Peer;
  /** Numbers the requests of its user from 1: with the user, its id. */
  readonly n: number;
  readonly workload: number;
  readonly cluster: number;
  readonly want: Want;
  readonly askedUs: number;
  /** Which of the cluster's gateways is asked now, counted from the user's own. */
  gateway: number;
  attempt: number;
  lastHeardUs: number;
  /** Whether a gateway has said that it holds the request. */
  isHeld: boolean;
  endedUs: number;
  /** −1 while it is open, then OK or an error code. */
  code: number;
  answer: Answer | null;
  refused: Refused | null;
}

/** A user asks again when its gateway has been silent for so long. */
const SILENCE_US = 3_000_000;
/** A user waits so much longer than the deadline before giving up. */
const PATIENCE_US = 5_000_000;

/** Words of chance of a request are told apart by these. */
const GAP = 1;
const WHO = 2;
const WHAT = 3;
const CONTEXT = 4;
const GENERATED = 5;

/**
 * Users who ask. When they ask, and for what, depends on the seed and on nothing that the federation does.
 * Schedule slots: even ones are the next arrival of a workload, odd ones a look at an open request.
 */
export class Users {
  readonly requests: UserRequest[] = [];
  readonly digest = new Digest();
  open = 0;
  onEnded: ((request: UserRequest) => void) | null = null;
  private readonly world: World;
  private readonly workloads: readonly Group[];
  /** By user: the group, and the requests by n. */
  private readonly groups: number[] = [];
  private readonly ofUser: UserRequest[][] = [];
  private readonly firstUser: number;
  private readonly envelope = new Envelope();

  constructor(world: World) {
    this.world = world;
    this.firstUser = world.identities.names.length;
    this.workloads = world.scenario.workloads.map((workload, i) => {
      const users = Array.from({ length: workload.users }, (_, u) => {
        this.groups.push(i);
        this.ofUser.push([]);
        return world.addPeer(`user ${u} of ${workload.cluster}, workload ${i}`);
      });
      const cluster = world.scenario.clusters.findIndex(({ name }) => name === workload.cluster);
      const gateways = world.machines.filter(
        (machine) => machine.cluster === cluster && machine.spec.types.includes('gateway'),
      );
      const region = world.regionOf(world.scenario.clusters[cluster].region);
      const totalWeight = workload.asks.reduce((sum, { weight }) => sum + weight, 0);
      const root = drawKeyed(world.roots.users, keyOfName(workload.cluster), i);
      return { workload, users, cluster, gateways, region, totalWeight, root, asked: 0 };
    });
  }

  start(): void {
    this.workloads.forEach((group, i) => {
      if (this.world.owns(group)) this.scheduleArrival(group, i, 0, group.workload.fromUs);
    });
  }

  regionOf(user: Peer): number {
    return this.workloads[this.groups[user - this.firstUser]].region;
  }

  clusterOf(user: Peer): number {
    return this.workloads[this.groups[user - this.firstUser]].cluster;
  }

  act(slot: number): void {
    if ((slot & 1) === 0) this.ask(slot >> 1);
    else this.look(this.requests[slot >> 1], slot);
  }

  receive(envelope: Envelope): void {
    const request = this.requestOf(envelope);
    if (request === null || request.code >= 0) return;
    request.lastHeardUs = this.world.nowUs;
    if (envelope.kind === WORKING) request.isHeld = true;
    else if (envelope.kind === ANSWER) this.end(request, OK, envelope.body as Answer, null);
    else if (envelope.kind === REFUSED) {
      const refused = envelope.body as Refused;
      this.end(request, refused.code, null, refused);
    }
  }

  /** Nothing listens there: unlike silence, that is known after a round trip. */
  onConnectionRefused(envelope: Envelope): void {
    const request = this.requestOf(envelope);
    if (request === null || request.code >= 0) return;
    const group = this.workloads[request.workload];
    // A gateway that held the request and is gone may have released the answer: nobody knows.
    if (request.isHeld || request.gateway + 1 >= group.gateways.length) {
      this.end(request, UNKNOWN_OUTCOME, null, null);
      return;
    }
    request.gateway++;
    this.send(request);
  }

  /** The gateway that a request was last sent to. */
  gatewayOf(request: UserRequest): Machine {
    const { gateways } = this.workloads[request.workload];
    // By the user's key, not its number: another node in the scenario must not send users elsewhere.
    const own = (this.world.keyOf(request.user) >>> 0) % gateways.length;
    return gateways[(own + request.gateway) % gateways.length];
  }

  private ask(i: number): void {
    const group = this.workloads[i];
    const n = group.asked++;
    const draw = (what: number): number => drawKeyed(group.root, n, what);
    const user = group.users[Math.floor((draw(WHO) * group.users.length) / 4294967296)];
    const earlier = this.ofUser[user - this.firstUser];
    const request: UserRequest = {
      index: this.requests.length,
      user,
      n: earlier.length + 1,
      workload: i,
      cluster: group.cluster,
      want: this.wantOf(group, draw),
      askedUs: this.world.nowUs,
      gateway: 0,
      attempt: 0,
      lastHeardUs: this.world.nowUs,
      isHeld: false,
      endedUs: 0,
      code: -1,
      answer: null,
      refused: null,
    };
    this.requests.push(request);
    earlier.push(request);
    this.open++;
    this.world.announce('request.asked', group.workload.cluster);
    this.send(request);
    this.scheduleLook(request);
    this.scheduleArrival(group, i, n + 1, this.world.nowUs);
  }

  private wantOf({ workload, totalWeight }: Group, draw: (what: number) => number): Want {
    const ask = askAt(workload, (draw(WHAT) * totalWeight) / 4294967296);
    const contextTokens = valueAtQuantile(workload.contextTokens, draw(CONTEXT));
    const hash = `prompt-${hexWord(draw(WHO))}${hexWord(draw(CONTEXT))}`;
    return {
      model: ask.model,
      prompt: { hash, sizeBytes: contextTokens * workload.bytesPerToken, keyId: 0 },
      contextTokens,
      maxTokens: valueAtQuantile(workload.generatedTokens, draw(GENERATED)),
      minTrust: ask.minTrust,
      allowedRegions: ask.allowedRegions as string[],
      pods: [],
      timeLeftUs: workload.deadlineUs,
      notAfterWallUs: WALL_EPOCH_US + this.world.nowUs + workload.deadlineUs,
    };
  }

  private send(request: UserRequest): void {
    const { envelope } = this;
    const gateway = this.gatewayOf(request);
    const leftUs = Math.max(0, request.askedUs + request.want.timeLeftUs - this.world.nowUs);
    envelope.kind = ASK;
    envelope.from = request.user;
    envelope.to = gateway.peer;
    envelope.origin = request.user;
    envelope.originBoot = 0;
    envelope.n = request.n;
    envelope.attempt = request.attempt++;
    envelope.body = { ...request.want, timeLeftUs: leftUs };
    const { region } = this.workloads[request.workload];
    this.world.transport.sendFromUser(request.user, region, gateway, envelope);
  }

  /** Silence: ask the same gateway again, under the same id; at the end of patience, give up. */
  private look(request: UserRequest, slot: number): void {
    if (request.code >= 0) return;
    const { nowUs } = this.world;
    if (nowUs >= request.askedUs + request.want.timeLeftUs + PATIENCE_US) {
      this.end(request, UNKNOWN_OUTCOME, null, null);
      return;
    }
    if (nowUs - request.lastHeardUs >= SILENCE_US) this.send(request);
    this.world.scheduleUser(nowUs + SILENCE_US, request.user, slot);
  }

  private end(request: UserRequest, code: ErrorCode, answer: Answer | null, refused: Refused | null): void {
    request.code = code;
    request.endedUs = this.world.nowUs;
    request.answer = answer;
    request.refused = refused;
    this.open--;
    // A sum: who of two users that do not know of each other is counted first means nothing.
    const mark = new Digest().word(this.world.keyOf(request.user)).integer(request.n);
    mark.word(code).integer(this.world.nowUs);
    this.digest.add(mark.high, mark.low);
    this.onEnded?.(request);
    this.world.announce('request.outcome', ERROR_CODES[code]);
  }

  private scheduleLook(request: UserRequest): void {
    this.world.scheduleUser(this.world.nowUs + SILENCE_US, request.user, 2 * request.index + 1);
  }

  private scheduleArrival(group: Group, i: number, n: number, afterUs: number): void {
    const { workload } = group;
    const gapPpm = valueAtQuantile(workload.gapQuantiles, drawKeyed(group.root, n, GAP));
    const atUs = afterUs + Math.floor((gapPpm * workload.meanGapUs) / 1_000_000);
    if (atUs < workload.untilUs) this.world.scheduleUser(atUs, group.users[0], 2 * i);
  }

  /** The request that an envelope belongs to, by its id; null if it is no user's. */
  requestOf(envelope: Envelope): UserRequest | null {
    return this.ofUser[envelope.origin - this.firstUser]?.[envelope.n - 1] ?? null;
  }
}

interface Group {
  readonly workload: ResolvedWorkload;
  readonly users: readonly Peer[];
  readonly cluster: number;
  readonly region: number;
  readonly gateways: readonly Machine[];
  readonly totalWeight: number;
  readonly root: number;
  asked: number;
}

function askAt(workload: ResolvedWorkload, at: number): ResolvedAsk {
  let upTo = 0;
  for (const ask of workload.asks) {
    upTo += ask.weight;
    if (at < upTo) return ask;
  }
  return workload.asks[workload.asks.length - 1];
}
