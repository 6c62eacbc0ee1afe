import { expect } from 'chai';
import { hasLeft } from '../../core/cluster/affiliation/affiliation.ts';
import { NOTE_LEFT, NOTE_SUSPECTED } from '../../core/machine/kinds.ts';
import { Simulation, simulate } from '../../sim/simulate.ts';
import type { ResolvedNode, ResolvedScenario } from '../../sim/scenario/resolved.ts';
import type { World } from '../../sim/world.ts';
import { podScenario } from './pod-scenario.ts';
import { tinyNode, tinyScenario } from './tiny-scenario.ts';

const SECOND_US = 1_000_000;

/** The tiny federation with one more compute node in France. */
function withNewcomer(
  changes: Partial<ResolvedNode>,
  rest: Partial<ResolvedScenario> = {},
): ResolvedScenario {
  const newcomer = { ...tinyNode('france/newcomer', 'france', 'eu/fr', ['compute'], ['a']), ...changes };
  return tinyScenario({ faults: [], nodes: [...tinyScenario().nodes, newcomer], ...rest });
}

function servedBy(world: World, name: string): number {
  const { peer } = world.machines.find(({ spec }) => spec.name === name)!;
  return world.users.requests.filter(({ answer }) => answer?.servedBy === peer).length;
}

describe('admission, simulated', () => {
  it('R5.1-2: a node that joins later serves from then on, with a promise checked on every word', () => {
    const { world, checker } = simulate(withNewcomer({ joinsUs: 10e6 }));
    expect(servedBy(world, 'france/newcomer')).to.be.greaterThan(0);
    const first = world.users.requests.find(({ answer }) => answer?.servedBy === 4)!;
    expect(first.askedUs).to.be.greaterThan(9e6);
    expect(checker.verdict(world, true).reasons.join()).not.to.match(/admi/);
  });

  it('R5.1-2: one that nobody has admitted waits for ever, and serves nobody', () => {
    const { world } = simulate(withNewcomer({ joinsUs: 10e6, isAdmitted: false }));
    const { node } = world.machines[4];
    expect([node.membership, servedBy(world, 'france/newcomer')]).to.deep.equal([null, 0]);
    expect(node.affiliation!.joining!.pending, 'it has a ticket').not.to.equal(null);
  });

  it('R5.1-2: one that cannot be dialled is refused, certificate or not', () => {
    const { world } = simulate(withNewcomer({ joinsUs: 10e6, isUnreachable: true }));
    const { node } = world.machines[4];
    expect([node.membership, node.affiliation!.joining]).to.deep.equal([null, null]);
    expect(servedBy(world, 'france/newcomer')).to.equal(0);
  });

  it('R5.1-3: a node leaves under load; no request is lost, and nobody suspects it', () => {
    const notes: number[] = [];
    const scenario = withNewcomer(
      { leavesUs: 20e6 },
      { expectations: { okAtLeastPpm: 0, sometimes: [], never: [] } },
    );
    const onNoted = (_: World, { body }: { body: unknown }) => notes.push((body as { note: number }).note);
    const { world } = simulate(scenario, { watchers: [{ onNoted }] });
    expect(servedBy(world, 'france/newcomer')).to.be.greaterThan(0);
    const late = world.users.requests.filter(
      ({ answer, askedUs }) => answer?.servedBy === 4 && askedUs > 22e6,
    );
    expect(late).to.deep.equal([]);
    expect(world.users.requests.filter(({ want, code }) => want.model === 'a' && code !== 0)).to.deep.equal(
      [],
    );
    expect(notes, 'nobody is suspected').not.to.include(NOTE_SUSPECTED);
    expect(notes, 'it has left').to.include(NOTE_LEFT);
  });

  it('R6.2-2: a pod host leaves with pods, and another comes when it is gone: what that one certifies is true of every disk', () => {
    const base = podScenario({ people: 2, untilUs: 170 * SECOND_US, readsPpm: 0, deletesPpm: 40_000 });
    const [front, first, second, , , abroad] = base.nodes;
    const leaver = { ...first, leavesUs: 30 * SECOND_US };
    const newcomer = { ...second, joinsUs: 110 * SECOND_US };
    const parameters = { ...base.parameters, podMoveUs: 5 * SECOND_US, drainUs: 5 * SECOND_US };
    const nodes = [front, leaver, newcomer, abroad];
    const { world, checker } = simulate({ ...base, seed: 8, durationUs: 200 * SECOND_US, parameters, nodes });
    const { node, platter } = world.machines[1];
    expect(hasLeft(node), 'it has left').to.equal(true);
    expect([...platter.records.keys()].filter((key) => key.startsWith('pod/'))).not.to.deep.equal([]);
    for (const { deletedUs, certifiedUs } of world.podOwners.pods) {
      expect(deletedUs, 'the newcomer is asked').to.be.within(110 * SECOND_US, 200 * SECOND_US);
      expect(certifiedUs, 'one disk is missing').to.equal(Infinity);
    }
    expect(checker.verdict(world, true).reasons.join()).not.to.match(/deletion-true/);
  });

  it('operators approve in the world, which then counts the node as admitted', () => {
    const simulation = new Simulation(withNewcomer({ isAdmitted: false }));
    const { world } = simulation;
    const heard: number[] = [];
    while (world.nowUs < 5e6) simulation.advance();
    world.operators.join(world.machines[4], ({ kind, body }) => {
      heard.push(kind);
      if (heard.length === 1) world.operators.approve(body as never);
    });
    while (!simulation.isDone) simulation.advance();
    expect(heard).to.have.length(2);
    expect(world.operators.hasAdmitted(4)).to.equal(true);
    expect(servedBy(world, 'france/newcomer')).to.be.greaterThan(0);
    expect(simulation.verdict().reasons.join()).not.to.match(/admitted/);
  });

  it('has the same digest with own numbers in each node, bytes in between and maps turned around', () => {
    const scenario = withNewcomer({ joinsUs: 10e6, leavesUs: 30e6 });
    const plain = simulate(scenario).world.digest();
    expect(simulate(scenario, { isChecking: true }).world.digest()).to.equal(plain);
  });
});
