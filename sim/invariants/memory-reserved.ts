import type { Envelope } from '../../core/machine/envelope.ts';
import { LOAD_MODEL, MODEL_UNLOADED } from '../../core/machine/kinds.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant } from './invariant.ts';

/** R7.2-3, counted by what the accelerator was told: a loss of power empties it. */
export class MemoryReserved extends Invariant {
  readonly name = 'memory-reserved';
  readonly promise = 'what is loaded, and being loaded, never needs more memory than the accelerator has';
  readonly watches = { sent: [LOAD_MODEL], handled: [MODEL_UNLOADED] };
  private readonly loaded = new Map<number, { life: number; readonly bytes: Map<string, number> }>();

  override onSent(world: World, { from, body }: Envelope): void {
    const machine = world.machines[from];
    const { id } = body as { id: string };
    const model = world.library?.find(id)?.model;
    const known = world.scenario.models.find(({ name }) => name === model);
    const loaded = this.loadedOn(machine);
    loaded.set(id, known?.requiredMemoryBytes ?? 0);
    this.checked++;
    let bytes = pinnedBytes(world, machine);
    for (const each of loaded.values()) bytes += each;
    const has = machine.spec.compute?.gpuMemoryBytes ?? 0;
    if (bytes > has)
      this.violate(
        world,
        `${machine.spec.name} has ${has} bytes of memory and loads models that need ${bytes}`,
      );
  }

  override onHandled(world: World, { from, to, body }: Envelope): void {
    // Devices are below zero: of others nobody would believe it.
    if (from < 0) this.loadedOn(world.machines[to]).delete((body as { id: string }).id);
  }

  private loadedOn({ index, lives }: Machine): Map<string, number> {
    let found = this.loaded.get(index);
    if (found?.life !== lives) this.loaded.set(index, (found = { life: lives, bytes: new Map() }));
    return found.bytes;
  }
}

/** What an operator has put into memory for good. */
function pinnedBytes({ scenario }: World, { spec }: Machine): number {
  let bytes = 0;
  for (const { name, requiredMemoryBytes } of scenario.models)
    if (spec.installedModels.includes(name)) bytes += requiredMemoryBytes;
  return bytes;
}
