import type { Peer } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  CLUSTERS,
  MAX_CLUSTERS_LISTED,
  type ClusterNews,
  type FindClusters,
  type ListedCluster,
  type PeeringNews,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_MISPLACED } from '../../machine/refusals.ts';
import { noteAlone, reply } from '../../machine/speech.ts';
import { agreementWith, peeredKeys, proveAgreement, startAgreements, takePeering } from './agreements.ts';
import {
  ageOf,
  byKey,
  hearNews,
  keysOfRound,
  onDirectoryAlarm,
  recordOf,
  spendCheck,
  startClusterDirectory,
  tellClusters,
  type Hearing,
} from './cluster-directory.ts';
import { otherSideOf } from './peering.ts';
import {
  alignSessions,
  onSessionsAlarm,
  startSessions,
  tellExports,
  tellPeering,
  tellRoute,
  type Border,
  type SessionState,
} from './sessions.ts';

/** How a bridge learns of other clusters, and what becomes of it: records, then peerings, then sessions (R5.1-5, R5.2-4). */

export function startBorder(node: Node, border: Border, now: Now, out: Outbox): void {
  const { agreements, directory, sessions } = border;
  startAgreements(node, agreements);
  startClusterDirectory(node, directory, agreements.own, now);
  startSessions(node, sessions, now);
  for (const { peer, address } of node.config.seedBridges) tellRoute(node, out, peer, address);
  tellClusters(node, directory, now, out, receiversOf(node, border), [agreements.own], true);
  const { bridges = [], genesis } = node.config.record ?? {};
  if (bridges.length === 1) noteAlone(node, out, node.self, `bridge of ${genesis!.cluster}`);
}

export function onBorderAlarm(node: Node, border: Border, now: Now, out: Outbox): void {
  if (now.monoUs >= border.sessions.nextBeatUs) {
    askOnward(node, border, now, out);
    onSessionsAlarm(node, border, now, out);
  }
  const { directory } = border;
  const isIdle = now.monoUs < directory.nextNewsUs && now.monoUs < directory.nextRoundUs;
  if (!isIdle)
    onDirectoryAlarm(node, directory, hearingOf(node, border), now, out, receiversOf(node, border));
}

/** Takes in what another bridge tells of clusters. */
export function onClusterNews(node: Node, border: Border, now: Now, out: Outbox, envelope: Envelope): void {
  const { directory, agreements } = border;
  const { records, asks } = envelope.body as ClusterNews;
  const hearing = hearingOf(node, border);
  const learnt = hearNews(node, directory, hearing, now, out, envelope.from, records);
  const peered = learnt.filter((key) => agreements.held.has(key));
  for (const key of peered) proveAgreement(node, agreements, key, recordOf(directory, key)!.genesis);
  if (peered.length > 0) alignSessions(node, border, now, out);
  if (!asks || !spendCheck(node, directory, hearing, now, envelope.from)) return;
  tellClusters(node, directory, now, out, [envelope.from], keysOfRound(directory, agreements.own), false);
}

/** Takes in a peering that somebody brings: what counts is who has signed it. */
export function onPeering(node: Node, border: Border, now: Now, out: Outbox, envelope: Envelope): void {
  const { agreements, directory } = border;
  const body = envelope.body as PeeringNews;
  const key = otherSideOf(body.peering, agreements.own)?.genesis;
  const record = key === undefined ? null : recordOf(directory, key);
  if (!spendCheck(node, directory, hearingOf(node, border), now, envelope.from)) return;
  // Before the other cluster is known its signature cannot be checked, and nothing that came by itself is kept.
  if (record === null) countRefusal(node, REFUSAL_MISPLACED);
  else if (takePeering(node, agreements, body, record.genesis)) {
    const agreement = agreements.held.get(key!)!;
    // Neighbours, and those who have a session by an earlier peering; others are told when their session opens.
    const told = [...(recordOf(directory, agreements.own)?.bridges ?? []), ...sessionsOf(border, key!)];
    for (const { peer } of told)
      if (peer !== node.self && peer !== envelope.from) tellPeering(node, out, peer, agreement);
    alignSessions(node, border, now, out);
    tellExports(node, border, out);
  }
}

function sessionsOf({ sessions }: Border, key: string): SessionState[] {
  return sessions.sessions.filter(({ genesis }) => genesis === key);
}

/** Lists what this bridge has heard of, its own cluster first. */
export function onFindClusters(node: Node, border: Border, now: Now, out: Outbox, envelope: Envelope): void {
  const { directory, agreements } = border;
  const { from } = envelope.body as FindClusters;
  const entries = byKey(directory);
  entries.sort(
    ([leftKey, left], [rightKey, right]) =>
      compareNames(
        leftKey === agreements.own ? '' : left.record.genesis.cluster,
        rightKey === agreements.own ? '' : right.record.genesis.cluster,
      ) || compareNames(leftKey, rightKey),
  );
  const clusters = entries.slice(from, from + MAX_CLUSTERS_LISTED).map(([key, heard]): ListedCluster => {
    const { genesis, region, bridges, exports, version } = heard.record;
    const isOwn = key === agreements.own;
    return {
      cluster: genesis.cluster,
      genesis: key,
      region,
      bridges: bridges.length,
      exports,
      version,
      ageUs: isOwn ? 0 : ageOf(heard, now),
      source: heard.source,
      isPeered: agreementWith(agreements, key, now) !== null,
      isOwn,
    };
  });
  reply(node, out, envelope, CLUSTERS, { clusters, total: entries.length });
}

function compareNames(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Whom a bridge tells of clusters: the other bridges of its own, those of peered clusters, and those it began with. */
export function receiversOf(node: Node, { directory, agreements, sessions }: Border): Peer[] {
  const receivers = new Set<Peer>();
  for (const { peer } of recordOf(directory, agreements.own)?.bridges ?? []) receivers.add(peer);
  for (const { peer } of sessions.sessions) receivers.add(peer);
  for (const { peer } of node.config.seedBridges) receivers.add(peer);
  receivers.delete(node.self);
  return [...receivers];
}

function hearingOf(node: Node, border: Border): Hearing {
  const { agreements } = border;
  const known = receiversOf(node, border);
  return {
    own: agreements.own,
    isKnown: (sender) => known.includes(sender),
    isPeered: (key) => agreements.held.has(key),
  };
}

/** While a cluster with a peering has not been heard of, seeds and neighbours are asked each second. */
function askOnward(node: Node, border: Border, now: Now, out: Outbox): void {
  const { agreements, directory } = border;
  if (peeredKeys(agreements).every((key) => directory.entries.has(key))) return;
  tellClusters(node, directory, now, out, receiversOf(node, border), [agreements.own], true);
}
