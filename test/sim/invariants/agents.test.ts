import { expect } from 'chai';
import { ACCELERATOR } from '../../../core/base/peers.ts';
import { Envelope } from '../../../core/machine/envelope.ts';
import { AGENT, AGENT_STATE, AGENT_STOP, INFER, INFERRED, STEP_RESULT } from '../../../core/machine/kinds.ts';
import { AgentStepsOnce } from '../../../sim/invariants/agent-steps-once.ts';
import { AgentsConsented } from '../../../sim/invariants/agents-consented.ts';
import { AgentsStopped } from '../../../sim/invariants/agents-stopped.ts';
import type { OwnedAgent } from '../../../sim/owners.ts';
import { FRANCE_COMPUTE, FRANCE_FRONT, setStage, US_COMPUTE } from './stage.ts';

const SECOND_US = 1_000_000;

/** A world with two agents, the first of which its owner was never asked about, and an account of their prompts. */
function setAgents() {
  const stage = setStage({
    agents: [
      {
        cluster: 'france',
        people: 1,
        fromUs: SECOND_US,
        untilUs: 30 * SECOND_US,
        meanGapUs: 2 * SECOND_US,
        steps: ['a'],
        contextTokens: 1,
        maxTokens: 1,
        budgetTokens: 10,
        budgetUs: 20 * SECOND_US,
        minTrust: 1,
        allowedRegions: ['eu'],
        stoppedPpm: 0,
        revokedPpm: 0,
        unaskedPpm: 500_000,
      },
    ],
  });
  const { world, lineage } = stage;
  const { agents } = world.owners;
  const said = (agent: OwnedAgent, fields: Partial<Envelope>): Envelope =>
    Object.assign(new Envelope(), { origin: agent.owner, originBoot: 0, n: agent.n }, fields);
  for (const agent of agents)
    lineage.onSent(world, said(agent, { kind: AGENT, from: agent.owner, body: agent.plan }));
  const unasked = agents.find(({ plan }) => plan.consent === null)!;
  const asked = agents.find(({ plan }) => plan.consent !== null)!;
  const infer = (agent: OwnedAgent, from: number): Envelope =>
    said(agent, {
      kind: INFER,
      from,
      to: ACCELERATOR,
      body: { prompt: agent.plan.plan.steps[0].prompt, contexts: [] },
    });
  return { world, lineage, asked, unasked, said, infer };
}

describe('the invariants of agents', () => {
  it('agents-consented sees a step to which nobody has consented', () => {
    const { world, lineage, asked, unasked, infer } = setAgents();
    const invariant = new AgentsConsented(lineage);
    invariant.onSent(world, infer(asked, FRANCE_COMPUTE));
    expect([invariant.checked, invariant.violated]).to.deep.equal([1, 0]);
    invariant.onSent(world, infer(unasked, FRANCE_COMPUTE));
    expect([invariant.checked, invariant.violated]).to.deep.equal([2, 1]);
    expect(invariant.breaches[0].what).to.match(/^agent a\d+: france\/compute runs a step to which nobody/);
  });

  it('agents-stopped sees a step after a stop: in the same life, or after it was said', () => {
    const { world, lineage, asked, said, infer } = setAgents();
    const invariant = new AgentsStopped(lineage);
    invariant.onSent(world, infer(asked, FRANCE_COMPUTE));
    expect(invariant.violated).to.equal(0);
    const stop = { kind: AGENT_STOP, from: FRANCE_FRONT, to: FRANCE_COMPUTE, body: {} };
    invariant.onHandled(world, said(asked, stop));
    invariant.onSent(world, infer(asked, FRANCE_COMPUTE));
    expect(invariant.violated).to.equal(1);
    world.machines[FRANCE_COMPUTE].lives++;
    invariant.onSent(world, infer(asked, FRANCE_COMPUTE));
    expect(invariant.violated, 'a crash before it was on disk').to.equal(1);
    const state = { host: FRANCE_COMPUTE, state: 2 };
    invariant.onSent(
      world,
      said(asked, { kind: AGENT_STATE, from: FRANCE_COMPUTE, to: FRANCE_FRONT, body: state }),
    );
    invariant.onSent(world, infer(asked, FRANCE_COMPUTE));
    expect(invariant.violated).to.equal(2);
  });

  it('agent-steps-once sees two results for one step, a second host, and one that is not of the task', () => {
    const { world, lineage, asked, said, infer } = setAgents();
    const invariant = new AgentStepsOnce(lineage);
    const make = (hash: string): void => {
      lineage.onSent(world, infer(asked, FRANCE_COMPUTE));
      const body = { answer: { hash, sizeBytes: 1, keyId: 0 } };
      lineage.onHandled(world, said(asked, { kind: INFERRED, from: ACCELERATOR, to: FRANCE_COMPUTE, body }));
    };
    const release = (hash: string, host = FRANCE_COMPUTE): number => {
      const body = { host, step: 0, answer: { hash, sizeBytes: 1, keyId: 0 }, generatedTokens: 1 };
      invariant.onHandled(
        world,
        said(asked, { kind: STEP_RESULT, from: FRANCE_FRONT, to: asked.owner, body }),
      );
      return invariant.violated;
    };
    make('made');
    expect([release('made'), release('made')], 'the same again is no second effect').to.deep.equal([0, 0]);
    make('made otherwise');
    expect(release('made otherwise')).to.equal(1);
    expect(release('made', US_COMPUTE)).to.equal(2);
    expect(release('made up')).to.equal(4);
  });
});
