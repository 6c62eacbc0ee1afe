import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, INFERRED, RUN, type Infer, type Inferred } from '../../core/machine/kinds.ts';
import type { UserRequest } from '../users.ts';
import type { World } from '../world.ts';
import { Invariant, labelOf } from './invariant.ts';

/** What a node, in one of its lives, was asked to run for a request, and what it ran. */
interface Work {
  readonly life: number;
  /** Who asked under which attempt, each once. */
  readonly askings: Set<string>;
  runs: number;
}

/**
 * R5.3-2: duplicates have one effect, and cost one run. Runs that fail do not count: nothing is remembered of them. What a
 * node asks itself does not count either: it crosses no network that could double it.
 */
export class WorkOnce extends Invariant {
  readonly name = 'work-once';
  readonly promise = 'a node runs a model once for each time that it is asked, however often that arrives';
  readonly watches = { handled: [RUN, INFERRED], sent: [INFER] };
  /** By request and node. */
  private readonly works = new Map<number, Work>();
  /** By job: what to take back if it fails. */
  private readonly jobs = new Map<number, Work>();

  override onHandled(world: World, envelope: Envelope): void {
    const { kind, from, to, attempt } = envelope;
    if (kind === INFERRED) {
      const job = envelope.n * world.machines.length + to;
      const work = this.jobs.get(job);
      this.jobs.delete(job);
      if (work !== undefined && from < 0 && (envelope.body as Inferred).answer === null) work.runs--;
      return;
    }
    const request = world.users.requestOf(envelope);
    if (request === null) return;
    const key = keyOf(world, request, to);
    const life = world.machines[to].lives;
    let work = this.works.get(key);
    if (work === undefined || work.life !== life)
      this.works.set(key, (work = { life, askings: new Set(), runs: 0 }));
    work.askings.add(`${from} ${attempt}`);
  }

  override onSent(world: World, envelope: Envelope): void {
    const { from, n } = envelope;
    const requests = this.lineage.requestsOf((envelope.body as Infer).prompt.hash);
    if (requests.length !== 1) return;
    const [request] = requests;
    if ('agent' in request) return;
    const work = this.works.get(keyOf(world, request, from));
    const { lives, spec, node } = world.machines[from];
    // A memory that was made smaller than what comes promises nothing.
    if (work === undefined || work.life !== lives || node.config.parameters.maxRemembered < LEAST_REMEMBERED)
      return;
    work.runs++;
    this.jobs.set(n * world.machines.length + from, work);
    this.checked++;
    if (work.runs > work.askings.size)
      this.violate(
        world,
        `${labelOf(request)}: ${spec.name} runs it ${work.runs} times, and was asked ${work.askings.size} times`,
      );
  }
}

/** As many requests as may come to one node in two minutes in any scenario that is shipped. */
const LEAST_REMEMBERED = 10_000;

function keyOf({ machines }: World, { index }: UserRequest, node: number): number {
  return index * machines.length + node;
}
