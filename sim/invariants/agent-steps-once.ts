import type { Envelope } from '../../core/machine/envelope.ts';
import { STEP_RESULT } from '../../core/machine/kinds.ts';
import type { Ref } from '../../core/machine/shape.ts';
import type { World } from '../world.ts';
import { Invariant, mayRegress, labelOf } from './invariant.ts';

interface Released {
  readonly hash: string;
  readonly host: number;
}

/** R4-6, R5.3-2: a step has one effect, whatever crashes: its result is released once, the same each time it comes. */
export class AgentStepsOnce extends Invariant {
  readonly name = 'agent-steps-once';
  readonly promise =
    'an owner gets one result for a step, of one host, computed from what the agent was given';
  readonly watches = { handled: [STEP_RESULT] };
  /** By agent and step. */
  private readonly released = new Map<string, Released>();

  override onHandled(world: World, envelope: Envelope): void {
    const agent = world.owners.agentOf(envelope);
    if (agent === null || envelope.to < world.machines.length) return;
    const { host, step, answer } = envelope.body as {
      readonly host: number;
      readonly step: number;
      readonly answer: Ref;
    };
    // A disk that says it has synced what it has not makes its host do a step again.
    if (mayRegress(world, world.machines[host]?.spec.name ?? '')) return;
    const isByTraitor = [host, envelope.from].some(
      (node) => (world.machines[node]?.villain ?? null) !== null,
    );
    if (isByTraitor) return;
    this.checked++;
    const { asked, plan, index } = agent;
    const key = `${index} ${step}`;
    const first = this.released.get(key);
    if (first === undefined) this.released.set(key, { hash: answer.hash, host });
    else if (first.hash !== answer.hash || first.host !== host)
      this.violate(
        world,
        `${labelOf(asked)}: step ${step} has two results, ${first.hash} and ${answer.hash}`,
      );
    const task = plan.plan.steps[0].prompt!;
    if (!this.lineage.derivesFrom(answer.hash, task.hash))
      this.violate(world, `${labelOf(asked)}: what step ${step} has made was not made from its task`);
  }
}
