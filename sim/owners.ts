import { Digest, hexWord } from '../core/base/digest.ts';
import type { Peer } from '../core/base/peers.ts';
import { Envelope } from '../core/machine/envelope.ts';
import {
  AGENT,
  AGENT_STATE,
  AGENT_STOP,
  AGENTS,
  AGENTS_FOUND,
  REFUSED,
  STEP,
  STEP_RESULT,
  type Refused,
} from '../core/machine/kinds.ts';
import type { Ref } from '../core/machine/shape.ts';
import { AGENT_USE } from '../core/policy/consent-documents.ts';
import type {
  AgentsFound,
  AgentState,
  Plan,
  ProposedPlan,
  StepResult,
} from '../core/roles/agents/agent-plan.ts';
import { locksOf, proposalHash } from '../core/roles/agents/agent-proposal.ts';
import { CONSENT_REQUIRED, OK, UNKNOWN_OUTCOME, type ErrorCode } from '../core/routing/outcomes.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { Dialogue } from './dialogue.ts';
import { DIALOGUE_BOOT } from './dialogues.ts';
import { EXPONENTIAL_PPM } from './exponential.ts';
import type { AgentTask } from './lineage.ts';
import type { Machine } from './machine.ts';
import type { OwnedPod } from './owned-pod.ts';
import type { ResolvedAgents } from './scenario/resolved-agents.ts';
import { drawKeyed, keyOfName, valueAtQuantile } from './seeds.ts';
import type { World } from './world.ts';

/** One agent, as its owner sees it. */
export interface OwnedAgent {
  /** Its place in `agents`: the order of asking. */
  readonly index: number;
  readonly owner: Peer;
  /** Numbers the agents of its owner from 1: with the owner, its id. */
  readonly n: number;
  readonly group: number;
  /** With what the owners of the pods that it touches have said, once it has begun. */
  plan: Plan;
  /** In which they are asked; it begins when all have consented. */
  readonly dialogues: readonly Dialogue[];
  isAsking: boolean;
  /** What is to be known of it to judge what is done with its prompts. */
  readonly asked: AgentTask;
  readonly askedUs: number;
  /** What the owner is going to do: nothing, stop it, or withdraw the consent, so long after it has begun. */
  readonly interruption: 'none' | 'stop' | 'revoke';
  readonly interruptsAfterUs: number;
  /** When the owner has first asked for its stop; Infinity: never. */
  stopAskedUs: number;
  gateway: number;
  attempt: number;
  lastHeardUs: number;
  begunUs: number;
  host: Peer;
  /** As last heard; null before it has begun. */
  state: AgentState | null;
  /** What its steps have made, as they came: by step. */
  readonly results: (Ref | undefined)[];
  endedUs: number;
  /** Of one that never began, or of which nobody knows: why. −1 while it is open or begun. */
  code: number;
}

/** An owner says again what met silence for so long, and asks after its agents this often. */
const SILENCE_US = 3_000_000;
const LOOK_US = 5_000_000;
/** It gives an agent up so long after its time must be over. */
const PATIENCE_US = 30_000_000;
/** An agent is to begin within so long. */
const BEGIN_US = 20_000_000;
/** And so much later where others have to be asked for their pods. */
const ASKING_US = 70_000_000;
/** Who changes its mind does so within so long. */
const LATEST_INTERRUPTION_US = 10_000_000;
const BYTES_PER_TOKEN = 4;

/** Words of chance of an agent are told apart by these. */
const GAP = 1;
const WHO = 2;
const FATE = 3;
const WHEN = 4;
const WHICH = 5;

/**
 * People who have agents act for them (R4-6). When, and what for, depends on the seed and on nothing that the federation does.
 * Schedule slots: even ones are the next agent of a group, odd ones a look at one that has been asked for.
 */
export class Owners {
  readonly agents: OwnedAgent[] = [];
  open = 0;
  readonly firstPeer: Peer;
  private readonly world: World;
  private readonly groups: readonly Group[];
  private readonly groupOf: number[] = [];
  private readonly ofOwner: OwnedAgent[][] = [];
  private readonly envelope = new Envelope();

  constructor(world: World, firstPeer: Peer) {
    this.world = world;
    this.firstPeer = firstPeer;
    this.groups = (world.scenario.agents ?? []).map((agents, i) => {
      const owners = Array.from({ length: agents.people }, (_, k) => {
        this.groupOf.push(i);
        this.ofOwner.push([]);
        return world.addPeer(`owner ${k} of ${agents.cluster}, agents ${i}`);
      });
      const cluster = world.scenario.clusters.findIndex(({ name }) => name === agents.cluster);
      const gateways = world.machines.filter(
        (machine) => machine.cluster === cluster && machine.spec.types.includes('gateway'),
      );
      const region = world.regionOf(world.scenario.clusters[cluster].region);
      const root = drawKeyed(world.roots.users, keyOfName(`agents of ${agents.cluster}`), i);
      return { agents, owners, cluster, gateways, region, root, asked: 0 };
    });
  }

  start(): void {
    this.groups.forEach((group, i) => {
      if (this.world.owns(group)) this.scheduleNext(group, i, 0, group.agents.fromUs);
    });
  }

  regionOf(owner: Peer): number {
    return this.groups[this.groupOf[owner - this.firstPeer]].region;
  }

  clusterOf(owner: Peer): number {
    return this.groups[this.groupOf[owner - this.firstPeer]].cluster;
  }

  /** The agent that an envelope is about, by its id; null if it is nobody's here. */
  agentOf({ origin, originBoot, n }: Pick<Envelope, 'origin' | 'originBoot' | 'n'>): OwnedAgent | null {
    if (originBoot === DIALOGUE_BOOT) return null;
    return this.ofOwner[origin - this.firstPeer]?.[n - 1] ?? null;
  }

  act(slot: number): void {
    if ((slot & 1) === 0) this.begin(slot >> 1);
    else this.look(this.agents[slot >> 1], slot);
  }

  receive(envelope: Envelope): void {
    if (envelope.originBoot === DIALOGUE_BOOT) {
      this.world.dialogues.receive(envelope);
      return;
    }
    if (envelope.kind === AGENTS_FOUND) {
      for (const state of (envelope.body as AgentsFound).agents) {
        const agent = this.agentOf({ origin: state.owner, originBoot: state.ownerBoot, n: state.n });
        if (agent !== null) this.hear(agent, state);
      }
      return;
    }
    const agent = this.agentOf(envelope);
    if (agent === null) return;
    agent.lastHeardUs = this.world.nowUs;
    if (envelope.kind === AGENT_STATE) this.hear(agent, envelope.body as AgentState);
    else if (envelope.kind === STEP_RESULT) {
      const { step, answer } = envelope.body as StepResult;
      // The same comes again after a crash of the host.
      agent.results[step] ??= answer;
      this.finish(agent);
    } else if (envelope.kind === REFUSED && agent.state === null && agent.endedUs === 0) {
      this.end(agent, (envelope.body as Refused).code);
    }
  }

  /**
   * Nothing listens there. What was begun goes on without its desk. A start that was said once has reached nobody and is said
   * to the next gateway; one that was said before may have begun the agent.
   */
  onConnectionRefused(envelope: Envelope): void {
    if (envelope.originBoot === DIALOGUE_BOOT) this.world.dialogues.onConnectionRefused(envelope);
    const agent = this.agentOf(envelope);
    if (agent === null || agent.endedUs > 0) return;
    agent.gateway++;
    if (agent.state !== null) return;
    const { gateways } = this.groups[agent.group];
    if (agent.attempt === agent.gateway && agent.gateway < gateways.length)
      this.say(agent, AGENT, agent.plan);
    else this.end(agent, UNKNOWN_OUTCOME);
  }

  private begin(i: number): void {
    const group = this.groups[i];
    const n = group.asked++;
    const draw = (what: number): number => drawKeyed(group.root, n, what);
    const owner = group.owners[Math.floor((draw(WHO) * group.owners.length) / 4294967296)];
    const earlier = this.ofOwner[owner - this.firstPeer];
    const { stoppedPpm, revokedPpm, unaskedPpm, budgetUs } = group.agents;
    const fatePpm = (draw(FATE) * 1_000_000) / 4294967296;
    const isUnasked = fatePpm < unaskedPpm;
    const isStopped = !isUnasked && fatePpm < unaskedPpm + stoppedPpm;
    const isRevoked = !isUnasked && !isStopped && fatePpm < unaskedPpm + stoppedPpm + revokedPpm;
    const pods = this.podsFor(group, n);
    const plan = this.planOf(group, owner, draw, !isUnasked, pods);
    const dialogues = isUnasked ? [] : pods.map((pod) => this.askFor(pod, owner, plan));
    const { minTrust, allowedRegions, steps } = plan.plan;
    const agent: OwnedAgent = {
      index: this.agents.length,
      owner,
      n: earlier.length + 1,
      group: i,
      plan,
      dialogues,
      isAsking: dialogues.length > 0,
      asked: {
        agent: this.agents.length,
        label: `agent a${this.agents.length + 1}`,
        cluster: group.cluster,
        want: { model: steps[0].model, minTrust, allowedRegions },
      },
      askedUs: this.world.nowUs,
      interruption: isStopped ? 'stop' : isRevoked ? 'revoke' : 'none',
      interruptsAfterUs: Math.floor((draw(WHEN) * Math.min(budgetUs, LATEST_INTERRUPTION_US)) / 4294967296),
      stopAskedUs: Infinity,
      gateway: 0,
      attempt: 0,
      lastHeardUs: this.world.nowUs,
      begunUs: 0,
      host: -1,
      state: null,
      results: [],
      endedUs: 0,
      code: -1,
    };
    this.agents.push(agent);
    earlier.push(agent);
    this.open++;
    if (!agent.isAsking) this.say(agent, AGENT, plan);
    this.scheduleLook(agent, SILENCE_US);
    this.scheduleNext(group, i, n + 1, this.world.nowUs);
  }

  /** Pods of others that an agent is given: drawn of those that have something in them. */
  private podsFor({ agents, cluster, root }: Group, n: number): OwnedPod[] {
    const { podOwners } = this.world;
    const left = podOwners.pods.filter(
      ({ owner, requests }) =>
        podOwners.clusterOf(owner) === cluster &&
        requests.some(({ act, code }) => act === 'write' && code === OK),
    );
    const chosen: OwnedPod[] = [];
    while (chosen.length < (agents.pods ?? 0) && left.length > 0) {
      const at = Math.floor((drawKeyed(root, n, WHICH + chosen.length) * left.length) / 4294967296);
      chosen.push(...left.splice(at, 1));
    }
    return chosen;
  }

  private askFor(pod: OwnedPod, owner: Peer, { plan }: Plan): Dialogue {
    const { identities, dialogues, podOwners } = this.world;
    const { untilWallUs } = plan;
    const hash = proposalHash(identities, plan);
    const consent = podOwners.consentOf(pod);
    return dialogues.begin(pod, owner, consent, { use: AGENT_USE, plan: hash, untilWallUs });
  }

  /** Begins what has waited for the owners of pods, when all have consented; one that does not ends it. */
  private hearOwners(agent: OwnedAgent): void {
    if (agent.dialogues.some(({ state }) => state === 'refused')) this.end(agent, CONSENT_REQUIRED);
    else if (agent.dialogues.every(({ state }) => state === 'permitted')) {
      agent.isAsking = false;
      const permissions = agent.dialogues.map(({ pod, permission }) => ({
        pod: pod.id,
        permission: permission!,
      }));
      agent.plan = { ...agent.plan, permissions } as Plan;
      agent.lastHeardUs = this.world.nowUs;
      this.say(agent, AGENT, agent.plan);
    }
  }

  private planOf(
    group: Group,
    owner: Peer,
    draw: (what: number) => number,
    consents: boolean,
    touched: readonly OwnedPod[],
  ): Plan {
    const { steps, contextTokens, maxTokens, budgetTokens, budgetUs, minTrust, allowedRegions } =
      group.agents;
    const name = `${hexWord(draw(WHO))}${hexWord(draw(FATE))}`;
    const wallUs = WALL_EPOCH_US + this.world.nowUs;
    const sizeBytes = contextTokens * BYTES_PER_TOKEN;
    const beginUs = BEGIN_US + (touched.length > 0 ? ASKING_US : 0);
    const plan: ProposedPlan = {
      proposal: { hash: `proposal-${name}`, sizeBytes: 1_000, keyId: 0 },
      steps: steps.map((model, i) => ({
        model,
        prompt: i === 0 ? { hash: `task-${name}`, sizeBytes, keyId: 0 } : null,
        contextTokens,
        maxTokens,
        pods: touched.map((pod) => ({ owner: pod.owner, number: pod.number })),
      })),
      minTrust,
      allowedRegions: allowedRegions as string[],
      budgetTokens,
      budgetUs,
      untilWallUs: wallUs + beginUs + 2 * budgetUs,
    };
    return {
      plan,
      consent: consents ? this.consentTo(owner, plan) : null,
      permissions: [],
      beginByWallUs: wallUs + beginUs,
    };
  }

  private consentTo(owner: Peer, plan: ProposedPlan): Plan['consent'] {
    const { identities } = this.world;
    const { terms, understanding, authorisation } = locksOf(identities, plan, owner);
    const understood = identities.mint(owner, understanding);
    return { ...terms, understood, authorised: identities.mint(owner, authorisation) };
  }

  private hear(agent: OwnedAgent, state: AgentState): void {
    agent.lastHeardUs = this.world.nowUs;
    if (agent.endedUs > 0) return;
    if (agent.state === null) {
      agent.begunUs = this.world.nowUs;
      agent.host = state.host;
    }
    // What was said earlier may come later: steps only rise, and what has ended stays so.
    const isOld = agent.state !== null && (agent.state.state !== 0 || state.step < agent.state.step);
    if (!isOld) agent.state = state;
    this.finish(agent);
  }

  /** It has ended for its owner, too, when every result is there. */
  private finish(agent: OwnedAgent): void {
    const { state, results } = agent;
    if (state === null || state.state === 0 || agent.endedUs > 0) return;
    for (let step = 0; step < state.step; step++) if (results[step] === undefined) return;
    this.end(agent, state.code);
  }

  /** Says again what met silence, interrupts, fetches what is missing, asks after the agent, or gives it up. */
  private look(agent: OwnedAgent, slot: number): void {
    if (agent.endedUs > 0) return;
    const { nowUs } = this.world;
    const { plan } = agent;
    const beginUs = BEGIN_US + (agent.dialogues.length > 0 ? ASKING_US : 0);
    const givesUpUs = agent.askedUs + beginUs + 2 * plan.plan.budgetUs + PATIENCE_US;
    const neverBegan = agent.state === null && nowUs > agent.askedUs + beginUs + PATIENCE_US;
    if (nowUs >= givesUpUs || neverBegan) {
      this.end(agent, UNKNOWN_OUTCOME);
      return;
    }
    let again = LOOK_US;
    if (agent.isAsking) {
      this.hearOwners(agent);
      again = SILENCE_US;
    } else if (agent.state === null) {
      if (nowUs - agent.lastHeardUs >= SILENCE_US) this.say(agent, AGENT, plan);
      again = SILENCE_US;
    } else if (agent.state.state !== 0) {
      this.fetch(agent, agent.state.step);
      again = SILENCE_US;
    } else if (agent.interruption !== 'none' && nowUs >= agent.begunUs + agent.interruptsAfterUs) {
      agent.stopAskedUs = Math.min(agent.stopAskedUs, nowUs);
      this.say(agent, AGENT_STOP, { host: agent.host, isRevoked: agent.interruption === 'revoke' });
      again = SILENCE_US;
    } else this.say(agent, AGENTS, {});
    this.world.scheduleOwner(nowUs + again, agent.owner, slot);
  }

  private fetch(agent: OwnedAgent, steps: number): void {
    for (let step = 0; step < steps; step++)
      if (agent.results[step] === undefined) this.say(agent, STEP, { host: agent.host, step });
  }

  private say(agent: OwnedAgent, kind: number, body: unknown): void {
    const { envelope } = this;
    const group = this.groups[agent.group];
    const own = (this.world.keyOf(agent.owner) >>> 0) % group.gateways.length;
    const gateway = group.gateways[(own + agent.gateway) % group.gateways.length];
    envelope.kind = kind;
    envelope.from = agent.owner;
    envelope.to = gateway.peer;
    envelope.origin = agent.owner;
    envelope.originBoot = 0;
    envelope.n = agent.n;
    envelope.attempt = agent.attempt++;
    envelope.body = body;
    this.world.transport.sendFromUser(agent.owner, group.region, gateway, envelope);
  }

  private end(agent: OwnedAgent, code: ErrorCode): void {
    agent.code = code;
    agent.endedUs = this.world.nowUs;
    this.open--;
    // A sum, as that of the users: who is counted first means nothing.
    const mark = new Digest().word(this.world.keyOf(agent.owner)).integer(agent.n).word(code);
    mark
      .word(agent.state?.state ?? -1)
      .word(agent.results.length)
      .integer(this.world.nowUs);
    this.world.users.digest.add(mark.high, mark.low);
  }

  private scheduleLook(agent: OwnedAgent, afterUs: number): void {
    this.world.scheduleOwner(this.world.nowUs + afterUs, agent.owner, 2 * agent.index + 1);
  }

  private scheduleNext(group: Group, i: number, n: number, afterUs: number): void {
    const { meanGapUs, untilUs } = group.agents;
    const gapPpm = valueAtQuantile(EXPONENTIAL_PPM, drawKeyed(group.root, n, GAP));
    const atUs = afterUs + Math.floor((gapPpm * meanGapUs) / 1_000_000);
    if (atUs < untilUs) this.world.scheduleOwner(atUs, group.owners[0], 2 * i);
  }
}

interface Group {
  readonly agents: ResolvedAgents;
  readonly owners: readonly Peer[];
  readonly cluster: number;
  readonly region: number;
  readonly gateways: readonly Machine[];
  readonly root: number;
  asked: number;
}
