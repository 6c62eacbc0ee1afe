import type { Envelope } from '../../core/machine/envelope.ts';
import { RUN } from '../../core/machine/kinds.ts';
import type { Want } from '../../core/routing/want.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** A request that crossed while a peering was in force may be computed until its deadline, at most 60 s later. */
const LONGEST_REQUEST_US = 60_000_000;
/** How far wall clocks are assumed to differ at most, where a scenario harms them. */
const SKEW_US = 30_000_000;

/** R5.2-4: what the scenario says of peerings is the truth, whatever bridges believe. */
export class ExportsHonoured extends Invariant {
  readonly name = 'exports-honoured';
  readonly promise =
    'a request is computed in another cluster only for a model which a peering in force exports to the cluster of its user';
  readonly watches = { handled: [RUN] };

  override onHandled(world: World, envelope: Envelope): void {
    const { from, to } = envelope;
    const request = world.users.requestOf(envelope);
    const [asker, computer] = [world.machines[from], world.machines[to]];
    if (request === null || computer.cluster === request.cluster) return;
    // What a traitor asks of its own cluster, nobody can promise.
    if (asker === undefined || asker.villain !== null || computer.villain !== null) return;
    this.checked++;
    const { model } = envelope.body as Want;
    const home = world.scenario.clusters[request.cluster].name;
    const away = computer.spec.cluster;
    if (!isExported(world, away, home, model))
      this.violate(
        world,
        `${labelOf(request)}: of ${home}, computed by ${computer.spec.name}, and no peering in force exports the model to ${home}`,
      );
  }
}

/** By the scenario, with as much time after its end as what is under way may take. */
export function isExported({ scenario, nowUs }: World, from: string, to: string, model: string): boolean {
  const slackUs = scenario.faults.some(({ kind }) => kind === 'clock') ? SKEW_US : 0;
  return scenario.peerings.some(({ between, exports, fromUs, untilUs }) => {
    if (!between.includes(from) || !between.includes(to)) return false;
    const models = exports[between.indexOf(from)];
    if (!models.includes('*') && !models.includes(model)) return false;
    return nowUs >= fromUs - slackUs && nowUs < (untilUs ?? Infinity) + LONGEST_REQUEST_US + slackUs;
  });
}
