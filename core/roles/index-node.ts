import type { Peer } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { hearOtherwise } from '../cluster/membership/detector.ts';
import { Directory } from '../cluster/registry/directory.ts';
import { onExchangeAlarm, startExchange } from '../cluster/registry/exchange.ts';
import { compareVersions, hasType, MAX_MODELS, NODE_TYPES, type Load } from '../cluster/manifest.ts';
import type { RankedSlots } from '../cluster/registry/ranked-slots.ts';
import { createKeepsakes, keepsakesShape, saveKeepsakes } from '../cluster/registry/keepsakes.ts';
import { evidenceShape } from '../cluster/registry/registry-bodies.ts';
import { dropMember, isGone, learn, onPassAlarm, passOn } from '../cluster/registry/registry.ts';
import { onStandingSweep, trustAt } from '../cluster/registry/testimony.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { memoryOf } from '../models/registry.ts';
import {
  FOUND,
  MANIFEST_WANTED,
  MAX_BRIDGES,
  MAX_CANDIDATES,
  OFFERED,
  REFUSED,
  type Announcement,
  type Beat,
  type Candidate,
  type Find,
} from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { flag, integer, optional, own, peer, record, shared, table, type Of } from '../machine/shape.ts';
import { noteAlone, reply } from '../machine/speech.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { NOT_READY, TRUST_TOO_LOW, type ErrorCode } from '../routing/outcomes.ts';
import { EXPERIMENTAL } from '../trust/attestation.ts';
import { bringingOf, mayDo, type Operation } from '../trust/operations.ts';
import { standingBookShape } from '../trust/standing-book.ts';

/** Service discovery for one cluster (§4.1): who is in it, what it offers, how busy it is. */
export const indexNodeShape = record({
  directory: own(() => new Directory()),
  /** Who has signed two bodies under one version, and both of them (R4-3). It outlives the place in the directory. */
  evidence: table(peer, shared(evidenceShape)),
  /** Whose news is to be passed on to other index nodes, and how often it still may be. */
  pending: table(peer, integer),
  nextSweepUs: integer,
  nextExchangeUs: integer,
  nextPassUs: integer,
  /** Until then it has hardly heard of anybody, and says so instead of saying that there is nobody. */
  warmAtUs: integer,
  /** Whether it has told of what its cluster has only one of, which it does once. */
  isSurveyed: flag,
  /** What it knows of who vouches for whom; null until somebody has (R8.1-3). */
  book: optional(standingBookShape),
  keepsakes: keepsakesShape,
});
export type IndexNode = Of<typeof indexNodeShape>;

export function createIndexNode(): IndexNode {
  return {
    directory: new Directory(),
    evidence: new Map(),
    pending: new Map(),
    nextSweepUs: NEVER_US,
    nextExchangeUs: NEVER_US,
    nextPassUs: NEVER_US,
    warmAtUs: 0,
    isSurveyed: false,
    book: null,
    keepsakes: createKeepsakes(),
  };
}

export function startIndexNode(node: Node, index: IndexNode, now: Now): void {
  const { sweepUs, warmUs } = node.config.parameters;
  index.nextSweepUs = now.monoUs + sweepUs;
  index.warmAtUs = now.monoUs + warmUs;
  if (index.book !== null) index.book.countedUs = now.monoUs;
  startExchange(node, index, now);
}

export function nextIndexAlarm({ nextSweepUs, nextExchangeUs, nextPassUs }: IndexNode): number {
  return Math.min(nextSweepUs, nextExchangeUs, nextPassUs);
}

/** A node announces itself to some index nodes; these tell the others (R5.2-3). */
export function onManifest(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const announced = envelope.body as Announcement;
  const { id } = announced.manifest;
  const learnt = learn(node, index, out, announced, now.monoUs);
  if (learnt === 'refused') return;
  if (learnt === 'new') passOn(node, index, now, id, node.config.parameters.maxHops);
  const slot = index.directory.slotOf(id);
  if (slot < 0 || envelope.from !== id) return;
  const isLast = compareVersions(announced.version, index.directory.at(slot).version) === 0;
  if (isLast) index.directory.hear(node.pure, slot, null, now.monoUs);
}

export function onBeat(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const { version, load } = envelope.body as Beat;
  hearOtherwise(node, out, envelope.from);
  const { directory } = index;
  const slot = directory.slotOf(envelope.from);
  // Nearly all say what they said last.
  if (slot >= 0 && directory.loadAt(slot) === load) {
    directory.hear(node.pure, slot, null, now.monoUs);
    return;
  }
  const order = slot < 0 ? 1 : compareVersions(version, directory.at(slot).version);
  if (order > 0) reply(node, out, envelope, MANIFEST_WANTED, {});
  else if (order === 0) directory.hear(node.pure, slot, load, now.monoUs);
}

/** R3-3: an empty answer is an answer, and comes at once. One that has just started has none to give yet. */
export function onFind(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  const find = envelope.body as Find;
  const { directory } = index;
  const bringing = bringingOf(find.minTrust);
  const refusal = findFault(index, now, envelope.from, bringing);
  if (refusal !== null) {
    const retryAfterUs = refusal.code === NOT_READY ? Math.max(1, index.warmAtUs - now.monoUs) : 0;
    reply(node, out, envelope, REFUSED, { ...refusal, retryAfterUs, struck: [] });
    return;
  }
  const isModelKnown = directory.offeringOf(find.model).size + directory.fittingOf(find.model).size > 0;
  reply(node, out, envelope, FOUND, {
    candidates: isModelKnown ? chooseCandidates(node, index, now, find) : [],
    bridges: find.withBridges ? chooseBridges(node, index, now, bringing) : [],
    isModelKnown,
  });
}

/** R8.1-2: who brings requests that are no tests must be worth it, or is told of nobody. */
function findFault(
  index: IndexNode,
  now: Now,
  asker: Peer,
  bringing: Operation,
): { code: ErrorCode; detail: string } | null {
  const { directory, warmAtUs } = index;
  if (now.monoUs < warmAtUs) return { code: NOT_READY, detail: 'listening' };
  if (mayDo(EXPERIMENTAL, bringing)) return null;
  const slot = directory.slotOf(asker);
  if (slot < 0) return { code: NOT_READY, detail: 'the asker has not announced itself here yet' };
  if (mayDo(trustAt(index, now, slot), bringing) && !directory.isQuarantinedAt(slot)) return null;
  return { code: TRUST_TOO_LOW, detail: 'the asker is trusted with tests only' };
}

/** What a bridge may tell other clusters that this one offers. */
export function onFindOffers(node: Node, index: IndexNode, now: Now, out: Outbox, envelope: Envelope): void {
  if (now.monoUs < index.warmAtUs) return;
  reply(node, out, envelope, OFFERED, { models: index.directory.modelsOffered().slice(0, MAX_MODELS) });
}

export function onIndexAlarm(node: Node, index: IndexNode, now: Now, out: Outbox): void {
  onPassAlarm(node, index, now, out);
  onExchangeAlarm(node, index, now, out);
  if (now.monoUs < index.nextSweepUs) return;
  index.nextSweepUs = now.monoUs + node.config.parameters.sweepUs;
  const { directory } = index;
  const silent: Peer[] = [];
  for (const slot of directory.slots())
    if (isGone(node, now.monoUs - directory.heardAt(slot))) silent.push(directory.peerAt(slot));
  silent.sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
  for (const one of silent) dropMember(node, index, one, out);
  onStandingSweep(node, index, now, out);
  saveKeepsakes(node, index, now, out);
  if (!index.isSurveyed && now.monoUs >= index.warmAtUs + SURVEY_AFTER_US) surveyTypes(node, index, out);
}

/** By then whoever starts with it has been heard. */
const SURVEY_AFTER_US = 5_000_000;

/** R3-1: start-up tells of each type that the cluster has only one node of. */
function surveyTypes(node: Node, index: IndexNode, out: Outbox): void {
  index.isSurveyed = true;
  const { directory } = index;
  for (const type of NODE_TYPES) {
    let only: Peer | null = null;
    let count = 0;
    for (const slot of directory.slots()) {
      if (!hasType(directory.at(slot).manifest, type)) continue;
      count++;
      only = directory.peerAt(slot);
    }
    if (count === 1) noteAlone(node, out, only!, type);
  }
}

/**
 * At most 32 of those who offer a model, from a random start in the order of ranks, so that all get their turn. Who would
 * pass the asker's filters comes first: filters before scores (R3-4), or in a large cluster all of the 32 might be of no
 * use to it. Room that is left goes to others, so that the asker can say why they were struck out (R5.3-1).
 */
function chooseCandidates(node: Node, index: IndexNode, now: Now, find: Find): Candidate[] {
  const { directory } = index;
  const chosen: Candidate[] = [];
  const others: number[] = [];
  const offering = directory.offeringOf(find.model);
  const requiredBytes = memoryOf(node, find.model) ?? 0;
  visitFromRandom(node, offering, (slot) => {
    if (isEligible(index, now, find, requiredBytes, slot))
      chosen.push(candidateAt(index, now, slot, find.model, true));
    else if (others.length < MAX_CANDIDATES) others.push(slot);
    return chosen.length < MAX_CANDIDATES;
  });
  for (const slot of others) {
    if (chosen.length === MAX_CANDIDATES) return chosen;
    chosen.push(candidateAt(index, now, slot, find.model, true));
  }
  if (chosen.length === MAX_CANDIDATES) return chosen;
  visitFromRandom(node, directory.fittingOf(find.model), (slot) => {
    chosen.push(candidateAt(index, now, slot, find.model, false));
    return chosen.length < MAX_CANDIDATES;
  });
  return chosen;
}

function chooseBridges(node: Node, index: IndexNode, now: Now, bringing: Operation): Peer[] {
  const { directory } = index;
  const bridges: Peer[] = [];
  visitFromRandom(node, directory.bridgeSlots(), (slot) => {
    if (mayDo(trustAt(index, now, slot), bringing)) bridges.push(directory.peerAt(slot));
    return bridges.length < MAX_BRIDGES;
  });
  return bridges;
}

/** Visits a list round once, until `visit` says that it is enough. */
function visitFromRandom(node: Node, slots: RankedSlots, visit: (slot: number) => boolean): void {
  const start = slots.size > 1 ? drawBelow(node.random, slots.size) : 0;
  for (let i = start; i < slots.size; i++) if (!visit(slots.at(i))) return;
  for (let i = 0; i < start; i++) if (!visit(slots.at(i))) return;
}

/** Whether the asker would not strike it out, as far as can be seen from here. */
function isEligible(
  index: IndexNode,
  now: Now,
  { minTrust, allowedRegions }: Find,
  requiredBytes: number,
  slot: number,
): boolean {
  const { directory } = index;
  const { manifest } = directory.at(slot);
  const load = directory.loadAt(slot);
  if (load === null || load.room === 0 || load.draining) return false;
  if ((manifest.compute?.gpuMemoryBytes ?? 0) < requiredBytes) return false;
  if (!isRegionAllowed(allowedRegions, manifest.region)) return false;
  return minTrust <= 1 || trustAt(index, now, slot) >= minTrust;
}

function candidateAt(index: IndexNode, now: Now, slot: number, model: string, isOffered: boolean): Candidate {
  const { directory } = index;
  const { manifest } = directory.at(slot);
  const load = directory.loadAt(slot);
  return {
    peer: manifest.id,
    region: manifest.region,
    trust: trustAt(index, now, slot),
    gpuMemoryBytes: manifest.compute?.gpuMemoryBytes ?? 0,
    isOffered,
    isLoaded: load?.loadedModels.includes(model) ?? false,
    load: load ?? NO_LOAD,
    ageUs: now.monoUs - directory.heardAt(slot),
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
