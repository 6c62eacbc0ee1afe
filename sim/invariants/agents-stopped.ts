import type { Envelope } from '../../core/machine/envelope.ts';
import { AGENT_STATE, AGENT_STOP, INFER, type Infer } from '../../core/machine/kinds.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** The state of an agent that is at work. A number of the wire. */
const BEGUN = 0;

/** A host that has been told to stop an agent, in the life in which it was told; once it has said so, for good. */
interface Stop {
  life: number;
  isSaid: boolean;
}

/** R4-6: a stop acts before the next step. */
export class AgentsStopped extends Invariant {
  readonly name = 'agents-stopped';
  readonly promise =
    'no step of an agent begins at a host that has taken in a stop or has said that the agent has ended';
  readonly watches = { handled: [AGENT_STOP], sent: [AGENT_STATE, INFER] };
  /** By agent and node. */
  private readonly stops = new Map<number, Stop>();

  override onHandled(world: World, envelope: Envelope): void {
    const agent = world.owners.agentOf(envelope);
    const machine = world.machines[envelope.to];
    // On its way to the host it passes a gateway, which has no agents.
    if (agent === null || machine === undefined || envelope.from >= world.machines.length) return;
    const stop = this.stopOf(agent.index * world.machines.length + envelope.to);
    stop.life = machine.lives;
  }

  override onSent(world: World, envelope: Envelope): void {
    const { from, kind, body } = envelope;
    const machine = world.machines[from];
    if (machine === undefined || machine.villain !== null) return;
    if (kind === AGENT_STATE) {
      const agent = world.owners.agentOf(envelope);
      const { host, state } = body as { readonly host: number; readonly state: number };
      if (agent !== null && host === from && state !== BEGUN)
        this.stopOf(agent.index * world.machines.length + from).isSaid = true;
      return;
    }
    for (const asked of this.lineage.requestsOf((body as Infer).prompt.hash)) {
      if (!('agent' in asked)) continue;
      const stop = this.stops.get(asked.agent * world.machines.length + from);
      this.checked++;
      // What was taken in and not yet on disk is forgotten with a crash, and nobody was told that it had been done.
      if (stop !== undefined && (stop.isSaid || stop.life === machine.lives))
        this.violate(world, `${labelOf(asked)}: ${machine.spec.name} runs a step of it after its end`);
    }
  }

  private stopOf(key: number): Stop {
    let stop = this.stops.get(key);
    if (stop === undefined) this.stops.set(key, (stop = { life: -1, isSaid: false }));
    return stop;
  }
}
