import { expect } from 'chai';
import { AGENT_STATES } from '../../core/roles/agents/agent-plan.ts';
import { ERROR_CODES } from '../../core/routing/outcomes.ts';
import type { ResolvedAgents } from '../../sim/scenario/resolved-agents.ts';
import type { ResolvedScenario } from '../../sim/scenario/resolved.ts';
import { simulate } from '../../sim/simulate.ts';
import type { World } from '../../sim/world.ts';
import { SECOND_US } from './harmed-world.ts';
import { tinyAgents, tinyNode, tinyScenario } from './tiny-scenario.ts';

function withAgents(
  agents: Partial<ResolvedAgents>,
  changes: Partial<ResolvedScenario> = {},
): ResolvedScenario {
  return tinyScenario({
    durationUs: 180 * SECOND_US,
    nodes: [
      tinyNode('france/front', 'france', 'eu/fr', ['gateway', 'index', 'bridge']),
      tinyNode('france/compute', 'france', 'eu/fr', ['compute'], ['a']),
      tinyNode('france/gateway', 'france', 'eu/fr', ['gateway']),
      tinyNode('france/compute-2', 'france', 'eu/fr', ['compute'], ['a']),
      tinyNode('us-east/front', 'us-east', 'americas/us-east', ['gateway', 'index', 'bridge']),
      tinyNode('us-east/compute', 'us-east', 'americas/us-east', ['compute'], ['a', 'b']),
    ],
    workloads: [],
    agents: [tinyAgents(agents)],
    faults: [],
    expectations: { okAtLeastPpm: 0, sometimes: [], never: [] },
    ...changes,
  });
}

/** How agents ended, each with how many steps it had done. */
function endsOf({ owners }: World): Record<string, number> {
  const ends: Record<string, number> = {};
  for (const { state, code, endedUs } of owners.agents) {
    const how = state === null ? ERROR_CODES[code] : `${AGENT_STATES[state.state]} after ${state.step}`;
    const key = endedUs === 0 ? `open: ${how}` : how;
    ends[key] = (ends[key] ?? 0) + 1;
  }
  return ends;
}

describe('owners of agents', () => {
  it('R4-6: have their agents begun, and get the result of each step', () => {
    const { world } = simulate(withAgents({}));
    const all = world.owners.agents.length;
    expect(all).to.be.greaterThan(8);
    expect(endsOf(world)).to.deep.equal({ 'done after 3': all });
    for (const { results, plan } of world.owners.agents) {
      expect(results).to.have.length(3);
      expect(new Set([plan.plan.steps[0].prompt!, ...results].map((content) => content!.hash)).size).to.equal(
        4,
      );
    }
  });

  it('R4-6: whom nobody has asked is refused, and nothing of the plan leaves the gateway', () => {
    const { world } = simulate(withAgents({ unaskedPpm: 1_000_000 }));
    expect(endsOf(world)).to.deep.equal({ CONSENT_REQUIRED: world.owners.agents.length });
    for (const machine of world.machines.filter(({ spec }) => spec.types.includes('compute')))
      expect(machine.node.agents).to.equal(null);
  });

  it('R4-6: stop and revoke in mid-work', () => {
    const slow = withAgents({
      stoppedPpm: 500_000,
      revokedPpm: 500_000,
      maxTokens: 2_000,
      budgetTokens: 1e6,
    });
    const { world, checker } = simulate(slow);
    const ends = Object.keys(endsOf(world)).map((how) => how.split(' ')[0]);
    expect(new Set(ends)).to.include.members(['stopped', 'revoked']);
    expect(checker.counts()['agents-stopped'].violated).to.equal(0);
  });

  it('R4-6: end when tokens or time run out', () => {
    const tokens = simulate(withAgents({ budgetTokens: 150 })).world;
    expect(endsOf(tokens)).to.deep.equal({ 'exhausted after 2': tokens.owners.agents.length });
    const time = simulate(withAgents({ budgetUs: SECOND_US, maxTokens: 2_000, budgetTokens: 1e6 })).world;
    expect(Object.keys(endsOf(time)).every((how) => how.startsWith('exhausted'))).to.equal(true);
  });

  it('R4-6: outlive a crash of their host, and one of their gateway', () => {
    const crash = (name: string, at: number) => ({
      kind: 'crash' as const,
      nodes: [name],
      atUs: at * SECOND_US,
      untilUs: (at + 5) * SECOND_US,
    });
    const faults = [crash('france/compute', 20), crash('france/compute-2', 26), crash('france/front', 34)];
    const { world, checker } = simulate(withAgents({ maxTokens: 200, budgetTokens: 1e6 }, { faults }));
    const ends = endsOf(world);
    // Whose start was under way with somebody who crashed cannot know what became of it.
    const { 'done after 3': done, UNKNOWN_OUTCOME: unknown = 0, ...others } = ends;
    expect(others).to.deep.equal({});
    expect(done).to.be.greaterThan(3 * unknown);
    const { checked, violated } = checker.counts()['agent-steps-once'];
    expect([checked > 20, violated]).to.deep.equal([true, 0]);
  });

  it('R4-6: a gateway that adds a step to a plan has it refused by every honest host', () => {
    const malice = ['france/front', 'france/gateway'].map((node) => ({
      node,
      as: 'plan-tamperer' as const,
      fromUs: 0,
      untilUs: null,
      sharePpm: 1_000_000,
      region: '',
    }));
    const { world } = simulate(withAgents({}, { malice }));
    expect(endsOf(world)).to.deep.equal({ CONSENT_REQUIRED: world.owners.agents.length });
  });

  it('have one digest, checked or not, and depend on the seed alone', () => {
    const scenario = withAgents({ stoppedPpm: 300_000, unaskedPpm: 200_000 });
    const plain = simulate(scenario).world;
    expect(simulate(scenario, { isChecking: true }).world.digest()).to.equal(plain.digest());
    const other = simulate({ ...scenario, seed: 2 }).world;
    expect(other.digest()).not.to.equal(plain.digest());
    expect(simulate(withAgents({})).world.owners.agents.map(({ askedUs }) => askedUs)).to.deep.equal(
      plain.owners.agents.map(({ askedUs }) => askedUs),
    );
  });
});
