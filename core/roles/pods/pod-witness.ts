import { DISK, type Peer } from '../../base/peers.ts';
import { DISK_FINE } from '../../machine/disk-conditions.ts';
import { recordOf, type DiskRecord } from '../../machine/disk-records.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { STORE, type Stored } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { createPodDesk, type PodDesk } from './pod-desk.ts';
import { CIRCLE_KEY, MAX_CIRCLE } from './pod-records.ts';

/**
 * Gateways bear witness of pod hosts (R6.2-2). A host that has come when others had gone, with pods on their disks, cannot know of them;
 * a gateway that was there does, and names them to whoever is to certify a deletion. One that is a pod host, too, knows them as such.
 */

/** A pod host has become a live member. */
export function witnessPodHost(node: Node, peer: Peer, out: Outbox): void {
  if (node.gateway === null || node.pods !== null) return;
  const desk = (node.podDesk ??= createPodDesk());
  if (desk.circle.includes(peer) || desk.circle.length >= MAX_CIRCLE) return;
  desk.circle.push(peer);
  desk.circle.sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
  storeWitness(node, desk, out);
}

export function restoreWitness(node: Node, { circle }: DiskRecord): void {
  if (circle === null || node.gateway === null || node.pods !== null) return;
  const desk = (node.podDesk ??= createPodDesk());
  desk.circle = [...circle.hosts];
}

function storeWitness(node: Node, desk: PodDesk, out: Outbox): void {
  if (desk.circleStoring !== 0) return;
  desk.circleStoring = node.nextN++;
  desk.circleFlying = desk.circle.length;
  const circle = { hosts: [...desk.circle], seenWallUs: 0 };
  const writes = [{ key: CIRCLE_KEY, record: recordOf({ circle }) }];
  out.send(STORE, node.self, DISK, node.self, node.bootCount, desk.circleStoring, 0, { writes });
}

/** Of the answers of the disk: false if it is to no such STORE. What it does not take it is given with the next host that comes. */
export function onWitnessStored(node: Node, out: Outbox, { n, body }: Envelope): boolean {
  const { podDesk: desk } = node;
  if (desk === null || desk.circleStoring === 0 || desk.circleStoring !== n) return false;
  desk.circleStoring = 0;
  const isFine = (body as Stored).condition === DISK_FINE;
  if (isFine && desk.circleFlying < desk.circle.length) storeWitness(node, desk, out);
  return true;
}
