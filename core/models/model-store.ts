import { DISK } from '../base/peers.ts';
import { MAX_DISK_WRITES, recordOf, type DiskWrite } from '../machine/disk-records.ts';
import type { Outbox } from '../machine/envelope.ts';
import { STORE } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import type { ModelRecord } from './model-record.ts';

/** Writes or erases records of models; returns the number of the last STORE. What is more than one can hold goes in several. */
export function storeModels(
  node: Node,
  out: Outbox,
  records: readonly { readonly key: string; readonly record: ModelRecord | null }[],
): number {
  let n = 0;
  for (let from = 0; from < records.length; from += MAX_DISK_WRITES) {
    const writes: DiskWrite[] = records
      .slice(from, from + MAX_DISK_WRITES)
      .map(({ key, record }) => ({ key, record: record === null ? null : recordOf({ model: record }) }));
    n = node.nextN++;
    out.send(STORE, node.self, DISK, node.self, node.bootCount, n, 0, { writes });
  }
  return n;
}
