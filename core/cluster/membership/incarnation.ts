import { DISK } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { MAX_KNOWN, MEMBERSHIP_KEY, recordOf, type DiskRecord } from '../../machine/disk-records.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { STORE, type Stored } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import type { Seed } from '../../trust/documents.ts';
import { changeScore } from './health.ts';
import { ALIVE, LEFT, type Member } from './member.ts';
import { denied, spread } from './membership.ts';
import type { Membership } from './membership-state.ts';

/**
 * A node is stored to have used so many incarnations from `node.incarnation` on before it uses the first of them: it can deny
 * what is said of it at once, and after a crash still begins above all that it ever said.
 */
export const INCARNATIONS = 65_536;

/**
 * No honest member raises its incarnation by more while another hears nothing of it: that is a thousand boots. Whoever names one
 * further off is not heard, so a liar needs millions of messages to use the numbers up.
 */
export const MAX_LEAP = 2 ** 26;
/** Above it nothing can be denied any more. */
const MAX_INCARNATION = Number.MAX_SAFE_INTEGER - 2 * MAX_LEAP;

/** What the disk is to remember of the cluster. */
export function membershipRecordOf(node: Node): DiskRecord {
  return recordOf({ membership: { incarnation: node.incarnation, known: node.known } });
}

/** What is wrongly said of this node it denies, with an incarnation above that which was named. */
export function hearOfSelf(node: Node, membership: Membership, now: Now, out: Outbox, told: Member): void {
  const known = membership.table.incarnationAt(0);
  // However high: lies may have led others there, and only what is above them undoes them.
  if (membership.isLeaving || told.incarnation > MAX_INCARNATION) return;
  if (told.incarnation < known) {
    // Whoever says so has not heard what this node says now: it is said before all else, and so with the next answer.
    if (told.state !== ALIVE)
      spread(node, membership, now, node.self, node.self, membership.queue.drop(node.self));
    return;
  }
  if (told.state === ALIVE && told.incarnation === known) return;
  raise(node, membership, now, out, told.incarnation + 1);
}

/** Takes a higher incarnation, at once if it is among those that are stored. */
function raise(node: Node, membership: Membership, now: Now, out: Outbox, incarnation: number): void {
  const { healthMax } = node.config.parameters;
  if (incarnation < node.incarnation + INCARNATIONS) {
    membership.table.setState(0, node.pure.rank(node.self), incarnation, ALIVE);
    membership.score = changeScore(membership.score, 1, healthMax);
    denied(node, membership, now, out);
  } else if (membership.storing === 0) {
    node.incarnation = incarnation;
    store(node, membership, out);
  }
}

/** Its disk has answered. False if that was no question of membership. */
export function onMembershipStored(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { membership } = node;
  if (membership === null || membership.storing !== envelope.n || envelope.originBoot !== node.bootCount)
    return false;
  membership.storing = 0;
  const known = membership.table.incarnationAt(0);
  const isToRaise = node.incarnation > known && membership.table.stateAt(0) !== LEFT;
  // A disk that failed is asked again when the node hears again what it must deny.
  if ((envelope.body as Stored).condition !== DISK_FINE) {
    if (isToRaise) node.incarnation = Math.max(0, known - INCARNATIONS + 1);
  } else if (isToRaise) raise(node, membership, now, out, node.incarnation);
  return true;
}

/** Sees to it that its disk remembers some of the members, in case that no seed is there at the next boot (R5.1-1). */
export function rememberMembers(node: Node, membership: Membership, out: Outbox): void {
  const { table } = membership;
  const known: Seed[] = [];
  for (let row = 1; row < table.count && known.length < MAX_KNOWN; row++) {
    if (table.isLiveAt(row)) known.push({ peer: table.peerAt(row), address: table.addressAt(row) });
  }
  const isSame =
    known.length === node.known.length &&
    known.every(({ peer, address }, i) => node.known[i].peer === peer && node.known[i].address === address);
  // Alone, it keeps whom it knew: those are whom it asks.
  if (isSame || known.length === 0 || membership.storing !== 0) return;
  node.known = known;
  store(node, membership, out);
}

function store(node: Node, membership: Membership, out: Outbox): void {
  membership.storing = node.nextN++;
  const body = { writes: [{ key: MEMBERSHIP_KEY, record: membershipRecordOf(node) }] };
  out.send(STORE, node.self, DISK, node.self, node.bootCount, membership.storing, 0, body);
}
