import { Digest } from '../core/base/digest.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { nameOfKind } from '../core/machine/kinds.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { World, type Watcher } from './world.ts';

export interface Comparison {
  readonly isEqual: boolean;
  readonly digests: readonly [string, string];
  readonly events: number;
  /** In words, where the runs part; null if they do not. */
  readonly parting: string | null;
}

/** How the two worlds are made: tests pass one that is not deterministic, to see it found. */
type MakeWorld = (scenario: ResolvedScenario, watcher: Watcher | null) => World;

/** Runs a scenario twice and, if the digests differ, looks for the first event that does. */
export function compareRuns(
  scenario: ResolvedScenario,
  makeWorld: MakeWorld = (from, watcher) => new World(from, watcher),
): Comparison {
  const [left, right] = [0, 1].map(() => {
    const world = makeWorld(scenario, null);
    world.start();
    world.run(scenario.durationUs);
    return world;
  });
  const digests: [string, string] = [left.digest(), right.digest()];
  const isEqual = digests[0] === digests[1];
  return {
    isEqual,
    digests,
    events: left.events,
    parting: isEqual ? null : findParting(scenario, makeWorld),
  };
}

/** Steps two worlds side by side until what they handle differs. */
function findParting(scenario: ResolvedScenario, makeWorld: MakeWorld): string {
  const logs = [new InputLog(), new InputLog()];
  const worlds = logs.map((log) => makeWorld(scenario, log));
  for (const world of worlds) world.start();
  for (let untilUs = STEP_US; ; untilUs += STEP_US) {
    for (const world of worlds) world.run(Math.min(untilUs, scenario.durationUs));
    const [left, right] = logs.map(({ lines }) => lines);
    const count = Math.max(left.length, right.length);
    for (let i = 0; i < count; i++) {
      if (left[i] !== right[i])
        return `${left[i] ?? 'nothing'}\n  in the other run: ${right[i] ?? 'nothing'}`;
    }
    if (worlds[0].digest() !== worlds[1].digest())
      return `the state of a node, before ${worlds[0].nowUs} µs: the inputs were equal until then`;
    for (const log of logs) log.lines.length = 0;
    if (untilUs >= scenario.durationUs) return 'nowhere in a third and a fourth run, which were equal';
  }
}

const STEP_US = 100_000;

class InputLog implements Watcher {
  readonly lines: string[] = [];

  onHandled(world: World, envelope: Envelope, event: number): void {
    const { kind, from, to, n, attempt, body } = envelope;
    const nameOf = (peer: number): string => (peer < 0 ? `device ${-peer}` : world.identities.names[peer]);
    const content = new Digest().text(JSON.stringify(body)).hex();
    this.lines.push(
      `event ${event}, ${world.nowUs} µs: ${nameOfKind(kind)} from ${nameOf(from)} to ${nameOf(to)}, ` +
        `request ${n}, attempt ${attempt}, body ${content}`,
    );
  }
}
