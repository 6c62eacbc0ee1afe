import { ACCELERATOR, DISK, KEYS } from '../base/peers.ts';
import { createRandom } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { isTurnedAway } from '../cluster/affiliation/admittance.ts';
import { isDeparting, nextAffiliationUs, onAffiliationStored } from '../cluster/affiliation/affiliation.ts';
import { onAffiliation, onAffiliationAlarm } from '../cluster/affiliation/affiliation-dialogue.ts';
import { isIndexNode, nextDetectorUs, onDetection, onDetectorAlarm } from '../cluster/membership/detector.ts';
import { expireMembers } from '../cluster/membership/expiry.ts';
import { onMembershipStored } from '../cluster/membership/incarnation.ts';
import { progressLeaving } from '../cluster/affiliation/leaving.ts';
import { announceTo, createPresence, onPresenceAlarm } from '../cluster/presence.ts';
import { hasType } from '../cluster/manifest.ts';
import { onClusterNews, onFindClusters, onPeering } from '../cluster/border/border.ts';
import { onDirectory } from '../cluster/registry/exchange.ts';
import { onKeepsakesStored } from '../cluster/registry/keepsakes.ts';
import { onEvidence, onRows } from '../cluster/registry/registry.ts';
import { onExports, onSession } from '../cluster/border/sessions.ts';
import { onTrustSaid, sayTestimony } from '../cluster/registry/testimony.ts';
import * as desk from '../roles/agents/agent-desk.ts';
import * as models from '../models/model-host.ts';
import * as agents from '../roles/agents/agent-host.ts';
import * as bridges from '../roles/bridge.ts';
import * as computes from '../roles/compute.ts';
import * as gateways from '../roles/gateway.ts';
import * as indexes from '../roles/index-node.ts';
import * as podHosts from '../roles/pods/pod-host.ts';
import { createPodHost } from '../roles/pods/pod-state.ts';
import { onWitnessStored } from '../roles/pods/pod-witness.ts';
import { nextPodsUs, receiveKeys, receivePodRefusal, receivePods, wakePods } from '../roles/pods/pods.ts';
import { findAwaiting, onAnswer, onBegun, onFound, onRefused, onWorking } from '../routing/search.ts';
import type { Search, Searcher } from '../routing/search-state.ts';
import type { Envelope, Outbox } from './envelope.ts';
import * as kinds from './kinds.ts';
import { LOADING, READY, type Node } from './node-state.ts';
import { countRefusal, NO_REFUSALS, REFUSAL_IMPOSTOR, REFUSAL_LATE, refusalOfKind } from './refusals.ts';
import { askDiskAgain, load, receiveWhileStarting } from './startup.ts';

/** What a driver supplies with each boot. */
export interface Boot {
  /** How often this node has been booted, this time included; the driver keeps the count. */
  readonly bootCount: number;
  /** Four fresh words of chance. */
  readonly seedWords: readonly number[];
}

/** Starts a node. Whatever it held in memory before is gone; it says nothing until its disk has answered. */
export function boot(node: Node, _now: Now, { bootCount, seedWords }: Boot, out: Outbox): void {
  const { manifest } = node.config;
  node.phase = LOADING;
  node.bootCount = bootCount;
  node.nextN = 1;
  node.random = createRandom(seedWords);
  node.retryAtUs = NEVER_US;
  node.presence = createPresence();
  node.membership = null;
  node.affiliation = null;
  node.refusals = NO_REFUSALS;
  node.gateway = hasType(manifest, 'gateway') ? gateways.createGateway() : null;
  node.index = hasType(manifest, 'index') ? indexes.createIndexNode() : null;
  node.compute = hasType(manifest, 'compute') ? computes.NO_WORK : null;
  node.bridge = hasType(manifest, 'bridge') ? bridges.createBridge() : null;
  node.agents = null;
  node.pods = hasType(manifest, 'pod-host') ? createPodHost(node) : null;
  node.podDesk = null;
  node.models = null;
  load(node, out, '');
  setAlarm(node);
}

/** Takes in one envelope. */
export function receive(node: Node, now: Now, envelope: Envelope, out: Outbox): void {
  // A peer that says what only a device can say is not believed.
  if (envelope.from >= 0 && envelope.kind >= kinds.STORE) countRefusal(node, REFUSAL_IMPOSTOR);
  else if (node.phase !== READY) receiveWhileStarting(node, now, envelope, out);
  else {
    expireMembers(node, now, out);
    if (!isTurnedAway(node, now, out, envelope) && !receiveByRole(node, now, envelope, out))
      countRefusal(node, refusalOfKind(envelope.kind));
  }
  if (isDeparting(node)) progressLeaving(node, now, out);
  setAlarm(node);
}

/** Does what is due by now. Waking early is harmless. */
export function wake(node: Node, now: Now, out: Outbox): void {
  if (node.phase === READY) {
    expireMembers(node, now, out);
    onPresenceAlarm(node, now, out);
    onDetectorAlarm(node, now, out);
    if (node.affiliation !== null) onAffiliationAlarm(node, now, out, node.affiliation);
    if (node.gateway !== null) gateways.onGatewayAlarm(node, node.gateway, now, out);
    if (node.index !== null) indexes.onIndexAlarm(node, node.index, now, out);
    if (node.compute !== null) computes.onComputeAlarm(node, node.compute, now, out);
    if (node.bridge !== null) bridges.onBridgeAlarm(node, node.bridge, now, out);
    agents.onAgentsAlarm(node, now, out);
    models.onModelsAlarm(node, now, out);
    if (isDeparting(node)) progressLeaving(node, now, out);
    wakePods(node, now, out);
  } else if (now.monoUs >= node.retryAtUs) askDiskAgain(node, out);
  setAlarm(node);
}

/** The one switch. False if the envelope is none for this node. */
function receiveByRole(node: Node, now: Now, envelope: Envelope, out: Outbox): boolean {
  const { gateway, index, compute, bridge } = node;
  switch (envelope.kind) {
    case kinds.ASK:
      if (gateway === null) return false;
      gateways.onAsk(node, gateway, now, out, envelope);
      return true;
    case kinds.RUN:
      if (compute === null) return false;
      if (envelope.from === node.self && !agents.isWanted(node, envelope)) countRefusal(node, REFUSAL_LATE);
      else computes.onRun(node, compute, now, out, envelope);
      return true;
    case kinds.CROSS:
      if (bridge === null) return false;
      bridges.onCross(node, bridge, now, out, envelope);
      return true;
    case kinds.FIND:
      if (index === null) return false;
      indexes.onFind(node, index, now, out, envelope);
      return true;
    case kinds.FIND_OFFERS:
      if (index === null) return false;
      indexes.onFindOffers(node, index, now, out, envelope);
      return true;
    case kinds.MANIFEST:
      if (index === null) return false;
      indexes.onManifest(node, index, now, out, envelope);
      return true;
    case kinds.BEAT:
      if (index === null) return false;
      indexes.onBeat(node, index, now, out, envelope);
      return true;
    case kinds.DIRECTORY:
    case kinds.ROWS:
    case kinds.EVIDENCE:
      if (index === null || !isIndexNode(node, envelope.from)) return false;
      if (envelope.kind === kinds.DIRECTORY) onDirectory(node, index, now, out, envelope);
      else if (envelope.kind === kinds.ROWS) onRows(node, index, now, out, envelope);
      else onEvidence(node, index, out, envelope);
      return true;
    case kinds.MANIFEST_WANTED:
      if (!isIndexNode(node, envelope.from)) return false;
      announceTo(node, out, envelope.from);
      sayTestimony(node, now, out, envelope.from);
      return true;
    case kinds.TESTIMONY:
    case kinds.TESTIMONY_SUM:
    case kinds.LEVEL:
      return onTrustSaid(node, now, out, envelope);
    case kinds.SESSION:
      if (bridge === null) return false;
      onSession(node, bridge, now, out, envelope);
      return true;
    case kinds.EXPORTS:
      if (bridge === null) return false;
      onExports(node, bridge, envelope);
      return true;
    case kinds.CLUSTER_NEWS:
      if (bridge === null) return false;
      onClusterNews(node, bridge, now, out, envelope);
      return true;
    case kinds.PEERING:
      if (bridge === null) return false;
      onPeering(node, bridge, now, out, envelope);
      return true;
    case kinds.FIND_CLUSTERS:
      if (bridge !== null) onFindClusters(node, bridge, now, out, envelope);
      else if (gateway !== null) gateways.onFindClusters(node, out, envelope);
      else return false;
      return true;
    case kinds.CLUSTERS:
      return gateways.onClusters(node, out, envelope);
    case kinds.OFFERED:
      if (bridge === null || !isIndexNode(node, envelope.from)) return false;
      bridges.onOffered(node, bridge, out, envelope);
      return true;
    case kinds.AGENT:
      // From its owner it comes to a gateway, from a gateway to a host.
      if (gateway !== null && envelope.from === envelope.origin)
        gateways.onAskAgent(node, gateway, now, out, envelope);
      else if (compute !== null) agents.onAgent(node, now, out, envelope);
      else return false;
      return true;
    case kinds.AGENT_STOP:
    case kinds.AGENTS:
    case kinds.STEP:
      if (gateway !== null && envelope.from === envelope.origin) desk.onAsked(node, out, envelope);
      else if (compute !== null) agents.onAsked(node, now, out, envelope);
      else return false;
      return true;
    case kinds.STEP_RESULT:
    case kinds.AGENTS_FOUND:
      return gateway !== null && desk.onSaidToOwner(node, out, envelope);
    case kinds.STORED:
      if (envelope.from !== DISK) return false;
      if (onMembershipStored(node, now, out, envelope) || onAffiliationStored(node, now, out, envelope))
        return true;
      if (onWitnessStored(node, out, envelope)) return true;
      if (node.pods !== null && podHosts.onPodStored(node, node.pods, now, out, envelope)) return true;
      if (models.onModelStored(node, now, out, envelope.n, (envelope.body as kinds.Stored).condition))
        return true;
      if (
        node.index !== null &&
        onKeepsakesStored(node, node.index, now, envelope.n, (envelope.body as kinds.Stored).condition)
      )
        return true;
      agents.onAgentStored(node, now, out, envelope.n, (envelope.body as kinds.Stored).condition);
      return true;
    case kinds.INFERRED:
      if (compute === null || envelope.from !== ACCELERATOR) return false;
      computes.onInferred(node, compute, now, out, envelope);
      return true;
    case kinds.FOUND:
    case kinds.WORKING:
    case kinds.ANSWER:
    case kinds.REFUSED:
    case kinds.AGENT_STATE:
      if (envelope.origin === node.self && onAffiliation(node, now, out, envelope)) return true;
      receiveAnswer(node, now, envelope, out);
      return true;
    case kinds.JOIN:
    case kinds.LEAVE:
    case kinds.APPROVE:
    case kinds.JOINED:
    case kinds.PENDING:
    case kinds.DIALLED:
      return onAffiliation(node, now, out, envelope);
    case kinds.PING:
    case kinds.ACK:
    case kinds.PING_REQ:
    case kinds.NACK:
    case kinds.GOSSIP:
    case kinds.FIND_MEMBERS:
    case kinds.MEMBERS:
      return onDetection(node, now, out, envelope);
    case kinds.SIGNED:
      if (envelope.from !== KEYS) return false;
      if (models.onModels(node, now, out, envelope)) return true;
      return node.pods !== null && podHosts.onPodSigned(node, node.pods, out, envelope);
    default:
      if (kinds.isOfKeys(envelope.kind))
        return envelope.from === KEYS && receiveKeys(node, now, out, envelope);
      if (kinds.isOfModels(envelope.kind)) return models.onModels(node, now, out, envelope);
      return kinds.isOfPods(envelope.kind) && receivePods(node, now, out, envelope);
  }
}

/** Finds the search that waits for this; one that nothing waits for comes too late and changes nothing. */
function receiveAnswer(node: Node, now: Now, envelope: Envelope, out: Outbox): void {
  const { gateway, bridge } = node;
  if (envelope.from === node.self && agents.onStepAnswered(node, now, out, envelope)) return;
  if (receivePodRefusal(node, now, out, envelope)) return;
  if (node.compute !== null && computes.onPodGiven(node, node.compute, now, out, envelope)) return;
  if (gateway !== null) {
    const search = findAwaiting(gateway.searcher, envelope);
    if (search !== null) {
      const outcome = outcomeOf(node, gateway.searcher, search, now, envelope, out);
      gateways.endSearch(node, gateway, now, out, search, outcome);
      return;
    }
  }
  if (bridge !== null) {
    for (const searcher of [bridge.outward, bridge.inward]) {
      const search = findAwaiting(searcher, envelope);
      if (search === null) continue;
      const outcome = outcomeOf(node, searcher, search, now, envelope, out);
      bridges.endCrossing(node, bridge, now, searcher, search, out, outcome);
      return;
    }
  }
  const isOfAgent = envelope.kind === kinds.AGENT_STATE && gateway !== null;
  if (!isOfAgent || !desk.onSaidToOwner(node, out, envelope)) countRefusal(node, REFUSAL_LATE);
}

function outcomeOf(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  envelope: Envelope,
  out: Outbox,
) {
  switch (envelope.kind) {
    case kinds.FOUND:
      return onFound(node, searcher, search, now, out, envelope);
    case kinds.WORKING:
      onWorking(node, searcher, search, now);
      return null;
    case kinds.ANSWER:
      return onAnswer(searcher, search, now, envelope);
    case kinds.AGENT_STATE:
      return onBegun(searcher, search, envelope);
    default:
      return onRefused(node, searcher, search, now, out, envelope);
  }
}

/** All deadlines of a node reduce to one. */
function setAlarm(node: Node): void {
  const { presence, gateway, index, compute, bridge } = node;
  let nextUs = Math.min(presence.nextBeatUs, nextDetectorUs(node), nextAffiliationUs(node));
  if (node.phase !== READY) nextUs = Math.min(nextUs, node.retryAtUs);
  nextUs = Math.min(nextUs, agents.nextAgentUs(node), nextPodsUs(node), models.nextModelsUs(node));
  if (gateway !== null) {
    nextUs = Math.min(nextUs, nextOf(gateway.searcher));
  }
  if (index !== null) nextUs = Math.min(nextUs, indexes.nextIndexAlarm(index));
  if (compute !== null) nextUs = Math.min(nextUs, compute.nextWorkingUs);
  if (bridge !== null) {
    nextUs = Math.min(nextUs, bridge.sessions.nextBeatUs, bridge.nextOffersUs);
    nextUs = Math.min(nextUs, bridge.directory.nextNewsUs, bridge.directory.nextRoundUs);
    nextUs = Math.min(nextUs, nextOf(bridge.outward), nextOf(bridge.inward));
  }
  node.wakeAtUs = nextUs;
}

function nextOf(searcher: Searcher): number {
  return Math.min(searcher.nextWorkingUs, searcher.searches.deadlines.nextUs);
}
