import { DISK, type Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { MAX_DISK_WRITES, recordOf, type DiskRecord, type DiskWrite } from '../../machine/disk-records.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { STORE } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { flag, integer, list, peer, record, type Of } from '../../machine/shape.ts';
import type { IndexNode } from '../../roles/index-node.ts';
import { createStandingBook, type StandingBook } from '../../trust/standing-book.ts';
import { conductKey, evidenceKey, MAX_CONDUCT_PAGE, MAX_CONDUCT_PAGES } from './index-records.ts';

/**
 * How an index node keeps what it would be wrong to forget with a crash: proofs of equivocation at once (R4-3), since their culprit would
 * be listed again; and from time to time what it has observed of those who are vouched for (R8.1-3), which takes days to observe.
 */
export const keepsakesShape = record({
  /** Whose evidence has come or gone since it was last on disk; and of whom it is being written. */
  unsaved: list(peer, 65_536),
  flying: list(peer, MAX_DISK_WRITES),
  /** The STORE under way, 0: none; and whether it holds conduct. */
  storing: integer,
  isOfConduct: flag,
  nextConductUs: integer,
});
export type Keepsakes = Of<typeof keepsakesShape>;

export function createKeepsakes(): Keepsakes {
  return { unsaved: [], flying: [], storing: 0, isOfConduct: false, nextConductUs: 0 };
}

/** Takes over what the disk has kept. What was observed too long ago says little of how a node does now. */
export function restoreIndexNode(node: Node, index: IndexNode, now: Now, stored: DiskRecord): void {
  const { maxEvidence, conductKeptUs } = node.config.parameters;
  if (stored.evidence !== null && index.evidence.size < maxEvidence)
    index.evidence.set(stored.evidence.first.manifest.id, stored.evidence as never);
  if (stored.conduct === null || now.wallUs - stored.conduct.atWallUs > conductKeptUs) return;
  index.book ??= createStandingBook(now.monoUs);
  for (const { subject, observedUs, awayUs } of stored.conduct.subjects)
    index.book.conduct.set(subject, { observedUs, awayUs });
}

/** Evidence has come, or has had to go. */
export function evidenceChanged(index: IndexNode, culprit: Peer): void {
  if (!index.keepsakes.unsaved.includes(culprit)) index.keepsakes.unsaved.push(culprit);
}

/** One STORE at a time; a disk that did not take it is asked again at the next sweep. */
export function saveKeepsakes(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  const { keepsakes, book } = index;
  if (keepsakes.storing !== 0) return;
  if (keepsakes.unsaved.length > 0) {
    keepsakes.flying = keepsakes.unsaved.slice(0, MAX_DISK_WRITES);
    keepsakes.unsaved = keepsakes.unsaved.slice(MAX_DISK_WRITES);
    const idOf = (one: Peer): string => node.pure.idOf(one);
    const writes = keepsakes.flying.map((culprit): DiskWrite => {
      const evidence = index.evidence.get(culprit) ?? null;
      return { key: evidenceKey(idOf, culprit), record: evidence === null ? null : recordOf({ evidence }) };
    });
    store(node, keepsakes, out, writes, false);
  } else if (book !== null && book.conduct.size > 0 && now.monoUs >= keepsakes.nextConductUs)
    store(node, keepsakes, out, conductWrites(node, book, now), true);
}

/** All pages in one batch: those that are not needed any more are removed with it. */
function conductWrites(node: Node, { conduct }: StandingBook, now: Now): DiskWrite[] {
  const subjects = [...conduct.keys()].sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
  return Array.from({ length: MAX_CONDUCT_PAGES }, (_, page) => {
    const some = subjects.slice(page * MAX_CONDUCT_PAGE, (page + 1) * MAX_CONDUCT_PAGE);
    if (some.length === 0) return { key: conductKey(page), record: null };
    const told = some.map((subject) => ({ subject, ...conduct.get(subject)! }));
    return { key: conductKey(page), record: recordOf({ conduct: { atWallUs: now.wallUs, subjects: told } }) };
  });
}

function store(
  node: Node,
  keepsakes: Keepsakes,
  out: Outbox,
  writes: readonly DiskWrite[],
  isOfConduct: boolean,
): void {
  keepsakes.storing = node.nextN++;
  keepsakes.isOfConduct = isOfConduct;
  out.send(STORE, node.self, DISK, node.self, node.bootCount, keepsakes.storing, 0, { writes });
}

/** Of the answers of the disk: false if it is to none of these. */
export function onKeepsakesStored(
  node: Node,
  { keepsakes }: IndexNode,
  now: Now,
  n: number,
  condition: number,
): boolean {
  if (keepsakes.storing === 0 || n !== keepsakes.storing) return false;
  keepsakes.storing = 0;
  if (condition !== DISK_FINE) {
    const again = keepsakes.flying.filter((one) => !keepsakes.unsaved.includes(one));
    keepsakes.unsaved = [...again, ...keepsakes.unsaved];
  } else if (keepsakes.isOfConduct)
    keepsakes.nextConductUs = now.monoUs + node.config.parameters.conductSaveUs;
  keepsakes.flying = [];
  return true;
}
