import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { World } from '../../sim/world.ts';

export interface Digests {
  readonly digest: string;
  readonly windows: readonly string[];
  readonly events: number;
}

/** What a run comes to. Needs nothing of the engine but the language. */
export function digestsOf(scenario: ResolvedScenario): Digests {
  const world = new World(scenario);
  world.start();
  world.run(scenario.durationUs);
  return { digest: world.digest(), windows: world.windows, events: world.events };
}
