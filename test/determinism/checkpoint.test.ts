import { expect } from 'chai';
import { fileURLToPath } from 'node:url';
import type { Envelope } from '../../core/machine/envelope.ts';
import type { Checkpoint } from '../../sim/checkpoint.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { World, type Watcher } from '../../sim/world.ts';
import { fingerprintOf } from './fingerprint.ts';
import { outcomesOf } from './outcomes.ts';
import { stormyScenario } from './stormy-scenario.ts';

const QUICKSTART = fileURLToPath(new URL('../../scenarios/quickstart.yaml', import.meta.url));
const SECOND_US = 1_000_000;

function begin(scenario: ResolvedScenario, watcher: Watcher | null = null, isChecking = false): World {
  const world = new World(scenario, watcher, isChecking);
  world.start();
  return world;
}

/** Checkpoints of one run each so many seconds, and the world at its end. */
function runWithCheckpoints(
  scenario: ResolvedScenario,
  everySeconds: number,
  isChecking = false,
): { world: World; checkpoints: Checkpoint[] } {
  const world = begin(scenario, null, isChecking);
  const checkpoints = [world.checkpoint()];
  for (let atUs = everySeconds * SECOND_US; atUs < scenario.durationUs; atUs += everySeconds * SECOND_US) {
    world.run(atUs);
    checkpoints.push(world.checkpoint());
  }
  world.run(scenario.durationUs);
  return { world, checkpoints };
}

function finish(world: World): World {
  world.run(world.scenario.durationUs);
  return world;
}

class Log implements Watcher {
  readonly lines: string[] = [];

  onHandled(world: World, { kind, from, to, n }: Envelope, event: number, cause: number): void {
    this.lines.push(`${world.nowUs}: ${event} by ${cause}: ${kind} from ${from} to ${to}, ${n}`);
  }
}

describe('a checkpoint', function () {
  this.timeout(60_000);

  it('leads to the end that the run itself comes to, wherever in a storm it was taken', () => {
    const { world, checkpoints } = runWithCheckpoints(stormyScenario(), 5);
    const straight = finish(begin(stormyScenario()));
    expect(world.windows, 'taking them changes nothing').to.deep.equal(straight.windows);
    expect(checkpoints).to.have.length(13);
    for (const checkpoint of checkpoints) {
      const restored = finish(World.restore(checkpoint));
      expect(restored.digest(), `from ${checkpoint.nowUs} µs`).to.equal(straight.digest());
      expect(restored.windows).to.deep.equal(straight.windows);
      expect(restored.events).to.equal(straight.events);
      expect(outcomesOf([restored])).to.deep.equal(outcomesOf([straight]));
    }
  });

  it('does so, too, when the run checks itself', () => {
    const { world, checkpoints } = runWithCheckpoints(stormyScenario({ seed: 2 }), 20, true);
    expect(world.digest()).to.equal(finish(begin(stormyScenario({ seed: 2 }))).digest());
    for (const checkpoint of checkpoints) {
      expect(finish(World.restore(checkpoint)).digest()).to.equal(world.digest());
    }
  });

  it('knows which faults still wait for an event, and how many of those are to come', () => {
    const after = { event: 'node.down', of: [], nth: 3, delayUs: 400_000, forUs: 2 * SECOND_US };
    const late = { kind: 'crash', nodes: ['germany/front-2'], atUs: 0, untilUs: null, after } as const;
    const storm = stormyScenario();
    const { world, checkpoints } = runWithCheckpoints({ ...storm, faults: [...storm.faults, late] }, 20);
    expect(world.faults.counts.at(-1)).to.include({ fired: 1, affected: 1 });
    for (const checkpoint of checkpoints) {
      const restored = finish(World.restore(checkpoint));
      expect(restored.digest()).to.equal(world.digest());
      expect(outcomesOf([restored])).to.deep.equal(outcomesOf([world]));
    }
  });

  it('of the quickstart, while the Atlantic is cut, leads to its digest', () => {
    const world = begin(loadScenario(QUICKSTART));
    world.run(540 * SECOND_US);
    const restored = World.restore(world.checkpoint());
    expect(finish(restored).digest()).to.equal(finish(world).digest());
  });

  it('can be taken of a run that goes on from one', () => {
    const world = begin(stormyScenario());
    world.run(13 * SECOND_US);
    const second = World.restore(world.checkpoint());
    second.run(23 * SECOND_US);
    const third = World.restore(second.checkpoint());
    expect(finish(third).digest()).to.equal(finish(world).digest());
  });

  it('shows a new watcher what the run shows, event for event with its cause, and leaves the old one alone', () => {
    const [log, later] = [new Log(), new Log()];
    const world = begin(stormyScenario(), log);
    world.run(30 * SECOND_US);
    const checkpoint = world.checkpoint();
    const seen = log.lines.length;
    finish(World.restore(checkpoint, later));
    expect(log.lines).to.have.length(seen);
    finish(world);
    expect(later.lines.length).to.be.greaterThan(1_000);
    expect(later.lines).to.deep.equal(log.lines.slice(seen));
  });

  it('holds forks apart: one that is harmed changes nothing in the run, in the checkpoint, or in another fork', () => {
    const world = begin(stormyScenario());
    world.run(19 * SECOND_US);
    const checkpoint = world.checkpoint();
    const before = [fingerprintOf(world), fingerprintOf(checkpoint)];
    const harmed = World.restore(checkpoint);
    harmed.stepper.crash(harmed.machines[0]);
    finish(harmed);
    expect([fingerprintOf(world), fingerprintOf(checkpoint)]).to.deep.equal(before);
    const unharmed = finish(World.restore(checkpoint));
    expect(unharmed.digest()).to.equal(finish(world).digest());
    expect(harmed.digest()).not.to.equal(world.digest());
    expect(fingerprintOf(checkpoint)).to.equal(before[1]);
  });

  it('is refused where the world holds a function, whose state could not be copied', () => {
    const world = begin(stormyScenario());
    Object.assign(world.users, { drawDemand: () => 1 });
    expect(() => world.checkpoint()).to.throw('a checkpoint holds no function');
  });
});
