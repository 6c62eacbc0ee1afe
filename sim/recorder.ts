import { OBSERVER } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { NOTE_OUTCOME, NOTE_STRUCK, NOTES, type Noted } from '../core/machine/kinds.ts';
import { READY } from '../core/machine/node-state.ts';
import { ERROR_CODES, OK, STAGES, STRIKES } from '../core/routing/outcomes.ts';
import { labelOfFault } from './faults.ts';
import { Facts, podNamesOf } from './facts.ts';
import type { Fact, Frame, FrameHeader, NodeState, RequestStory, StoryStep } from './frame.ts';
import type { Machine } from './machine.ts';
import { endOf, type PodRequest } from './owned-pod.ts';
import { findSilent, Regards } from './regard.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import type { UserRequest } from './users.ts';
import type { WorldEvent } from './world-events.ts';
import type { Watcher, World } from './world.ts';

/** Between two frames of a run. */
export const FRAME_PERIOD_US = 1_000_000;

/** Where frames and stories go. */
export interface Reel {
  frame(frame: Frame): void;
  story(story: RequestStory): void;
  fact(fact: Fact): void;
}

/** Turns a run into what a window shows: a frame a second, and a story for each request. It only watches. */
export class Recorder implements Watcher {
  private readonly reel: Reel;
  private readonly steps = new Map<number, StoryStep[]>();
  private outcomes: Record<string, number> = {};
  private podsEnded: Record<string, number> = {};
  private served = { local: 0, cluster: 0, federation: 0 };
  private readonly lastTraffic: Float64Array;
  private readonly lastLost: Float64Array;
  private readonly regards = new Regards();
  private readonly facts: Facts;

  constructor(scenario: ResolvedScenario, reel: Reel) {
    this.reel = reel;
    this.facts = new Facts((fact) => reel.fact(fact));
    const links = scenario.clusters.length * scenario.clusters.length;
    this.lastTraffic = new Float64Array(links);
    this.lastLost = new Float64Array(links);
  }

  onNoted(world: World, envelope: Envelope): void {
    const body = envelope.body as Noted;
    if (envelope.to !== OBSERVER) return;
    if (body.note > NOTE_OUTCOME) {
      this.facts.onNoted(world, envelope);
      return;
    }
    const request = world.users.requestOf(envelope);
    if (request === null || request.code >= 0) return;
    let steps = this.steps.get(request.index);
    if (steps === undefined) this.steps.set(request.index, (steps = []));
    steps.push({
      timeUs: world.nowUs,
      node: nameOf(world, envelope.from),
      what: NOTES[body.note] as StoryStep['what'],
      stage: STAGES[body.stage],
      about: body.chosen === envelope.from ? null : nameOf(world, body.chosen),
      refusal: refusalOf(body),
      struck: body.struck.map(({ peer, cluster, reason }) => ({
        node: nameOf(world, peer),
        cluster,
        reason: STRIKES[reason],
      })),
    });
  }

  onAnnounced(world: World, event: WorldEvent, subject: string): void {
    this.facts.onAnnounced(world, event, subject);
  }

  /** To be called when a user's request has ended. */
  onEnded(world: World, request: UserRequest): void {
    const outcome = ERROR_CODES[request.code];
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    if (request.code === OK) this.served[STAGES[request.answer!.stage]]++;
    const steps = this.steps.get(request.index) ?? [];
    this.steps.delete(request.index);
    this.reel.story(storyOf(world, request, steps));
  }

  /** To be called when what somebody asked of a pod has ended. */
  onPodEnded(request: PodRequest): void {
    const how = endOf(request);
    this.podsEnded[how] = (this.podsEnded[how] ?? 0) + 1;
  }

  /** To be called once a period. */
  takeFrame(world: World): void {
    const { scenario, tally } = world;
    const traffic: [number, number, number, number][] = [];
    const count = scenario.clusters.length;
    for (let i = 0; i < count * count; i++) {
      const sent = tally.traffic[i] - this.lastTraffic[i];
      const lost = tally.untransmitted[i] - this.lastLost[i];
      if (sent > 0) traffic.push([Math.floor(i / count), i % count, sent, lost]);
    }
    this.lastTraffic.set(tally.traffic);
    this.lastLost.set(tally.untransmitted);
    this.reel.frame({
      timeUs: world.nowUs,
      states: world.machines.map(stateOf),
      loads: world.machines.map(({ isUp, node }) => (isUp ? (node.compute?.jobs.length ?? 0) : 0)),
      cuts: world.network.links.flatMap((link, i): [number, number][] =>
        link?.harms.some(({ isFullCut }) => isFullCut) === true ? [[Math.floor(i / count), i % count]] : [],
      ),
      ...this.regards.take(world),
      silent: findSilent(world),
      traffic,
      outcomes: this.outcomes,
      servedBy: this.served,
      open: world.users.open,
      ...(scenario.pods === undefined ? {} : { podsEnded: this.podsEnded }),
    });
    this.outcomes = {};
    this.podsEnded = {};
    this.served = { local: 0, cluster: 0, federation: 0 };
  }
}

export function headerOf(scenario: ResolvedScenario): FrameHeader {
  return {
    format: 1,
    source: 'run',
    name: scenario.name,
    about: scenario.about,
    seed: scenario.seed,
    durationUs: scenario.durationUs,
    periodUs: FRAME_PERIOD_US,
    regions: scenario.regions,
    clusters: scenario.clusters.map(({ name, label, region }) => ({ name, label, region })),
    nodes: scenario.nodes.map((node) => ({
      name: node.name,
      cluster: node.cluster,
      region: node.region,
      types: node.types,
      trust: Math.min(node.claimedTrust, node.attestedTrust),
      claimedTrust: node.claimedTrust,
      attestedTrust: node.attestedTrust,
      models: node.installedModels,
    })),
    peerings: scenario.peerings.map(({ between }) => between),
    ...(scenario.pods === undefined
      ? {}
      : { pods: podNamesOf(scenario.pods), copiesOfPods: scenario.parameters.podCopies }),
    models: scenario.models.map(({ name }) => name),
    faults: scenario.faults.map((fault) => ({
      label: labelOfFault(fault),
      kind: fault.kind,
      atUs: fault.atUs,
      untilUs: 'untilUs' in fault ? fault.untilUs : fault.atUs,
    })),
  };
}

/** The error with which whoever was asked refused, if that is what was noted. */
export function refusalOf({ note, code }: Noted): string | null {
  return note === NOTE_STRUCK && code !== OK ? ERROR_CODES[code] : null;
}

function storyOf(world: World, request: UserRequest, steps: readonly StoryStep[]): RequestStory {
  const { answer, refused } = request;
  return {
    id: `r${request.index + 1}`,
    askedUs: request.askedUs,
    endedUs: request.endedUs,
    cluster: world.scenario.clusters[request.cluster].name,
    gateway: world.users.gatewayOf(request).spec.name,
    model: request.want.model,
    outcome: ERROR_CODES[request.code],
    servedBy: answer === null ? null : STAGES[answer.stage],
    server: answer === null ? null : nameOf(world, answer.servedBy),
    detail: refused?.detail ?? '',
    steps,
  };
}

function stateOf(machine: Machine): NodeState {
  if (!machine.isUp) return 'down';
  if (machine.pauses > 0) return 'paused';
  return machine.node.phase === READY ? 'up' : 'starting';
}

function nameOf(world: World, peer: number): string {
  return world.identities.names[peer] ?? 'nobody';
}
