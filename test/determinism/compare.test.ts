import { expect } from 'chai';
import { Digest } from '../../core/base/digest.ts';
import { compareRuns, type Comparison } from '../../sim/compare.ts';
import type { ResolvedFault, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { World, type Watcher } from '../../sim/world.ts';
import { stormyScenario } from './stormy-scenario.ts';

const SECOND_US = 1_000_000;

/** Makes every second world another one. */
function compareWith(change: (scenario: ResolvedScenario, watcher: Watcher | null) => World): Comparison {
  let made = 0;
  return compareRuns(stormyScenario(), (scenario, watcher) =>
    made++ % 2 === 0 ? new World(scenario, watcher) : change(scenario, watcher),
  );
}

function withFault(fault: ResolvedFault): (scenario: ResolvedScenario, watcher: Watcher | null) => World {
  return (scenario, watcher) => new World({ ...scenario, faults: [...scenario.faults, fault] }, watcher);
}

describe('bisecting two runs that differ', function () {
  this.timeout(30_000);
  const onLinks = { from: ['germany'], to: ['us-east'], bothWays: false } as const;

  it('goes back to the last window at which they were equal, and names the event', () => {
    const atUs = 52_400_000;
    const { isEqual, parting, replayed, events, digests } = compareWith(
      withFault({ kind: 'cut', atUs, untilUs: 56 * SECOND_US, ...onLinks }),
    );
    expect(isEqual).to.equal(false);
    expect(digests[0]).not.to.equal(digests[1]);
    const [, time] = /^event \d+, (\d+) µs: /.exec(parting!)!;
    expect(Number(time)).to.be.within(atUs, 56 * SECOND_US);
    expect(parting).to.match(/\n {2}in the other run: event \d+/);
    expect(replayed).to.be.within(1, events / 5);
  });

  it('names the first input in which two full logs differ', () => {
    const fault: ResolvedFault = { kind: 'cut', atUs: 41_300_000, untilUs: 45 * SECOND_US, ...onLinks };
    const scenario = stormyScenario();
    const [left, right] = [scenario, { ...scenario, faults: [...scenario.faults, fault] }].map((one) => {
      const inputs: { event: number; what: string }[] = [];
      const world = new World(one, {
        onHandled: (at, { kind, from, to, n, attempt, body }, event) =>
          inputs.push({
            event,
            what: JSON.stringify([at.nowUs, kind, from, to, n, attempt, body]),
          }),
      });
      world.start();
      world.run(46 * SECOND_US);
      return inputs;
    });
    const first = left.findIndex(({ what }, i) => what !== right[i].what);
    const [timeUs] = JSON.parse(left[first].what) as [number];
    expect(timeUs).to.be.greaterThan(fault.atUs);
    const { parting } = compareWith(withFault(fault));
    expect(parting).to.match(new RegExp(`^event ${left[first].event}, ${timeUs} µs: `));
  });

  it('names what differs in a node that was told the same', () => {
    class Spoilt extends World {
      override start(): void {
        super.start();
        const { node } = this.machines[3];
        node.refusals = node.refusals.with(0, 1);
      }
    }
    const { parting } = compareWith((scenario, watcher) => new Spoilt(scenario, watcher));
    expect(parting)
      .to.match(/^what no node was told, before 10000000 µs/)
      .and.to.match(/refusals\[0\]: 0 ≠ 1/);
  });

  it('says so when the difference does not come from the run', () => {
    let runs = 0;
    class Moody extends World {
      override run(untilUs: number): void {
        super.run(untilUs);
        // Once, in the second window of the second world, and not again when that window is run again.
        if (runs++ !== 3) return;
        const [machine] = this.machines;
        machine.keepChain(machine.copyChain(new Digest()).word(1));
      }
    }
    const finding = compareRuns(stormyScenario(), (scenario, watcher) => new Moody(scenario, watcher));
    expect(finding.isEqual).to.equal(false);
    expect(finding.parting).to.match(/chance comes from outside/);
  });
});
