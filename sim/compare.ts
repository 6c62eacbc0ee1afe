import { Digest } from '../core/base/digest.ts';
import type { Envelope } from '../core/machine/envelope.ts';
import { nameOfKind } from '../core/machine/kinds.ts';
import { diffNodes } from '../core/machine/node-state.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ResolvedScenario } from './scenario/resolved.ts';
import { WINDOW_US, World, type Watcher } from './world.ts';

export interface Comparison {
  readonly isEqual: boolean;
  /** At the end, or at the end of the window in which the runs part. */
  readonly digests: readonly [string, string];
  /** Events of one of the runs, up to there. */
  readonly events: number;
  /** In words, where the runs part; null if they do not. */
  readonly parting: string | null;
  /** Events that were run again, in both runs, to see where. */
  readonly replayed: number;
}

/** How the two worlds are made: tests pass one that is not deterministic, to see it found. */
type MakeWorld = (scenario: ResolvedScenario, watcher: Watcher | null) => World;
type Pair<T> = readonly [T, T];

/** So many checkpoints are taken at most of a run: each costs about as much as some thousand events. */
const MAX_CHECKPOINTS = 16;

/**
 * Runs a scenario twice, side by side. Where the digests of a window differ, both runs go back to the last checkpoint
 * at which they were equal, and that window is looked at event by event.
 */
export function compareRuns(
  scenario: ResolvedScenario,
  makeWorld: MakeWorld = (from, watcher) => new World(from, watcher),
): Comparison {
  const { durationUs } = scenario;
  const make = (watcher: Watcher | null): World => {
    const world = makeWorld(scenario, watcher);
    world.start();
    return world;
  };
  const worlds: Pair<World> = [make(null), make(null)];
  const betweenUs = Math.ceil(durationUs / WINDOW_US / MAX_CHECKPOINTS) * WINDOW_US;
  let kept: Pair<Checkpoint> | null = null;
  let equalUs = 0;
  while (equalUs < durationUs) {
    const untilUs = Math.min(equalUs + WINDOW_US, durationUs);
    if (!runBoth(worlds, untilUs)) break;
    equalUs = untilUs;
    if (equalUs % betweenUs === 0) kept = [worlds[0].checkpoint(), worlds[1].checkpoint()];
  }
  const digests = [worlds[0].digest(), worlds[1].digest()] as const;
  const { events } = worlds[0];
  if (digests[0] === digests[1]) return { isEqual: true, digests, events, parting: null, replayed: 0 };
  const finder = new PartingFinder(equalUs, Math.min(equalUs + WINDOW_US, durationUs));
  const found = finder.find((log, i) => (kept === null ? make(log) : World.restore(kept[i], log)));
  return { isEqual: false, digests, events, ...found };
}

/** Whether they are equal then. */
function runBoth([left, right]: Pair<World>, untilUs: number): boolean {
  left.run(untilUs);
  right.run(untilUs);
  return left.digest() === right.digest();
}

/** Steps two worlds side by side through the window in which their digests part, until what they handle differs. */
class PartingFinder {
  private readonly fromUs: number;
  private readonly untilUs: number;

  constructor(fromUs: number, untilUs: number) {
    this.fromUs = fromUs;
    this.untilUs = untilUs;
  }

  find(makeWorld: (log: InputLog, i: 0 | 1) => World): { parting: string; replayed: number } {
    const logs = [new InputLog(this.fromUs), new InputLog(this.fromUs)] as const;
    const worlds = [makeWorld(logs[0], 0), makeWorld(logs[1], 1)] as const;
    const before = worlds[0].events;
    let parting: string | null = null;
    for (let atUs = worlds[0].nowUs; parting === null && atUs < this.untilUs;) {
      // What was equal once may differ when it is run again, if chance comes from outside.
      atUs = Math.min(atUs < this.fromUs ? this.fromUs : atUs + STEP_US, this.untilUs);
      const isEqual = runBoth(worlds, atUs);
      parting = firstDifference(logs) ?? (isEqual ? null : stateDifference(worlds));
      for (const log of logs) log.inputs.length = 0;
    }
    return {
      parting: parting ?? 'nowhere when that window was run again: chance comes from outside of the run',
      replayed: worlds[0].events - before,
    };
  }
}

const STEP_US = 100_000;

function firstDifference([left, right]: Pair<InputLog>): string | null {
  const count = Math.max(left.inputs.length, right.inputs.length);
  for (let i = 0; i < count; i++) {
    const [one, other] = [left.inputs[i], right.inputs[i]];
    if (one?.what !== other?.what) return `${tell(one)}\n  in the other run: ${tell(other)}`;
  }
  return null;
}

function tell(input: Input | undefined): string {
  return input === undefined ? 'nothing' : `event ${input.event}, ${input.what}`;
}

/** Some of what differs between nodes that were told the same. */
const MAX_DIFFERENCES = 3;

function stateDifference([left, right]: Pair<World>): string {
  const differences = left.machines.flatMap((machine, i) =>
    diffNodes(machine.node, right.machines[i].node).map((line) => `${machine.spec.name}, ${line}`),
  );
  const told = differences.slice(0, MAX_DIFFERENCES).map((line) => `\n  ${line}`);
  return `what no node was told, before ${left.nowUs} µs: the inputs were equal until then${told.join('')}`;
}

/** What was handled. Its number is told, not compared: an event that concerns nobody shifts it. */
interface Input {
  readonly event: number;
  readonly what: string;
}

class InputLog implements Watcher {
  readonly inputs: Input[] = [];
  private readonly fromUs: number;

  constructor(fromUs: number) {
    this.fromUs = fromUs;
  }

  onHandled(world: World, envelope: Envelope, event: number): void {
    if (world.nowUs < this.fromUs) return;
    const { kind, from, to, n, attempt, body } = envelope;
    const nameOf = (peer: number): string => (peer < 0 ? `device ${-peer}` : world.identities.names[peer]);
    const content = new Digest().text(JSON.stringify(body)).hex();
    const what =
      `${world.nowUs} µs: ${nameOfKind(kind)} from ${nameOf(from)} to ${nameOf(to)}, ` +
      `request ${n}, attempt ${attempt}, body ${content}`;
    this.inputs.push({ event, what });
  }
}
