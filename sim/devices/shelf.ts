import { diskEntryShape, type DiskEntry, type DiskRecord } from '../../core/machine/disk-records.ts';
import { list } from '../../core/machine/shape.ts';
import type { Alike } from '../alike.ts';

/** Up to so many records are held in a list: of itself, of its members, of its affiliation. */
const FEW = 3;
const fewShape = list(diskEntryShape, FEW);
const NONE: DiskEntry[] = [];

/**
 * The records of a disk by key. Of a million disks most hold two records all their lives, and the same two: a few are held in a list
 * that is replaced and never changed, and that disks share; more are held in a map.
 */
export class Shelf {
  private few = NONE;
  private many: Map<string, DiskRecord> | null = null;

  get size(): number {
    return this.many === null ? this.few.length : this.many.size;
  }

  get(key: string): DiskRecord | undefined {
    if (this.many !== null) return this.many.get(key);
    return this.few.find((entry) => entry.key === key)?.record;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  keys(): string[] {
    return this.many === null ? this.few.map(({ key }) => key) : [...this.many.keys()];
  }

  set(key: string, record: DiskRecord): void {
    if (this.many !== null) {
      this.many.set(key, record);
      return;
    }
    const at = this.few.findIndex((entry) => entry.key === key);
    const entry = { key, record };
    const few = at < 0 ? [...this.few, entry] : this.few.with(at, entry);
    if (few.length <= FEW) this.few = few;
    else {
      this.many = new Map(few.map((one) => [one.key, one.record]));
      this.few = NONE;
    }
  }

  delete(key: string): void {
    if (this.many !== null) this.many.delete(key);
    else this.few = this.few.filter((entry) => entry.key !== key);
  }

  clear(): void {
    this.few = NONE;
    this.many = null;
  }

  /** Holds what it has together with others that have the same. */
  share(alike: Alike): void {
    if (this.few !== NONE) this.few = alike.once(fewShape, this.few);
  }
}
