import { expect } from 'chai';
import { SESSION } from '../../../core/machine/kinds.ts';
import { createInvariants } from '../../../sim/invariants/all.ts';
import { ClocksSteady } from '../../../sim/invariants/clocks-steady.ts';
import { CutsRespected } from '../../../sim/invariants/cuts-respected.ts';
import { MessagesConserved } from '../../../sim/invariants/messages-conserved.ts';
import { TablesBounded } from '../../../sim/invariants/tables-bounded.ts';
import { Lineage } from '../../../sim/lineage.ts';
import { INVARIANTS } from '../../../sim/scenario/resolved-expectations.ts';
import { Simulation } from '../../../sim/simulate.ts';
import { tinyScenario } from '../tiny-scenario.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, said, setStage, US_FRONT } from './stage.ts';

describe('the invariants', () => {
  it('are those that a scenario may name, each with a sentence', () => {
    const invariants = createInvariants(new Lineage(), true);
    expect(invariants.map(({ name }) => name)).to.deep.equal([...INVARIANTS]);
    for (const { promise } of invariants) expect(promise).to.match(/^[a-z].*\w$/);
  });

  it('tables-bounded sees a table beyond its bound', () => {
    const { world, lineage } = setStage();
    const invariant = new TablesBounded(lineage);
    invariant.onTick(world);
    expect(invariant.checked).to.be.greaterThan(8);
    expect(invariant.violated).to.equal(0);
    const { compute } = world.machines[FRANCE_COMPUTE].node;
    for (let i = 0; i < 21; i++) compute!.jobs.push(Object.create(null));
    invariant.onTick(world);
    expect(invariant.breaches[0].what).to.equal('france/compute holds 21 jobs, at most 20 are allowed');
    const parameters = { ...world.machines[US_FRONT].node.config.parameters, maxDirectory: 1 };
    Object.defineProperty(world.machines[US_FRONT].node.config, 'parameters', { value: parameters });
    invariant.onTick(world);
    expect(invariant.breaches[2].what).to.equal(
      'us-east/front holds 2 nodes in its directory, at most 1 are allowed',
    );
  });

  it('messages-conserved sees an envelope that vanished', () => {
    const { world, lineage } = setStage();
    const invariant = new MessagesConserved(lineage);
    invariant.onTick(world);
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    world.tally.handled[SESSION]--;
    world.nowUs += 10_000_000;
    invariant.onTick(world);
    expect(invariant.breaches[0].what).to.equal('1 envelopes are missing from the counts');
  });

  it('clocks-steady sees a clock that goes back, one that runs away, and none that is set anew by a boot', () => {
    const { world, lineage } = setStage();
    const invariant = new ClocksSteady(lineage);
    const machine = world.machines[FRANCE_FRONT];
    const step = (passedUs: number, monoUs: number) => {
      world.nowUs += passedUs;
      invariant.onStep(world, machine, monoUs);
      return [invariant.checked, invariant.violated];
    };
    expect(step(0, 5_000_000)).to.deep.equal([0, 0]);
    expect(step(1_000_000, 6_000_200)).to.deep.equal([1, 0]);
    expect(step(1_000_000, 6_999_000)).to.deep.equal([2, 1]);
    expect(step(1_000_000, 6_998_999)).to.deep.equal([3, 2]);
    machine.lives++;
    expect(step(1_000_000, 0)).to.deep.equal([3, 2]);
    expect(step(1_000_000, 1_000_000)).to.deep.equal([4, 2]);
  });

  it('cuts-respected sees what arrives later and was sent through a cut', () => {
    const { world, lineage } = setStage(tinyScenario());
    const invariant = new CutsRespected(lineage);
    const [cut] = world.faults.counts;
    const session = said(world.users.requests[0], { kind: SESSION, from: FRANCE_FRONT, to: US_FRONT });
    const arrive = (event: number, cause: number) => {
      world.events = event;
      invariant.onHandled(world, session, cause);
      return invariant.violated;
    };
    expect(arrive(100, 90)).to.equal(0);
    cut.isOn = true;
    expect(arrive(200, 190)).to.equal(0);
    expect(arrive(300, 195)).to.equal(0);
    cut.isOn = false;
    expect(arrive(400, 350)).to.equal(0);
    expect(arrive(401, 250)).to.equal(1);
    expect(invariant.breaches[0].what).to.equal(
      'HEARTBEAT/session from france/front to us-east/front came through “cut france ↔ us-east”',
    );
    // A second time it was on; between the two nothing was cut.
    cut.isOn = true;
    cut.fired++;
    expect(arrive(500, 450)).to.equal(1);
  });

  it('cuts-respected sees a network that does not heed cuts', () => {
    const simulation = new Simulation(tinyScenario());
    simulation.world.network.isClear = () => true;
    while (!simulation.isDone) simulation.advance();
    const { verdict, reasons } = simulation.verdict();
    expect(verdict).to.equal('violated');
    expect(reasons[0]).to.match(
      /^cuts-respected: .* came through “cut france ↔ us-east” \(at \d+ µs, event \d+\)$/,
    );
  });
});
