import type { Envelope } from '../../core/machine/envelope.ts';
import { INFER, LOAD_MODEL, type Infer } from '../../core/machine/kinds.ts';
import type { LoadModel } from '../../core/models/model-bodies.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R7.2-1: half a model is shown to nobody. What is true of a version the world knows, which made it. */
export class ModelsWhole extends Invariant {
  readonly name = 'models-whole';
  readonly promise =
    'what is loaded lies on the disk with every chunk that its publisher has signed, and nothing else runs';
  readonly watches = { sent: [LOAD_MODEL, INFER] };
  /** Versions that were whole when they were loaded, by node, life and id. */
  private readonly loaded = new Set<string>();

  override onSent(world: World, { kind, from, body }: Envelope): void {
    const machine = world.machines[from];
    if (kind === LOAD_MODEL) this.judgeLoad(world, machine, body as LoadModel);
    else this.judgeRun(world, machine, body as Infer);
  }

  private judgeLoad(world: World, machine: Machine, { id, chunks }: LoadModel): void {
    this.checked++;
    const { name } = machine.spec;
    const published = world.library?.find(id);
    if (published === undefined) {
      this.violate(world, `${name} loads a version that nobody has published`);
      return;
    }
    const label = `${published.model} in version ${published.version}`;
    const wanted = published.pages.flatMap(({ hashes }) => hashes);
    const missing = wanted.filter((hash) => !machine.platter.holds(hash)).length;
    if (missing > 0)
      this.violate(world, `${name} loads ${label}, of which ${missing} chunks are not on its disk`);
    const isTrue = chunks.length === wanted.length && wanted.every((hash, i) => chunks[i].hash === hash);
    if (!isTrue) this.violate(world, `${name} loads ${label} from chunks that are not its own`);
    if (missing === 0 && isTrue) this.loaded.add(keyOf(machine, id));
  }

  private judgeRun(world: World, machine: Machine, { model, version }: Infer): void {
    if (version === '') return;
    this.checked++;
    if (!this.loaded.has(keyOf(machine, version)))
      this.violate(
        world,
        `${machine.spec.name} runs ${model} in a version that it has not loaded as a whole`,
      );
  }
}

function keyOf({ index, lives }: Machine, id: string): string {
  return `${index}/${lives}/${id}`;
}
