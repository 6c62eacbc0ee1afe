import type { Now } from '../base/time.ts';
import { Digest } from '../base/digest.ts';
import { drawSome } from '../base/rng.ts';
import type { Peer } from '../base/peers.ts';
import { hasType } from '../cluster/manifest.ts';
import { hasMemberType, liveMembersOf } from '../cluster/membership/detector.ts';
import { doesExport, sideOf } from '../cluster/border/peering.ts';
import { isHeard } from '../cluster/border/sessions.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { MODEL_NEWS, MODEL_ROUND } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { countRefusal, REFUSAL_FULL } from '../machine/refusals.ts';
import { STABLE, type Channel, type ModelEntry, type Verdict, type Withdrawal } from './documents.ts';
import { channelHash, findEntryFault, idOfEntry, verdictHash, withdrawalHash } from './hashes.ts';
import { MAX_TOLD, type ModelNews, type ModelRound } from './model-bodies.ts';
import {
  channelKey,
  entryKey,
  modelRecordOf,
  verdictKey,
  withdrawalKey,
  type ModelRecord,
} from './model-record.ts';
import { entryOf, keysInOrder, stableOf, type ModelHost, type Registry } from './model-state.ts';
import { storeModels } from './model-store.ts';

/**
 * The registry of models (R7.1-1) is a join of signed documents: of a version the entry with that hash, of a channel the highest
 * sequence, of a withdrawal the earliest bound, of verdicts a bad one before a good one. So nodes that heard the same hold the
 * same, in whatever order, and nobody need be asked what is true.
 */

/** Nodes that keep a registry: those that have models, hand them on, or are asked for them. */
const KEEPERS = ['compute', 'bridge', 'gateway'] as const;

export function keepsRegistry({ config }: Node): boolean {
  return config.publishers.length > 0 && KEEPERS.some((type) => hasType(config.manifest, type));
}

/** Whether a document counts, and comes in the place of what is held. */
export function learnEntry(node: Node, registry: Registry, entry: ModelEntry): string | null {
  const { signature, ...terms } = entry;
  const id = idOfEntry(node.pure, terms);
  if (registry.entries.has(id)) return null;
  const isSound = findEntryFault(terms) === null && isPublished(node, entry.publisher, id, signature);
  return isSound && put(node, registry.entries, id, entry) ? id : null;
}

export function learnChannel(node: Node, registry: Registry, channel: Channel): boolean {
  const { signature, ...terms } = channel;
  const known = registry.channels.get(channel.name);
  if (known !== undefined && !goesBefore(channel, known)) return false;
  if (channel.channel !== STABLE) return false;
  const isSigned = isPublished(node, channel.publisher, channelHash(node.pure, terms), signature);
  return isSigned && put(node, registry.channels, channel.name, channel);
}

/** A channel only moves forward; of two pointers under one number all take the same. */
function goesBefore(one: Channel, other: Channel): boolean {
  if (one.sequence !== other.sequence) return one.sequence > other.sequence;
  return one.id !== other.id ? one.id < other.id : one.signature < other.signature;
}

export function learnWithdrawal(node: Node, registry: Registry, withdrawal: Withdrawal): boolean {
  const { signature, ...terms } = withdrawal;
  const known = registry.withdrawals.get(withdrawal.id);
  if (known !== undefined) {
    if (known.untilWallUs < withdrawal.untilWallUs) return false;
    if (known.untilWallUs === withdrawal.untilWallUs && known.signature <= signature) return false;
  }
  const isSigned = isPublished(node, withdrawal.publisher, withdrawalHash(node.pure, terms), signature);
  return isSigned && put(node, registry.withdrawals, withdrawal.id, withdrawal);
}

/** Only nodes of the cluster judge for it. */
export function learnVerdict(node: Node, registry: Registry, verdict: Verdict): boolean {
  const { signature, ...terms } = verdict;
  const known = registry.verdicts.get(verdict.id);
  if (known !== undefined) {
    if (known.isGood === verdict.isGood ? known.signature <= signature : !known.isGood) return false;
  }
  if (verdict.judge !== node.self && !hasMemberType(node, verdict.judge, 'compute')) return false;
  if (!node.pure.verify(verdict.judge, verdictHash(node.pure, terms), signature)) return false;
  return put(node, registry.verdicts, verdict.id, verdict);
}

function isPublished(node: Node, publisher: Peer, hash: string, signature: string): boolean {
  return node.config.publishers.includes(publisher) && node.pure.verify(publisher, hash, signature);
}

/** At its bound a table takes nothing new; what is known already may still change. */
function put<V>(node: Node, into: Map<string, V>, key: string, value: V): boolean {
  if (into.size >= MAX_TOLD && !into.has(key)) {
    countRefusal(node, REFUSAL_FULL);
    return false;
  }
  into.set(key, value);
  return true;
}

/** Takes in documents, keeps what is new on disk, and passes it on. */
export function onModelNews(node: Node, host: ModelHost, now: Now, out: Outbox, envelope: Envelope): void {
  const news = envelope.body as ModelNews;
  const { registry } = host;
  const told = learnNews(node, host, out, news);
  if (countNews(told) > 0) {
    tell(node, out, drawMembers(node, node.config.parameters.gossipNodes), told, false);
    tellPeers(node, out, told, now);
    host.nextLookUs = now.monoUs;
  }
  if (!news.asks) return;
  const others = without(allOf(registry), news);
  if (countNews(others) > 0) tell(node, out, [envelope.from], others, false);
}

/** What of it was new. */
export function learnNews(node: Node, host: ModelHost, out: Outbox, news: ModelNews): ModelNews {
  const { registry } = host;
  const kept: { key: string; record: ModelRecord }[] = [];
  const keep = (key: string, sort: Partial<ModelRecord>): void =>
    void kept.push({ key, record: modelRecordOf(sort) });
  const entries = news.entries.filter((entry) => {
    const id = learnEntry(node, registry, entry);
    if (id !== null) keep(entryKey(id), { entry });
    return id !== null;
  });
  const channels = news.channels.filter((channel) => {
    const isNew = learnChannel(node, registry, channel);
    if (isNew) keep(channelKey(channel.name), { channel });
    return isNew;
  });
  const withdrawals = news.withdrawals.filter((withdrawal) => {
    const isNew = learnWithdrawal(node, registry, withdrawal);
    if (isNew) keep(withdrawalKey(withdrawal.id), { withdrawal });
    return isNew;
  });
  const verdicts = news.verdicts.filter((verdict) => {
    const isNew = learnVerdict(node, registry, verdict);
    if (isNew) keep(verdictKey(verdict.id), { verdict });
    return isNew;
  });
  storeModels(node, out, kept);
  return { entries, channels, withdrawals, verdicts, asks: false };
}

/** Compares what is known with another member, drawn by chance. */
export function onRoundAlarm(node: Node, host: ModelHost, now: Now, out: Outbox): void {
  if (now.monoUs < host.nextRoundUs) return;
  host.nextRoundUs = now.monoUs + node.config.parameters.modelRoundUs;
  host.handed = host.handed >> 1;
  const body: ModelRound = { sum: sumOf(host.registry) };
  for (const to of drawMembers(node, 1))
    out.send(MODEL_ROUND, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
  if (node.bridge !== null) tellPeers(node, out, allOf(host.registry), now);
}

export function onModelRound(node: Node, host: ModelHost, out: Outbox, envelope: Envelope): void {
  if ((envelope.body as ModelRound).sum === sumOf(host.registry)) return;
  tell(node, out, [envelope.from], allOf(host.registry), true);
}

/** Tells what this node has come to know by itself. */
export function spreadVerdict(node: Node, out: Outbox, verdict: Verdict): void {
  const news = { entries: [], channels: [], withdrawals: [], verdicts: [verdict], asks: false };
  tell(node, out, drawMembers(node, node.config.parameters.gossipNodes), news, false);
}

function tell(node: Node, out: Outbox, to: readonly Peer[], news: ModelNews, asks: boolean): void {
  const body: ModelNews = { ...news, asks };
  for (const one of to)
    out.send(MODEL_NEWS, node.self, one, node.self, node.bootCount, node.nextN++, 0, body);
}

/** Of models that a peering exports, the other cluster is told: documents travel, verdicts are a cluster's own. */
function tellPeers(node: Node, out: Outbox, news: ModelNews, now: Now): void {
  const { bridge } = node;
  if (bridge === null) return;
  const heard = bridge.sessions.sessions.filter((session) => isHeard(node, session, now));
  for (const session of drawSome(node.random, heard, 1)) {
    const { peering } = bridge.agreements.held.get(session.genesis)!;
    const side = sideOf(peering, bridge.agreements.own)!;
    const entries = news.entries.filter(({ name }) => doesExport(side, name));
    const channels = news.channels.filter(({ name }) => doesExport(side, name));
    const told = { entries, channels, withdrawals: news.withdrawals, verdicts: [], asks: false };
    if (countNews(told) > 0) tell(node, out, [session.peer], told, false);
  }
}

/** The memory that a model needs, as far as is known here: by the configuration, or by what its publisher points at; null: unknown. */
export function memoryOf({ config, models }: Node, model: string): number | null {
  const configured = config.models.find(({ name }) => name === model);
  if (configured !== undefined) return configured.requiredMemoryBytes;
  const id = models === null ? null : stableOf(models, model);
  return id === null ? null : entryOf(models!, id)!.requiredMemoryBytes;
}

/** Members that keep a registry, drawn by chance. */
function drawMembers(node: Node, count: number): readonly Peer[] {
  const members = new Set(KEEPERS.flatMap((type) => liveMembersOf(node, type)));
  members.delete(node.self);
  const others = [...members].sort((left, right) => node.pure.rank(left) - node.pure.rank(right));
  return drawSome(node.random, others, count);
}

function allOf({ entries, channels, withdrawals, verdicts }: Registry): ModelNews {
  const inOrder = <V>(of: ReadonlyMap<string, V>): V[] => keysInOrder(of).map((key) => of.get(key)!);
  return {
    entries: inOrder(entries),
    channels: inOrder(channels),
    withdrawals: inOrder(withdrawals),
    verdicts: inOrder(verdicts),
    asks: false,
  };
}

function countNews({ entries, channels, withdrawals, verdicts }: ModelNews): number {
  return entries.length + channels.length + withdrawals.length + verdicts.length;
}

/** What the one has that the other has not, told apart by signatures. */
function without(all: ModelNews, told: ModelNews): ModelNews {
  const rest = <V extends { readonly signature: string }>(of: readonly V[], from: readonly V[]): V[] =>
    of.filter(({ signature }) => !from.some((one) => one.signature === signature));
  return {
    entries: rest(all.entries, told.entries),
    channels: rest(all.channels, told.channels),
    withdrawals: rest(all.withdrawals, told.withdrawals),
    verdicts: rest(all.verdicts, told.verdicts),
    asks: false,
  };
}

/** Equal for equal registries: a sum, so that no order matters. */
export function sumOf(registry: Registry): string {
  const sum = new Digest();
  const each = new Digest();
  const { entries, channels, withdrawals, verdicts } = registry;
  for (const documents of [entries, channels, withdrawals, verdicts])
    for (const { signature } of documents.values()) {
      each.clear().text(signature);
      sum.add(each.high, each.low);
    }
  return sum.hex();
}
