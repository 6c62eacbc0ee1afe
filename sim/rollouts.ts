import type { Peer } from '../core/base/peers.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { MODEL, MODEL_NEWS, MODEL_STATE, REFUSED } from '../core/machine/kinds.ts';
import type { ModelNews } from '../core/models/model-bodies.ts';
import { WALL_EPOCH_US } from './clocks.ts';
import type { PublishedVersion } from './library.ts';
import type { Machine } from './machine.ts';
import type { ResolvedRollout } from './scenario/resolved.ts';
import type { World } from './world.ts';

/** Nodes of each cluster that a publisher tells; the others hear from these. */
const TOLD = 3;

/** What publishers and operators do with models, at the times of the scenario. */
export class Rollouts {
  /** What nodes have answered to orders, in order. */
  readonly answers: { readonly from: Peer; readonly kind: number; readonly body: unknown }[] = [];
  /** Versions that are withdrawn, and when their bounds are by the world's time. */
  readonly withdrawn = new Map<string, number>();
  private readonly world: World;
  /** How often the channel of a model has been moved, and what it points at. */
  private readonly sequences = new Map<string, { readonly sequence: number; readonly id: string }>();

  constructor(world: World) {
    this.world = world;
  }

  get list(): readonly ResolvedRollout[] {
    return this.world.scenario.rollouts ?? [];
  }

  /** What the stable channel of a model points at. */
  pointedAt(model: string): PublishedVersion {
    const library = this.world.library!;
    return library.find(this.sequences.get(model)?.id ?? '') ?? library.versionOf(model, 1);
  }

  act(place: number): void {
    const rollout = this.list[place];
    if (rollout.order === null) this.publish(rollout);
    else {
      const machine = this.world.machines.find(({ spec }) => spec.name === rollout.node)!;
      const body = { order: rollout.order, model: rollout.model };
      this.world.operators.order(machine, MODEL, body, null);
    }
  }

  /** What an operator is told by a node. */
  hear({ from, kind, body }: Envelope): void {
    if (kind === MODEL_STATE || kind === REFUSED) this.answers.push({ from, kind, body });
  }

  private publish({ model, version, withdrawUs }: ResolvedRollout): void {
    const { nowUs } = this.world;
    const library = this.world.library!;
    const published = library.versionOf(model, version);
    const news: ModelNews = {
      entries: [published.entry],
      channels: [],
      withdrawals: [],
      verdicts: [],
      asks: false,
    };
    if (withdrawUs === null) {
      const before = this.sequences.get(model) ?? { sequence: 1, id: library.versionOf(model, 1).id };
      const channel = library.pointTo(published, before.sequence + 1, before.id);
      this.sequences.set(model, { sequence: channel.sequence, id: published.id });
      this.tell({ ...news, channels: [channel] });
    } else {
      this.withdrawn.set(published.id, nowUs + withdrawUs);
      const withdrawal = library.withdraw(published, WALL_EPOCH_US + nowUs + withdrawUs);
      this.tell({ ...news, withdrawals: [withdrawal] });
    }
  }

  /** A publisher tells whoever answers; nobody who is down does. */
  private tell(news: ModelNews): void {
    const { scenario, own, operators } = this.world;
    for (let cluster = 0; cluster < scenario.clusters.length; cluster++) {
      const isTold = (machine: Machine): boolean =>
        machine.cluster === cluster && machine.isUp && machine.node.compute !== null;
      for (const machine of own.filter(isTold).slice(0, TOLD))
        operators.order(machine, MODEL_NEWS, news, null);
    }
  }
}
