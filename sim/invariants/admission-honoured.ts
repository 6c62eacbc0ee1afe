import type { Envelope } from '../../core/machine/envelope.ts';
import type { Join } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import {
  ANSWER,
  BEAT,
  FIND,
  GOSSIP,
  JOIN,
  JOINED,
  MANIFEST,
  MEMBERS,
  PING,
  RUN,
} from '../../core/machine/kinds.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** What members say to one another. */
const OF_MEMBERS: readonly number[] = [PING, GOSSIP, MEMBERS, BEAT, MANIFEST, FIND, RUN];
/** Clocks of two nodes may differ by so much. */
const SKEW_US = 30_000_000;
/** What was begun by a member may be finished by one that is none any more: no deadline is further off. */
const UNDER_WAY_US = 60_000_000;

/** R5.1-2: the world keeps a record of its own of whom operators have admitted, and until when. */
export class AdmissionHonoured extends Invariant {
  readonly name = 'admission-honoured';
  readonly promise =
    'members treat as a member, and let serve, only whom operators of the cluster have admitted, while that holds';
  readonly watches = { handled: [JOIN, ...OF_MEMBERS], sent: [ANSWER, JOINED, ...OF_MEMBERS] };
  /** Where each newcomer said last that it listens, by its index. */
  private readonly advertised = new Map<number, string>();

  /** What members say to one another reaches no one else. */
  override onHandled(world: World, envelope: Envelope): void {
    const { kind, from, to, body } = envelope;
    if (from < 0 || from >= world.machines.length || to >= world.machines.length) return;
    const sender = world.machines[from];
    if (kind === JOIN) {
      const { application } = body as Join;
      if (application !== null) this.advertised.set(sender.index, application.address);
      return;
    }
    const { spec, cluster, index } = world.machines[to];
    if (sender.villain !== null || !isSwim(world, cluster)) return;
    this.checked++;
    if (!world.operators.hasAdmitted(index))
      this.violate(
        world,
        `${sender.spec.name} speaks to ${spec.name}, which nobody has admitted, as to a member`,
      );
    else if (sender.cluster !== cluster)
      this.violate(world, `${sender.spec.name} speaks to ${spec.name} of another cluster as to a member`);
  }

  override onSent(world: World, { kind, from, to }: Envelope): void {
    if (from < 0 || from >= world.machines.length) return;
    const machine = world.machines[from];
    if (!isSwim(world, machine.cluster)) return;
    if (kind === ANSWER) {
      this.checked++;
      if (!world.operators.isAdmitted(machine, UNDER_WAY_US + SKEW_US))
        this.violate(world, `${machine.spec.name}, ${whyNot(world, machine)}, answers a request`);
    } else if (kind === JOINED) this.judgeJoined(world, machine, to);
    else if (to >= 0 && to < world.machines.length && machine.villain === null && !isWrong(machine)) {
      const other = world.machines[to];
      // Whoever speaks knows when the admission of the other runs out, and its own.
      for (const one of [machine, other])
        if (hasRunOut(world, one))
          this.violate(
            world,
            `${machine.spec.name} speaks to ${other.spec.name} as one member to another, though ${one.spec.name} is none any more`,
          );
    }
  }

  /** A newcomer is let in when operators have admitted it, and it was reached where it says that it listens. */
  private judgeJoined(world: World, sponsor: Machine, to: number): void {
    if (to < 0 || to >= world.machines.length || sponsor.villain !== null) return;
    const { spec, index } = world.machines[to];
    this.checked++;
    const isThere = this.advertised.get(index) === spec.name && spec.isUnreachable !== true;
    if (!world.operators.hasAdmitted(index))
      this.violate(world, `${sponsor.spec.name} lets ${spec.name} in, which nobody has admitted`);
    else if (!isThere)
      this.violate(world, `${sponsor.spec.name} lets ${spec.name} in, which is not where it says that it is`);
  }
}

function hasRunOut({ operators }: World, machine: Machine): boolean {
  return operators.hasAdmitted(machine.index) && !operators.isAdmitted(machine, SKEW_US);
}

function whyNot({ operators }: World, { index }: Machine): string {
  return operators.hasAdmitted(index) ? 'whose admission has run out' : 'which nobody has admitted';
}

/** A wall clock that is off by more than clocks may be tells nothing about dates. */
function isWrong({ clock }: Machine): boolean {
  return Math.abs(clock.wallOffsetUs) > SKEW_US;
}

/** Elsewhere nobody knows who is a member. */
function isSwim(world: World, cluster: number): boolean {
  return (world.scenario.clusters[cluster].detector ?? 'swim') === 'swim';
}
