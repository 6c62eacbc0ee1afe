import { DISK, KEYS } from '../base/peers.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { hasLeft, restoreAffiliation } from '../cluster/affiliation/affiliation.ts';
import { startDetector } from '../cluster/membership/detector.ts';
import { INCARNATIONS, membershipRecordOf } from '../cluster/membership/incarnation.ts';
import { restoreIndexNode } from '../cluster/registry/keepsakes.ts';
import { hashManifest, startPresence } from '../cluster/presence.ts';
import * as models from '../models/model-host.ts';
import * as agents from '../roles/agents/agent-host.ts';
import * as bridges from '../roles/bridge.ts';
import * as indexes from '../roles/index-node.ts';
import * as podHosts from '../roles/pods/pod-host.ts';
import { createPodHost } from '../roles/pods/pod-state.ts';
import { restoreWitness } from '../roles/pods/pod-witness.ts';
import { isRetryable, NOT_READY } from '../routing/outcomes.ts';
import { DISK_FINE } from './disk-conditions.ts';
import { AFFILIATION_KEY, MEMBERSHIP_KEY, NODE_KEY, recordOf, type DiskRecord } from './disk-records.ts';
import type { Envelope, Outbox } from './envelope.ts';
import * as kinds from './kinds.ts';
import { LOADING, NO_KNOWN, READY, SIGNING, STORING, type Node } from './node-state.ts';
import { countRefusal, REFUSAL_LATE, REFUSAL_STARTING } from './refusals.ts';
import { note, reply } from './speech.ts';

/** From power on to ready: what the disk has kept is taken over, what will be said is stored and signed. */

/** Before it is ready a node hears its devices, refuses requests, and nothing else: no announcement, no acknowledgement. */
export function receiveWhileStarting(node: Node, now: Now, envelope: Envelope, out: Outbox): void {
  if (envelope.from >= 0) {
    const isRequest = kinds.typeOfKind(envelope.kind) === kinds.typeOfKind(kinds.ASK);
    if (isRequest || envelope.kind === kinds.FIND) {
      const retryAfterUs = isRetryable(NOT_READY) ? 1_000_000 : 0;
      reply(node, out, envelope, kinds.REFUSED, {
        code: NOT_READY,
        retryAfterUs,
        detail: 'starting',
        struck: [],
      });
    }
    countRefusal(node, REFUSAL_STARTING);
    return;
  }
  if (envelope.originBoot !== node.bootCount) {
    countRefusal(node, REFUSAL_LATE);
    return;
  }
  if (node.phase === LOADING && envelope.kind === kinds.LOADED) {
    onLoaded(node, now, out, envelope.body as kinds.Loaded);
  } else if (node.phase === STORING && envelope.kind === kinds.STORED) {
    // What is not stored is not said: it might be said again, of something else, after a crash (R4-3).
    if ((envelope.body as kinds.Stored).condition !== DISK_FINE) {
      retryLater(node, now, out);
      return;
    }
    node.phase = SIGNING;
    const version = { epoch: node.epoch, version: node.manifestVersion };
    askDevice(node, out, kinds.SIGN, KEYS, { hash: hashManifest(node, node.config.manifest, version) });
  } else if (node.phase === SIGNING && envelope.kind === kinds.SIGNED) {
    node.signature = (envelope.body as kinds.Signed).signature;
    node.phase = READY;
    if (!hasLeft(node)) startPresence(node, now);
    startDetector(node, now, out);
    if (node.index !== null) indexes.startIndexNode(node, node.index, now);
    if (node.bridge !== null) bridges.startBridge(node, node.bridge, now, out);
    agents.resumeAgents(node, now, out);
    if (node.pods !== null) podHosts.startPods(node, node.pods, now, out);
    models.startModels(node, now, out);
    note(node, out, null, kinds.NOTE_READY, node.self);
  } else countRefusal(node, REFUSAL_LATE);
}

/** Asks the disk for what comes after a key. */
export function load(node: Node, out: Outbox, after: string): void {
  if (after === '') forget(node);
  askDevice(node, out, kinds.LOAD, DISK, { after });
}

/** What a page of the disk brings is taken at once; a disk that fails half-way is read again from the start. */
function onLoaded(
  node: Node,
  now: Now,
  out: Outbox,
  { entries, corrupt, next, condition }: kinds.Loaded,
): void {
  if (condition !== DISK_FINE) {
    retryLater(node, now, out);
    return;
  }
  if (node.pods !== null) podHosts.noteRotten(node.pods, corrupt);
  if (corrupt.length > 0) note(node, out, null, kinds.NOTE_CORRUPT, node.self);
  for (const { key, record } of entries) restore(node, now, key, record);
  if (next !== '') {
    load(node, out, next);
    return;
  }
  // A node without a past takes its epoch from the calendar, above whatever it may have said before a wipe.
  if (node.epoch === 0) node.epoch = Math.floor(now.wallUs / 1_000_000);
  node.manifestVersion++;
  node.incarnation += INCARNATIONS;
  node.phase = STORING;
  storeNode(node, out);
}

/** Forgets what an earlier reading of the disk has brought. */
function forget(node: Node): void {
  node.epoch = 0;
  node.manifestVersion = 0;
  node.agents = null;
  if (node.index !== null) node.index = indexes.createIndexNode();
  if (node.pods !== null) node.pods = createPodHost(node);
  node.models = null;
  node.incarnation = 0;
  node.known = NO_KNOWN;
  node.affiliation = null;
}

/** Takes over a record that the disk has kept. */
function restore(node: Node, now: Now, key: string, record: DiskRecord): void {
  if (node.index !== null) restoreIndexNode(node, node.index, now, record);
  if (record.model !== null) models.restoreModel(node, record.model);
  if (record.agent !== null && node.compute !== null) agents.restoreAgent(node, record.agent);
  if (node.pods !== null) podHosts.restorePods(node, node.pods, record);
  restoreWitness(node, record);
  if (key === NODE_KEY && record.node !== null) {
    node.epoch = record.node.epoch;
    node.manifestVersion = record.node.manifestVersion;
  } else if (key === MEMBERSHIP_KEY && record.membership !== null) {
    node.incarnation = record.membership.incarnation;
    node.known = [...record.membership.known];
  } else if (key === AFFILIATION_KEY && record.affiliation !== null) {
    restoreAffiliation(node, record.affiliation);
  }
}

/** Stores what the node must know of itself to go on after a crash. */
function storeNode(node: Node, out: Outbox): void {
  const { epoch, manifestVersion } = node;
  askDevice(node, out, kinds.STORE, DISK, {
    writes: [
      { key: NODE_KEY, record: recordOf({ node: { epoch, manifestVersion } }) },
      { key: MEMBERSHIP_KEY, record: membershipRecordOf(node) },
    ],
  });
}

/** Until a disk that does not read or write is asked again. */
const DISK_RETRY_US = 1_000_000;

function retryLater(node: Node, now: Now, out: Outbox): void {
  node.retryAtUs = now.monoUs + DISK_RETRY_US;
  note(node, out, null, kinds.NOTE_UNSTORED, node.self);
}

/** A disk that did not read or write is asked once more. */
export function askDiskAgain(node: Node, out: Outbox): void {
  node.retryAtUs = NEVER_US;
  if (node.phase === LOADING) load(node, out, '');
  else storeNode(node, out);
}

function askDevice(node: Node, out: Outbox, kind: number, device: number, body: unknown): void {
  out.send(kind, node.self, device, node.self, node.bootCount, node.nextN++, 0, body);
}
