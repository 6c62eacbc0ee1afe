import type { Peer } from '../../base/peers.ts';
import { drawSome } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { EVIDENCE, NOTE_JOINED, NOTE_QUARANTINED, NOTE_REMOVED, ROWS } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import {
  countRefusal,
  REFUSAL_FORGED,
  REFUSAL_FULL,
  REFUSAL_MALFORMED,
  REFUSAL_MISPLACED,
} from '../../machine/refusals.ts';
import { note } from '../../machine/speech.ts';
import type { IndexNode } from '../../roles/index-node.ts';
import { countValid, validMask } from '../../trust/attestation.ts';
import { printOf } from './directory.ts';
import { evidenceChanged } from './keepsakes.ts';
import { indexNodesOf } from '../membership/detector.ts';
import { compareVersions } from '../manifest.ts';
import { hashManifest } from '../presence.ts';
import {
  MAX_ROWS,
  type Announcement,
  type Evidence,
  type EvidenceFound,
  type Row,
  type Rows,
} from './registry-bodies.ts';
import { findFault } from '../validation.ts';

/** The other index nodes of the cluster. */
export function otherIndexNodes(node: Node): Peer[] {
  return indexNodesOf(node).filter((peer) => peer !== node.self);
}

/** Whether a node of which nothing has been heard for so long is taken to be gone. */
export function isGone(node: Node, ageUs: number): boolean {
  return ageUs >= node.config.parameters.silentAfterUs;
}

/** What came of an announcement: refused are those unsigned, invalid, of another cluster, or beyond the bound of the table. */
export type Learnt = 'new' | 'old' | 'refused';

/**
 * Takes in what a node says of itself, whoever brings it. The higher (epoch, version) holds; of one body the one with more
 * valid attestations; two bodies under one version are evidence, and the one of the lower hash stands. So what is held
 * depends on what was heard, and not on the order, the path or how often (R3-2).
 * @param heardUs when the node itself was heard, if it is not listed yet
 */
export function learn(
  node: Node,
  index: IndexNode,
  out: Outbox,
  announced: Announcement,
  heardUs: number,
): Learnt {
  const { directory } = index;
  const { manifest, version, attestations } = announced;
  const slot = directory.slotOf(manifest.id);
  const known = slot < 0 ? null : directory.at(slot);
  const order = known === null ? 1 : compareVersions(version, known.version);
  if (known === announced || order < 0) return 'old';
  const hash = hashManifest(node, manifest, version);
  const knownHash = known === null || order > 0 ? '' : hashManifest(node, known.manifest, known.version);
  const isSameBody = known !== null && hash === knownHash;
  if (isSameBody && isPrinted(node, index, slot, announced, hash)) return 'old';
  const why = whyNot(
    node,
    announced,
    hash,
    known === null && directory.size >= node.config.parameters.maxDirectory,
  );
  if (why >= 0) {
    countRefusal(node, why);
    return 'refused';
  }
  const valid = validMask(node, manifest, attestations);
  if (isSameBody) {
    const difference = countValid(valid) - countValid(directory.validAt(slot));
    const isBetter =
      difference > 0 || (difference === 0 && isPrintGreater(node, index, slot, announced, hash));
    if (!isBetter) return 'old';
  }
  const isEquivocation = known !== null && order === 0 && !isSameBody;
  if (isEquivocation) {
    const [first, second] = hash < knownHash ? [announced, known] : [known, announced];
    addEvidence(node, index, out, { first, second }, node.config.parameters.maxHops);
    if (first === known) {
      directory.quarantine(node.pure, slot);
      return 'new';
    }
  }
  const place = directory.put(node.pure, announced, hash, valid, heardUs);
  if (isEquivocation || index.evidence.has(manifest.id)) directory.quarantine(node.pure, place);
  if (known === null) note(node, out, null, NOTE_JOINED, manifest.id);
  return 'new';
}

/** Why an announcement is refused, or −1. */
function whyNot(node: Node, { manifest, signature }: Announcement, hash: string, isFull: boolean): number {
  if (manifest.cluster !== node.config.manifest.cluster) return REFUSAL_MISPLACED;
  if (findFault(manifest) !== null) return REFUSAL_MALFORMED;
  if (!node.pure.verify(manifest.id, hash, signature)) return REFUSAL_FORGED;
  return isFull ? REFUSAL_FULL : -1;
}

function isPrinted(
  node: Node,
  { directory }: IndexNode,
  slot: number,
  told: Announcement,
  hash: string,
): boolean {
  const { high, low } = printOf(node.pure, told, hash);
  return high === directory.printHighAt(slot) && low === directory.printLowAt(slot);
}

/** An order of no meaning, the same everywhere. */
function isPrintGreater(
  node: Node,
  { directory }: IndexNode,
  slot: number,
  told: Announcement,
  hash: string,
): boolean {
  const { high, low } = printOf(node.pure, told, hash);
  const difference = high - directory.printHighAt(slot);
  return difference > 0 || (difference === 0 && low > directory.printLowAt(slot));
}

/** A node that is gone, by whatever detector says so, is listed no more. What proves it guilty is kept. */
export function dropMember(node: Node, index: IndexNode, peer: Peer, out: Outbox): void {
  const slot = index.directory.slotOf(peer);
  if (slot < 0) return;
  index.directory.drop(node.pure, slot);
  index.pending.delete(peer);
  note(node, out, null, NOTE_REMOVED, peer);
}

/** Checks for itself what another index node holds against a node: nobody can be framed (R4-3). */
export function onEvidence(node: Node, index: IndexNode, out: Outbox, envelope: Envelope): void {
  const { evidence, hopsLeft } = envelope.body as EvidenceFound;
  if (index.evidence.has(evidence.first.manifest.id)) return;
  if (!isProof(node, evidence)) {
    countRefusal(node, REFUSAL_FORGED);
    return;
  }
  addEvidence(node, index, out, evidence, Math.min(hopsLeft, node.config.parameters.maxHops));
}

/** Two valid signatures of one key over two bodies under one version. */
function isProof(node: Node, { first, second }: Evidence): boolean {
  if (first.manifest.id !== second.manifest.id || compareVersions(first.version, second.version) !== 0)
    return false;
  if (first.manifest.cluster !== node.config.manifest.cluster) return false;
  const [one, two] = [first, second].map(({ manifest, version }) => hashManifest(node, manifest, version));
  const { id } = first.manifest;
  return (
    one !== two && node.pure.verify(id, one, first.signature) && node.pure.verify(id, two, second.signature)
  );
}

function addEvidence(node: Node, index: IndexNode, out: Outbox, evidence: Evidence, hopsLeft: number): void {
  const { id } = evidence.first.manifest;
  const slot = index.directory.slotOf(id);
  if (slot >= 0) index.directory.quarantine(node.pure, slot);
  if (index.evidence.has(id) || !makeRoom(node, index, slot >= 0)) return;
  index.evidence.set(id, evidence);
  evidenceChanged(index, id);
  note(node, out, null, NOTE_QUARANTINED, id);
  if (hopsLeft === 0) return;
  for (const peer of drawSome(node.random, otherIndexNodes(node), node.config.parameters.passFanout))
    sendEvidence(node, out, peer, evidence, hopsLeft - 1);
}

/** When all places are taken, evidence against a member displaces evidence against somebody who is not listed. */
function makeRoom(node: Node, index: IndexNode, isMember: boolean): boolean {
  const { maxEvidence } = node.config.parameters;
  if (index.evidence.size < maxEvidence) return true;
  if (!isMember) return false;
  const strangers = [...index.evidence.keys()].filter((peer) => !index.directory.has(peer));
  if (strangers.length === 0) return false;
  const displaced = strangers.reduce((low, peer) => (rankOf(node, peer) < rankOf(node, low) ? peer : low));
  index.evidence.delete(displaced);
  evidenceChanged(index, displaced);
  return true;
}

export function sendEvidence(node: Node, out: Outbox, to: Peer, evidence: Evidence, hopsLeft: number): void {
  const body: EvidenceFound = { evidence, hopsLeft };
  out.send(EVIDENCE, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

/**
 * Has something new passed on to other index nodes (R5.2-3). It waits for the next passing-on, so that of an origin that
 * announces itself without end the others hear once each time, and of its versions the last.
 */
export function passOn(node: Node, index: IndexNode, now: Now, peer: Peer, hopsLeft: number): void {
  if (hopsLeft <= 0 || otherIndexNodes(node).length === 0) return;
  index.pending.set(peer, Math.max(hopsLeft, index.pending.get(peer) ?? 0));
  if (index.nextPassUs === NEVER_US) index.nextPassUs = now.monoUs + node.config.parameters.passUs;
}

export function onPassAlarm(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  if (now.monoUs < index.nextPassUs) return;
  index.nextPassUs = NEVER_US;
  const others = otherIndexNodes(node);
  const peers = [...index.pending.keys()].sort((left, right) => rankOf(node, left) - rankOf(node, right));
  const rows = peers.flatMap((peer) => rowOf(node, index, now, peer, index.pending.get(peer)! - 1) ?? []);
  index.pending.clear();
  for (const to of drawSome(node.random, others, node.config.parameters.passFanout))
    sendRows(node, out, to, rows);
}

/** What this node can tell of another; null if there is nothing to tell. */
export function rowOf(node: Node, index: IndexNode, now: Now, peer: Peer, hopsLeft: number): Row | null {
  const { directory } = index;
  const slot = directory.slotOf(peer);
  if (slot < 0) return null;
  const ageUs = Math.max(0, now.monoUs - directory.heardAt(slot));
  if (isGone(node, ageUs)) return null;
  return { announced: directory.at(slot), load: directory.loadAt(slot), ageUs, hopsLeft };
}

export function sendRows(node: Node, out: Outbox, to: Peer, rows: readonly Row[]): void {
  for (let i = 0; i < rows.length; i += MAX_ROWS) {
    const body = { rows: rows.slice(i, i + MAX_ROWS) };
    out.send(ROWS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
  }
}

/**
 * Takes in what another index node holds. Hearsay brings manifests and a first load; it makes nobody seem heard who is
 * listed already, nor anybody younger than the other says.
 */
export function onRows(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const { directory } = index;
  const { rows } = envelope.body as Rows;
  for (const { announced, load, ageUs, hopsLeft } of rows) {
    const { id } = announced.manifest;
    if (!directory.has(id) && isGone(node, ageUs)) continue;
    const learnt = learn(node, index, out, announced, now.monoUs - ageUs);
    // What is good of it is taken all the same.
    if (learnt === 'refused') continue;
    const slot = directory.slotOf(id);
    if (slot >= 0 && load !== null && directory.loadAt(slot) === null)
      directory.hear(node.pure, slot, { ...load }, directory.heardAt(slot));
    if (learnt === 'new') passOn(node, index, now, id, Math.min(hopsLeft, node.config.parameters.maxHops));
  }
}

function rankOf(node: Node, peer: Peer): number {
  return node.pure.rank(peer);
}
