import type { Now } from '../../base/time.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { NOTE_EXPIRED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { note } from '../../machine/speech.ts';
import { admit, isAdmitted } from '../../trust/admission.ts';
import type { Certificate } from '../../trust/documents.ts';
import { certificateOf, keepCertificate } from '../affiliation/affiliation.ts';
import { isLiveState, LEFT, type Member } from './member.ts';
import { changed, endSuspicion, forget, sayerOf, spread } from './membership.ts';
import type { Membership } from './membership-state.ts';

/**
 * Takes out of the table whose admission has run out, before the node does anything else: whoever it is, it is no member any
 * more. If it is the node's own, it stops being one, until it is admitted anew (R5.1-2).
 */
export function expireMembers(node: Node, now: Now, out: Outbox): void {
  const { membership } = node;
  if (membership === null || now.wallUs < membership.table.nextExpiryWallUs) return;
  const { table } = membership;
  if (table.untilWallUsAt(0) <= now.wallUs) {
    node.membership = null;
    note(node, out, null, NOTE_EXPIRED, node.self);
    return;
  }
  // From the end: the last row takes the place of one that goes.
  for (let row = table.count - 1; row > 0; row--)
    if (table.untilWallUsAt(row) <= now.wallUs) expel(node, membership, now, out, row);
}

/** It is as if the member had never been there; whoever depends on who is there hears that it is gone. */
function expel(node: Node, membership: Membership, now: Now, out: Outbox, row: number): void {
  const { table, departed } = membership;
  const peer = table.peerAt(row);
  const types = table.typesAt(row);
  const before = table.stateAt(row);
  endSuspicion(membership, peer);
  const place = departed.findIndex((one) => one.peer === peer);
  if (place >= 0) departed.splice(place, 1);
  forget(node, membership, peer);
  note(node, out, null, NOTE_EXPIRED, peer);
  // Alone again: it asks whomever it knew.
  if (table.liveCount < 2) membership.nextSyncUs = now.monoUs + node.config.parameters.joinUs;
  if (isLiveState(before)) changed(node, membership, peer, types, before, LEFT, now, out);
}

/** A member's admission has been renewed: of two the later holds, whoever brings it and whatever else is said of the member. */
export function hearRenewal(
  node: Node,
  membership: Membership,
  now: Now,
  out: Outbox,
  { peer, certificate }: Member,
): void {
  const { table } = membership;
  const row = table.find(peer);
  if (row < 0 || certificate === null || certificate.untilWallUs <= table.untilWallUsAt(row)) return;
  if (!isAdmitted(node.pure, node.config.genesis, certificate, peer, now)) {
    countRefusal(node, REFUSAL_UNADMITTED);
    return;
  }
  // Its own disk may have lost what others remember.
  if (row === 0) keepCertificate(node, out, certificate);
  takeRenewal(node, membership, now, row, certificate);
}

/** Whoever runs the node has brought a later admission, which holds: all others are to know it before the earlier runs out. */
export function renewOwn(node: Node, now: Now, out: Outbox, certificate: Certificate): void {
  if (certificate.untilWallUs <= (certificateOf(node)?.untilWallUs ?? 0)) return;
  keepCertificate(node, out, certificate);
  if (node.membership !== null) takeRenewal(node, node.membership, now, 0, certificate);
}

function takeRenewal(
  node: Node,
  membership: Membership,
  now: Now,
  row: number,
  certificate: Certificate,
): void {
  const { table } = membership;
  const peer = table.peerAt(row);
  table.renew(row, node.pure.rank(peer), certificate);
  spread(node, membership, now, peer, sayerOf(node, membership, row) ?? peer, true);
}

/** Whether the node has been admitted to its cluster, and that still holds. */
export function isOwnAdmitted(node: Node, now: Now): boolean {
  const { pure, config, self } = node;
  return admit(pure, config.genesis, certificateOf(node), self, now) === null;
}
