import { DISK_FINE } from '../core/machine/disk-conditions.ts';
import { MAX_DISK_PAGE, type DiskRecord } from '../core/machine/disk-records.ts';
import type { Loaded, Store } from '../core/machine/kinds.ts';

/** What a sound disk answers to LOAD. */
export function pageOf(disk: ReadonlyMap<string, DiskRecord>, after = ''): Loaded {
  const keys = [...disk.keys()].filter((key) => key > after).sort((left, right) => (left < right ? -1 : 1));
  const page = keys.slice(0, MAX_DISK_PAGE);
  return {
    entries: page.map((key) => ({ key, record: disk.get(key)! })),
    corrupt: [],
    next: keys.length > page.length ? page[page.length - 1] : '',
    condition: DISK_FINE,
  };
}

/** Does what a STORE asks for. */
export function storeIn(disk: Map<string, DiskRecord>, { writes }: Store): number {
  for (const { key, record } of writes) {
    if (record === null) disk.delete(key);
    else disk.set(key, record);
  }
  return DISK_FINE;
}
