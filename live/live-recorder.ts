/** Turns what the processes of a live federation tell into frames and stories. It only watches. */
import type { Frame, FrameHeader, NodeState, Regard, RequestStory } from '../sim/frame.ts';
import { RegardNews, regardOf } from '../sim/regard.ts';
import { MemoryFrameSource } from '../viz/frame-source.ts';
import type { NodeView } from './node-view.ts';
import type { EndedStory, FromNode, NodeReport, NotedStep } from './process-messages.ts';

export const FRAME_PERIOD_MS = 1_000;
/** What other processes noted of a request may come a little later than its end. */
const STORY_DELAY_MS = 500;
/** Requests whose end was never told are forgotten, the oldest first. */
const MAX_OPEN_STORIES = 10_000;

export class LiveRecorder {
  readonly source: MemoryFrameSource;
  private readonly startedMs = performance.now();
  private readonly startedWallUs = Date.now() * 1_000;
  private readonly states: NodeState[];
  private readonly loads: number[];
  private readonly opens: number[];
  private readonly clusterOfId: ReadonlyMap<string, number>;
  private readonly placeOfId: ReadonlyMap<string, number>;
  /** What each thinks ill of others, and has of pods; null: it does not run, or has not said. */
  private readonly views: (NodeView | null)[];
  private readonly news = new RegardNews();
  private readonly steps = new Map<string, NotedStep[]>();
  private readonly timer: NodeJS.Timeout;
  private traffic = new Map<string, [number, number, number, number]>();
  private outcomes: Record<string, number> = {};
  private served = { local: 0, cluster: 0, federation: 0 };

  /** `ids`: of the nodes, in the order of the header. */
  constructor(header: FrameHeader, ids: readonly string[]) {
    this.source = new MemoryFrameSource(header);
    this.states = header.nodes.map(() => 'starting');
    this.loads = header.nodes.map(() => 0);
    this.opens = header.nodes.map(() => 0);
    const clusters = header.clusters.map(({ name }) => name);
    this.clusterOfId = new Map(ids.map((id, i) => [id, clusters.indexOf(header.nodes[i]!.cluster)]));
    this.placeOfId = new Map(ids.map((id, i) => [id, i]));
    this.views = header.nodes.map(() => null);
    this.timer = setInterval(() => this.takeFrame(), FRAME_PERIOD_MS);
    this.timer.unref();
  }

  /** To be called with each message of the node at that place of the header. */
  onMessage(node: number, message: FromNode): void {
    switch (message.type) {
      case 'report':
        this.takeReport(node, message);
        return;
      case 'note': {
        const steps = this.steps.get(message.request) ?? [];
        if (steps.length === 0) this.steps.set(message.request, steps);
        steps.push(message.step);
        if (this.steps.size > MAX_OPEN_STORIES) this.steps.delete(this.steps.keys().next().value!);
        return;
      }
      case 'ended':
        this.takeEnd(node, message.story);
        return;
    }
  }

  onState(node: number, state: NodeState): void {
    this.states[node] = state;
    this.loads[node] = 0;
    this.opens[node] = 0;
    this.views[node] = null;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private takeReport(node: number, { state, load, open, view, traffic }: NodeReport): void {
    this.views[node] = view;
    this.states[node] = state;
    this.loads[node] = load;
    this.opens[node] = open;
    const { nodes, clusters } = this.source.header;
    const from = clusters.findIndex(({ name }) => name === nodes[node]!.cluster);
    for (const [id, sent, dropped] of traffic) {
      const to = this.clusterOfId.get(id);
      if (to === undefined) continue;
      const key = `${from} ${to}`;
      const entry = this.traffic.get(key) ?? [from, to, 0, 0];
      entry[2] += sent;
      entry[3] += dropped;
      this.traffic.set(key, entry);
    }
  }

  private takeEnd(node: number, story: EndedStory): void {
    this.outcomes[story.outcome] = (this.outcomes[story.outcome] ?? 0) + 1;
    if (story.servedBy !== null) this.served[story.servedBy]++;
    setTimeout(() => this.finishStory(node, story), STORY_DELAY_MS).unref();
  }

  private finishStory(node: number, story: EndedStory): void {
    const { name, cluster } = this.source.header.nodes[node]!;
    const steps = this.steps.get(story.request) ?? [];
    this.steps.delete(story.request);
    const { request, askedWallUs, endedWallUs, ...told } = story;
    const finished: RequestStory = {
      ...told,
      id: `${name}/${request.split('/').slice(1).join('/')}`,
      askedUs: this.timeOf(askedWallUs),
      endedUs: this.timeOf(endedWallUs),
      cluster,
      gateway: name,
      steps: steps
        .toSorted((left, right) => left.wallUs - right.wallUs)
        .map(({ wallUs, ...step }) => ({ timeUs: this.timeOf(wallUs), ...step })),
    };
    this.source.pushStory(finished);
  }

  private takeFrame(): void {
    const timeUs = Math.floor((performance.now() - this.startedMs) * 1_000);
    const regards = this.findRegards();
    const frame: Frame = {
      timeUs,
      regards: [...regards],
      changes: this.news.take(regards, timeUs),
      pods: this.views.flatMap((view, node) => {
        const pods = view?.pods ?? null;
        return pods === null ? [] : [[node, pods.held, pods.short, pods.deleting] as const];
      }),
      states: [...this.states],
      loads: [...this.loads],
      cuts: [],
      traffic: [...this.traffic.values()],
      outcomes: this.outcomes,
      servedBy: this.served,
      open: this.opens.reduce((sum, open) => sum + open, 0),
    };
    this.traffic = new Map();
    this.outcomes = {};
    this.served = { local: 0, cluster: 0, federation: 0 };
    this.source.pushFrame(frame);
  }

  /** What most of those who run in its cluster, itself apart, think of each node. */
  private findRegards(): Map<number, Regard> {
    const { nodes } = this.source.header;
    const votes = nodes.map(() => ({ suspect: 0, dead: 0, left: 0 }));
    for (const view of this.views)
      for (const [id, regard] of view?.opinions ?? []) {
        const of = this.placeOfId.get(id);
        if (of !== undefined) votes[of]![regard]++;
      }
    const found = new Map<number, Regard>();
    votes.forEach(({ suspect, dead, left }, node) => {
      const others = this.views.filter(
        (view, by) =>
          view !== null &&
          view.members !== null &&
          by !== node &&
          nodes[by]!.cluster === nodes[node]!.cluster,
      );
      const regard = regardOf(suspect, dead, left, others.length / 2);
      if (regard !== null) found.set(node, regard);
    });
    return found;
  }

  private timeOf(wallUs: number): number {
    return Math.max(0, wallUs - this.startedWallUs);
  }
}
