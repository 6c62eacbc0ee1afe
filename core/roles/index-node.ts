import type { Peer } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import {
  attestationShape,
  compareVersions,
  hasType,
  loadShape,
  manifestShape,
  manifestVersionShape,
  type Load,
} from '../cluster/manifest.ts';
import { findFault } from '../cluster/validation.ts';
import { hashManifest } from '../cluster/presence.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import {
  FOUND,
  MANIFEST_WANTED,
  MAX_BRIDGES,
  MAX_CANDIDATES,
  NOTE_JOINED,
  NOTE_REMOVED,
  OFFERED,
  type Announcement,
  type Beat,
  type Candidate,
  type Find,
} from '../machine/kinds.ts';
import { MAX_MODELS } from '../cluster/manifest.ts';
import { note, reply } from '../machine/speech.ts';
import type { Node } from '../machine/node-state.ts';
import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  shared,
  table,
  text,
  type Of,
} from '../machine/shape.ts';
import { effectiveTrust, keepValid } from '../trust/attestation.ts';

/** One node of the cluster, as an index node knows it. */
const entryShape = record({
  manifest: shared(manifestShape),
  version: shared(manifestVersionShape),
  hash: text(128),
  /** Those of its attestations that are signed by an attestor of the cluster. */
  attestations: shared(list(attestationShape, 8)),
  load: optional(shared(loadShape)),
  lastHeardUs: integer,
  /** Two bodies under one version were seen (R4-3): kept, and never offered again. */
  isQuarantined: flag,
});
type Entry = Of<typeof entryShape>;

/** Service discovery for one cluster (§4.1): who is in it, what it offers, how busy it is. */
export const indexNodeShape = record({
  entries: table(peer, entryShape),
  nextSweepUs: integer,
  /** Announcements refused: unsigned, invalid, of another cluster, or beyond the bound of the table. */
  refused: integer,
});
type IndexNode = Of<typeof indexNodeShape>;

export function createIndexNode(): IndexNode {
  return { entries: new Map(), nextSweepUs: NEVER_US, refused: 0 };
}

export function startIndexNode(node: Node, index: IndexNode, now: Now): void {
  index.nextSweepUs = now.monoUs + node.config.parameters.sweepUs;
}

export function onManifest(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const { manifest, version, signature, attestations } = envelope.body as Announcement;
  const known = index.entries.get(manifest.id);
  const hash = hashManifest(node, manifest, version);
  if (known !== undefined) {
    const order = compareVersions(version, known.version);
    if (order < 0 || (order === 0 && hash === known.hash)) return;
  }
  if (
    manifest.cluster !== node.config.manifest.cluster ||
    findFault(manifest) !== null ||
    !node.pure.verify(manifest.id, hash, signature) ||
    (known === undefined && index.entries.size >= node.config.parameters.maxDirectory)
  ) {
    index.refused++;
    return;
  }
  if (known !== undefined && compareVersions(version, known.version) === 0) {
    known.isQuarantined = true;
    return;
  }
  index.entries.set(manifest.id, {
    manifest,
    version,
    hash,
    attestations: keepValid(node, manifest, attestations),
    load: known?.load ?? null,
    lastHeardUs: now.monoUs,
    isQuarantined: known?.isQuarantined ?? false,
  });
  if (known === undefined) note(node, out, envelope, NOTE_JOINED, manifest.id);
}

export function onBeat(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const { version, load } = envelope.body as Beat;
  const entry = index.entries.get(envelope.from);
  if (entry === undefined || compareVersions(version, entry.version) > 0) {
    reply(node, out, envelope, MANIFEST_WANTED, {});
    return;
  }
  if (compareVersions(version, entry.version) < 0) return;
  entry.load = load;
  entry.lastHeardUs = now.monoUs;
}

/** R3-3: an empty answer is an answer, and comes at once. */
export function onFind(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const { model, withBridges } = envelope.body as Find;
  const offering = byRank(node, index).filter((entry) => mentions(entry, model));
  const bridges = withBridges ? bridgesOf(node, index) : [];
  reply(node, out, envelope, FOUND, {
    candidates: someOf(node, offering, MAX_CANDIDATES).map((entry) => candidateOf(now, entry, model)),
    bridges: someOf(node, bridges, MAX_BRIDGES),
    isModelKnown: offering.length > 0,
  });
}

/** What a bridge may tell other clusters that this one offers. */
export function onFindOffers(node: Node, index: IndexNode, out: Outbox, envelope: Envelope): void {
  const models = new Set<string>();
  for (const entry of byRank(node, index)) {
    for (const model of entry.load?.installedModels ?? []) if (models.size < MAX_MODELS) models.add(model);
  }
  const sorted = [...models].sort((left, right) => (left < right ? -1 : 1));
  reply(node, out, envelope, OFFERED, { models: sorted });
}

export function onIndexAlarm(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  if (now.monoUs < index.nextSweepUs) return;
  index.nextSweepUs = now.monoUs + node.config.parameters.sweepUs;
  for (const entry of byRank(node, index)) {
    if (now.monoUs - entry.lastHeardUs < node.config.parameters.silentAfterUs) continue;
    index.entries.delete(entry.manifest.id);
    note(node, out, null, NOTE_REMOVED, entry.manifest.id);
  }
}

/** Entries that may be offered, in the order of ranks, which no driver's numbering can change. */
function byRank(node: Node, index: IndexNode): Entry[] {
  const entries: Entry[] = [];
  for (const entry of index.entries.values()) if (!entry.isQuarantined) entries.push(entry);
  return entries.sort((left, right) => node.pure.rank(left.manifest.id) - node.pure.rank(right.manifest.id));
}

function bridgesOf(node: Node, index: IndexNode): Peer[] {
  return byRank(node, index)
    .filter((entry) => hasType(entry.manifest, 'bridge'))
    .map((entry) => entry.manifest.id);
}

function mentions(entry: Entry, model: string): boolean {
  if (!hasType(entry.manifest, 'compute') || entry.manifest.compute === null) return false;
  return (
    entry.manifest.compute.supportedModels.includes(model) ||
    (entry.load?.installedModels.includes(model) ?? false)
  );
}

/** At most `most` items: a run of them from a random start, so that all get their turn. */
function someOf<T>(node: Node, items: T[], most: number): T[] {
  if (items.length <= most) return items;
  const start = drawBelow(node.random, items.length);
  return Array.from({ length: most }, (_, i) => items[(start + i) % items.length]);
}

function candidateOf(now: Now, entry: Entry, model: string): Candidate {
  const { manifest, load } = entry;
  return {
    peer: manifest.id,
    region: manifest.region,
    trust: effectiveTrust(now, manifest, entry.attestations),
    gpuMemoryBytes: manifest.compute?.gpuMemoryBytes ?? 0,
    isOffered: load?.installedModels.includes(model) ?? false,
    load: load ?? NO_LOAD,
    ageUs: now.monoUs - entry.lastHeardUs,
  };
}

/** A node that has announced itself and not yet said how it is: no room is known of. */
const NO_LOAD: Load = {
  running: 0,
  queued: 0,
  slots: 0,
  room: 0,
  serviceUs: 0,
  freeMemoryBytes: 0,
  installedModels: [],
  loadedModels: [],
  draining: false,
};
