import type { Peer } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import { agreementWith } from '../cluster/border/agreements.ts';
import { doesExport, otherSideOf, sideOf } from '../cluster/border/peering.ts';
import { isHeard, sessionWith, type SessionState } from '../cluster/border/sessions.ts';
import { hasMemberType } from '../cluster/membership/detector.ts';
import type { Outbox } from '../machine/envelope.ts';
import { HOLDER } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { ownTrust } from '../trust/attestation.ts';
import { mayDo } from '../trust/operations.ts';
import type { ModelEntry } from './documents.ts';
import { eraseHeld, isWhole } from './holding.ts';
import type { Holder } from './model-bodies.ts';
import { entryOf, keysInOrder, MAX_ASKERS, type ModelHost } from './model-state.ts';
import { stopPull } from './transfer.ts';

/**
 * Who hands a copy to whom (R7.2-1, R8.1-2), and how versions come over borders (R5.2-4). Only bridges speak between clusters, so a
 * bridge that is asked for a version that it has not fetches it, like other nodes, from nodes of its own cluster, or for them from
 * bridges of a peered one; it is a holder then like others, until nobody has asked for a while. So a version crosses a border once,
 * however many nodes wait for it, and each chunk is checked by whoever takes it, against what the publisher has signed.
 */

/** A cluster may know so many versions that it has no copy of. */
const MAX_PASSING = 64;

/** Whether a copy may go to whoever asks: to members of its cluster, and over a border what a peering exports. */
export function mayGoTo(node: Node, host: ModelHost, now: Now, to: Peer, id: string): boolean {
  const session = sessionOver(node, to);
  return session === null || isHandedOver(node, host, now, session, id);
}

/** The session with a bridge of another cluster; null: it is of this one, since strangers are turned away before. */
function sessionOver({ bridge, membership }: Node, peer: Peer): SessionState | null {
  if (bridge === null || (membership !== null && membership.table.find(peer) >= 0)) return null;
  return sessionWith(bridge.sessions, peer);
}

function isHandedOver(
  { bridge }: Node,
  host: ModelHost,
  now: Now,
  { genesis, region }: SessionState,
  id: string,
): boolean {
  const entry = entryOf(host, id);
  const agreement = agreementWith(bridge!.agreements, genesis, now);
  if (entry === null || agreement === null || !isRegionAllowed(entry.regions, region)) return false;
  return doesExport(sideOf(agreement.peering, bridge!.agreements.own)!, entry.name);
}

/** A bridge is asked for what it has not, or has only to hand it on: it sees to it, and keeps it for a while. */
export function wantToPass(node: Node, host: ModelHost, now: Now, from: Peer, id: string): void {
  if (node.bridge === null || entryOf(host, id) === null) return;
  if (!mayGoTo(node, host, now, from, id) || !mayDo(ownTrust(node, now), 'seed-model')) return;
  const known = host.passing.get(id);
  if (known === undefined && (isWhole(host, id) || host.passing.size >= MAX_PASSING)) return;
  const isForOwn = known?.isForOwn === true || sessionOver(node, from) === null;
  const askers = known?.askers ?? [];
  if (!isWhole(host, id) && !askers.includes(from) && askers.length < MAX_ASKERS) askers.push(from);
  host.passing.set(id, { untilUs: now.monoUs + node.config.parameters.passModelUs, isForOwn, askers });
  if (known === undefined || known.isForOwn !== isForOwn) host.nextLookUs = now.monoUs;
}

/** It is here: whoever waits for it need not ask once more to hear so. */
export function tellAskers(node: Node, host: ModelHost, now: Now, out: Outbox, id: string): void {
  const passing = host.passing.get(id);
  if (passing === undefined) return;
  const { region } = node.config.manifest;
  const body: Holder = { id, region, isWhole: true, keeps: false, busy: host.handed };
  for (const to of passing.askers)
    if (mayGoTo(node, host, now, to, id))
      out.send(HOLDER, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
  passing.askers = [];
}

/** What lies on a bridge after a boot and runs nowhere on it was there to be handed on. */
export function resumePassing(node: Node, host: ModelHost, now: Now): void {
  if (node.bridge === null || node.compute !== null) return;
  const untilUs = now.monoUs + node.config.parameters.passModelUs;
  for (const id of host.held.keys()) host.passing.set(id, { untilUs, isForOwn: false, askers: [] });
}

/** The versions that are still to be fetched, in an order of their own; what nobody has asked for any more goes. */
export function duePassing(node: Node, host: ModelHost, now: Now, out: Outbox): string[] {
  return keysInOrder(host.passing).filter((id) => {
    if (now.monoUs < host.passing.get(id)!.untilUs) return !isWhole(host, id);
    host.passing.delete(id);
    if (host.pull?.id === id) stopPull(host);
    const isRun = [...host.currents.values()].some((current) => current.id === id || current.previous === id);
    if (!isRun) eraseHeld(node, host, out, id);
    return false;
  });
}

/** Bridges of other clusters that may have a version and export it, if the own cluster wants it. */
export function findBeyond(node: Node, host: ModelHost, now: Now, id: string): Peer[] {
  const { bridge } = node;
  const entry = entryOf(host, id);
  if (bridge === null || entry === null) return [];
  // What is fetched for another cluster comes from the own one; what a node that is a bridge runs itself is for its own.
  if (host.passing.get(id)?.isForOwn === false) return [];
  return bridge.sessions.sessions
    .filter((session) => isHeard(node, session, now) && isHadFrom(node, session, entry, now))
    .map(({ peer }) => peer);
}

function isHadFrom({ bridge }: Node, session: SessionState, entry: ModelEntry, now: Now): boolean {
  const agreement = agreementWith(bridge!.agreements, session.genesis, now);
  if (agreement === null || !isRegionAllowed(entry.regions, session.region)) return false;
  return doesExport(otherSideOf(agreement.peering, bridge!.agreements.own)!, entry.name);
}

/** Whether somebody can be a holder at all: a node of the cluster that has models, or a bridge that is asked over a border. */
export function canHold(node: Node, host: ModelHost, now: Now, peer: Peer, id: string): boolean {
  if (node.membership === null) return true;
  if (hasMemberType(node, peer, 'compute') || hasMemberType(node, peer, 'bridge')) return true;
  return findBeyond(node, host, now, id).includes(peer);
}
