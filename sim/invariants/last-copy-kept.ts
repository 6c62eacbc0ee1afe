import type { Library } from '../library.ts';
import type { Machine } from '../machine.ts';
import type { World } from '../world.ts';
import { Invariant, isCovered } from './invariant.ts';

/** R7.2-1: where a region is promised a copy, the last one is not removed. Disks that are wiped or rot are nobody's doing. */
export class LastCopyKept extends Invariant {
  readonly name = 'last-copy-kept';
  readonly promise = 'a region that is promised a copy of a model, and has one on a disk, keeps one';
  readonly watches = { ticks: true } as const;
  /** Who had a whole copy when it was last looked, by model and region, and how often its disk had been wiped by then. */
  private readonly holders = new Map<string, ReadonlyMap<number, number>>();

  override onTick(world: World): void {
    const { library, scenario } = world;
    if (library === null) return;
    for (const { name, moves } of scenario.models)
      for (const region of moves?.keptIn ?? [])
        this.judge(world, library, name, region, moves!.versions.length);
  }

  private judge(world: World, library: Library, model: string, region: string, versions: number): void {
    const key = `${model} ${region}`;
    const before = this.holders.get(key) ?? new Map<number, number>();
    const now = new Map<number, number>();
    for (const machine of world.own) {
      if (!isCovered(machine.spec.region, [region])) continue;
      for (let version = 1; version <= versions; version++) {
        const published = library.versionOf(model, version);
        if (world.rollouts.withdrawn.has(published.id) || !isWholeOn(machine, published)) continue;
        now.set(machine.index, wipesOf(machine));
      }
    }
    this.holders.set(key, now);
    const removed = [...before].filter(([index, wipes]) => wipesOf(world.machines[index]) === wipes);
    if (before.size > 0) this.checked++;
    if (now.size > 0 || removed.length === 0) return;
    const isWithdrawn = [...world.rollouts.withdrawn.keys()].some((id) => library.find(id)?.model === model);
    const isRotten = removed.some(([index]) => world.machines[index].platter.rotten.size > 0);
    if (isWithdrawn || isRotten) return;
    const names = removed.map(([index]) => world.machines[index].spec.name).join(', ');
    this.violate(world, `${region} is promised a copy of ${model}, and the last is gone from ${names}`);
  }
}

function isWholeOn({ platter }: Machine, { id, pages }: { id: string; pages: readonly unknown[] }): boolean {
  return pages.every((_, page) => {
    const held = platter.records.get(`model/held/${id}/${page}`)?.model?.held;
    return held !== undefined && held !== null && held.chunks.length === held.hashes.hashes.length;
  });
}

/** A wiped disk counts its boots anew. */
function wipesOf({ lives, bootCount }: Machine): number {
  return lives - bootCount;
}
