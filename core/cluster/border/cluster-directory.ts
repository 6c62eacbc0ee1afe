import { NOBODY, type Peer } from '../../base/peers.ts';
import { NEVER_US, SECOND_US, type Now } from '../../base/time.ts';
import type { Outbox } from '../../machine/envelope.ts';
import { CLUSTER_NEWS, MAX_NEWS, type ClusterNews, type NewsItem } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_FORGED, REFUSAL_FULL } from '../../machine/refusals.ts';
import { integer, list, peer, record, shared, table, text, type Of } from '../../machine/shape.ts';
import { noteDiscovered } from '../../machine/speech.ts';
import { genesisHash } from '../../trust/genesis.ts';
import { clusterRecordShape, type ClusterRecord } from './border-documents.ts';
import { findRecordFault } from './cluster-record.ts';
import { compareVersions } from '../manifest.ts';

/** A cluster that a bridge has heard of. Hearing is not trusting: see agreements.ts (R5.1-5). */
const heardShape = record({
  record: shared(clusterRecordShape),
  /** Who told of it, or this node itself; and how many bridges have passed it on. */
  source: peer,
  hops: integer,
  /** When it was heard, and how old it was then, as far as those who passed it on are to be believed. */
  heardUs: integer,
  ageUs: integer,
});
export type Heard = Of<typeof heardShape>;

export const clusterDirectoryShape = record({
  /** By the hash of the genesis record. */
  entries: table(text(128), heardShape),
  /** What is new and has not been passed on, oldest first. */
  news: list(text(128), 65_536),
  nextNewsUs: integer,
  nextRoundUs: integer,
  /** Where the next round begins, if there is more than fits into one. */
  roundFrom: integer,
  /** Signatures checked since then, at most a second ago, by sender; strangers are all one. */
  checks: table(peer, integer),
  checksSinceUs: integer,
});
export type ClusterDirectory = Of<typeof clusterDirectoryShape>;

/** Records that a round, or one delivery of news, brings to each receiver at most. */
const MAX_ROUND = 4 * MAX_NEWS;
/** No age is worth telling beyond this. */
const OLD_US = 1e12;

export function createClusterDirectory(): ClusterDirectory {
  return {
    entries: new Map(),
    news: [],
    nextNewsUs: NEVER_US,
    nextRoundUs: NEVER_US,
    roundFrom: 0,
    checks: new Map(),
    checksSinceUs: 0,
  };
}

export function startClusterDirectory(node: Node, directory: ClusterDirectory, own: string, now: Now): void {
  const { record, parameters } = node.config;
  if (record === null) return;
  directory.entries.set(own, { record, source: node.self, hops: 0, heardUs: now.monoUs, ageUs: 0 });
  directory.nextRoundUs = now.monoUs + parameters.clusterRoundUs;
}

/** What a bridge must know of others to hear what they say. */
export interface Hearing {
  readonly own: string;
  /** Whether it is somebody whom this bridge tells itself: strangers have a smaller share of its time. */
  isKnown(sender: Peer): boolean;
  /** Whether a cluster has a peering with the own one: room is made for it. */
  isPeered(key: string): boolean;
}

/** Takes in what a bridge tells of clusters. Returns the keys of those that are new or have a new version. */
export function hearNews(
  node: Node,
  directory: ClusterDirectory,
  hearing: Hearing,
  now: Now,
  out: Outbox,
  sender: Peer,
  records: readonly NewsItem[],
): string[] {
  const learnt: string[] = [];
  for (const item of records) {
    const key = genesisHash(node.pure, item.record.genesis);
    const known = directory.entries.get(key);
    const order = known === undefined ? 1 : compareVersions(item.record.version, known.record.version);
    if (order < 0 || item.ageUs >= node.config.parameters.clusterForgetUs) continue;
    if (order === 0) refresh(node, directory, hearing, known!, key, item, now, sender);
    else if (take(node, directory, hearing, key, item, now, out, sender)) learnt.push(key);
  }
  if (directory.news.length > 0 && directory.nextNewsUs === NEVER_US)
    directory.nextNewsUs = now.monoUs + node.config.parameters.clusterNewsUs;
  return learnt;
}

/** The same version again: what is remembered is when that cluster was last heard of, from whom, and how near it is. */
function refresh(
  node: Node,
  directory: ClusterDirectory,
  hearing: Hearing,
  known: Heard,
  key: string,
  item: NewsItem,
  now: Now,
  sender: Peer,
): void {
  if (key === hearing.own) return;
  if (item.hops < known.hops) {
    // It came by a longer way first, and stopped early there: it has not reached all whom it may.
    known.hops = item.hops;
    tellOn(node, directory, key, item.hops);
  }
  if (item.ageUs >= ageOf(known, now)) return;
  directory.entries.set(key, {
    ...known,
    source: sender,
    hops: item.hops,
    heardUs: now.monoUs,
    ageUs: item.ageUs,
  });
}

function take(
  node: Node,
  directory: ClusterDirectory,
  hearing: Hearing,
  key: string,
  item: NewsItem,
  now: Now,
  out: Outbox,
  sender: Peer,
): boolean {
  if (!spendCheck(node, directory, hearing, now, sender)) return false;
  if (findRecordFault(node.pure, item.record) !== null) {
    countRefusal(node, REFUSAL_FORGED);
    return false;
  }
  const isWanted = directory.entries.has(key) || makeRoom(node, directory, hearing, key, now);
  if (!isWanted) {
    countRefusal(node, REFUSAL_FULL);
    return false;
  }
  if (!directory.entries.has(key)) noteDiscovered(node, out, sender, item.record.genesis.cluster);
  // Of the own cluster every bridge of it speaks itself, whoever brought the latest record.
  const isOwn = key === hearing.own;
  const hops = isOwn ? 0 : item.hops;
  directory.entries.set(key, {
    record: item.record,
    source: isOwn ? node.self : sender,
    hops,
    heardUs: now.monoUs,
    ageUs: item.ageUs,
  });
  tellOn(node, directory, key, hops);
  return true;
}

/** Has a record passed on, unless it has gone far enough. */
function tellOn(node: Node, directory: ClusterDirectory, key: string, hops: number): void {
  if (hops < node.config.parameters.clusterHops && !directory.news.includes(key)) directory.news.push(key);
}

/** Whether there is time to check another signature for this sender in this second. */
export function spendCheck(
  node: Node,
  directory: ClusterDirectory,
  hearing: Hearing,
  now: Now,
  from: Peer,
): boolean {
  const sender = hearing.isKnown(from) ? from : NOBODY;
  if (now.monoUs - directory.checksSinceUs >= SECOND_US) {
    directory.checks.clear();
    directory.checksSinceUs = now.monoUs;
  }
  const spent = directory.checks.get(sender) ?? 0;
  if (spent >= node.config.parameters.clusterChecks) {
    countRefusal(node, REFUSAL_FULL);
    return false;
  }
  directory.checks.set(sender, spent + 1);
  return true;
}

/** A directory that is full turns newcomers away, except those with a peering: the oldest without one makes room. */
function makeRoom(node: Node, directory: ClusterDirectory, hearing: Hearing, key: string, now: Now): boolean {
  if (directory.entries.size < node.config.parameters.maxClusters) return true;
  if (!hearing.isPeered(key)) return false;
  let oldest: string | null = null;
  for (const [other, heard] of byKey(directory)) {
    if (other === hearing.own || hearing.isPeered(other)) continue;
    if (oldest === null || ageOf(heard, now) > ageOf(directory.entries.get(oldest)!, now)) oldest = other;
  }
  if (oldest === null) return false;
  forget(directory, oldest);
  return true;
}

/** Passes on what is new, and every so often all that is known, so that whoever missed it hears it. */
export function onDirectoryAlarm(
  node: Node,
  directory: ClusterDirectory,
  hearing: Hearing,
  now: Now,
  out: Outbox,
  receivers: readonly Peer[],
): void {
  const { clusterNewsUs, clusterRoundUs } = node.config.parameters;
  if (now.monoUs >= directory.nextNewsUs) {
    tellClusters(node, directory, now, out, receivers, directory.news.splice(0, MAX_ROUND), false);
    directory.nextNewsUs = directory.news.length > 0 ? now.monoUs + clusterNewsUs : NEVER_US;
  }
  if (now.monoUs < directory.nextRoundUs) return;
  directory.nextRoundUs = now.monoUs + clusterRoundUs;
  forgetOld(node, directory, hearing, now);
  tellClusters(node, directory, now, out, receivers, keysOfRound(directory, hearing.own), false);
}

/** Tells some clusters to some bridges. `asks`: and wants to be told what they know. */
export function tellClusters(
  node: Node,
  directory: ClusterDirectory,
  now: Now,
  out: Outbox,
  receivers: readonly Peer[],
  keys: readonly string[],
  asks: boolean,
): void {
  const records: NewsItem[] = [];
  for (const key of keys) {
    const heard = directory.entries.get(key);
    if (heard === undefined || heard.hops >= node.config.parameters.clusterHops) continue;
    records.push({
      record: heard.record as NewsItem['record'],
      hops: heard.hops + 1,
      ageUs: heard.source === node.self ? 0 : ageOf(heard, now),
    });
  }
  for (let i = 0; i < records.length; i += MAX_NEWS) {
    const body: ClusterNews = { records: records.slice(i, i + MAX_NEWS), asks: asks && i === 0 };
    for (const to of receivers)
      out.send(CLUSTER_NEWS, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
  }
}

/** All that a bridge tells one that asks: the own cluster first. */
export function keysOfRound(directory: ClusterDirectory, own: string): string[] {
  const others = byKey(directory).flatMap(([key]) => (key === own ? [] : [key]));
  const from = others.length < MAX_ROUND ? 0 : directory.roundFrom % others.length;
  directory.roundFrom = others.length < MAX_ROUND ? 0 : from + MAX_ROUND - 1;
  return [own, ...others.slice(from), ...others.slice(0, from)].slice(0, MAX_ROUND);
}

export function ageOf({ heardUs, ageUs }: Heard, now: Now): number {
  return Math.min(OLD_US, ageUs + (now.monoUs - heardUs));
}

/** Entries in an order that no driver's insertion can change. */
export function byKey(directory: ClusterDirectory): [string, Heard][] {
  return [...directory.entries].sort(([left], [right]) => (left < right ? -1 : 1));
}

export function recordOf(directory: ClusterDirectory, key: string): ClusterRecord | null {
  return directory.entries.get(key)?.record ?? null;
}

/** A cluster that nobody has spoken for in a long time is forgotten, unless there is a peering with it. */
function forgetOld(node: Node, directory: ClusterDirectory, hearing: Hearing, now: Now): void {
  for (const [key, heard] of byKey(directory)) {
    const isKept = key === hearing.own || hearing.isPeered(key);
    if (!isKept && ageOf(heard, now) >= node.config.parameters.clusterForgetUs) forget(directory, key);
  }
}

function forget(directory: ClusterDirectory, key: string): void {
  directory.entries.delete(key);
  directory.news = directory.news.filter((other) => other !== key);
}
