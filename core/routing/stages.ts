import { NOBODY, type Peer } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import type { Now } from '../base/time.ts';
import { chooseCrossing } from '../cluster/border/sessions.ts';
import type { Outbox } from '../machine/envelope.ts';
import { memoryOf } from '../models/registry.ts';
import { AGENT, CROSS, FIND, NOTE_ASKED, RUN, type Candidate, type Find } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { noteRequest } from '../machine/speech.ts';
import { loadOf } from '../roles/compute.ts';
import { ownTrust } from '../trust/attestation.ts';
import { findEjected, noteAsked } from './breaker.ts';
import { decide, errorOfStrikes, type Asker } from './decide.ts';
import { refusal, type Outcome } from './ending.ts';
import {
  DEADLINE_EXCEEDED,
  NOT_READY,
  OVERLOADED,
  STAGE_CLUSTER,
  STAGE_FEDERATION,
  STAGE_LOCAL,
  STRIKE_EJECTED,
  STRIKE_MODEL,
} from './outcomes.ts';
import { awaitPeer, SCOPE_ALL, SCOPE_OUTWARD, strike, type Search, type Searcher } from './search-state.ts';
import { goByRecalled, nextIndex } from './recall.ts';
import { isTooLate, type Want } from './want.ts';

/** §5.3: serve here, else ask the cluster, else ask the federation, else say why not. */
export function advance(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
): Outcome | null {
  if (isPast(search, now))
    return refusal(DEADLINE_EXCEEDED, 'the deadline passed before an answer came', search.struck);
  if (search.stage === STAGE_LOCAL) {
    const local = candidateOfSelf(node, now, search.want.model);
    if (local !== null && askOneOf(node, searcher, search, now, out, [local])) return null;
    search.stage = STAGE_CLUSTER;
  }
  if (search.stage === STAGE_CLUSTER) {
    if (search.candidates === null && askIndex(node, searcher, search, now, out)) return null;
    if (search.candidates === null) goByRecalled(node, searcher.recall, now, search);
    if (askOneOf(node, searcher, search, now, out, search.candidates ?? [])) return null;
    search.stage = STAGE_FEDERATION;
  }
  if (search.scope === SCOPE_ALL && askBridge(node, searcher, search, now, out)) return null;
  if (search.scope === SCOPE_OUTWARD && askCluster(node, searcher, search, now, out)) return null;
  const isDark = search.scope !== SCOPE_OUTWARD && search.candidates === null && search.struck.length === 0;
  if (isDark) return refusal(NOT_READY, 'no index node answered', search.struck);
  const isOfferedByNobody = search.struck.length === 0;
  const detail = isOfferedByNobody ? `nobody in reach offers ${search.want.model} now` : '';
  const code = errorOfStrikes(search.struck);
  return refusal(code, detail, search.struck, code === OVERLOADED ? roomAfterUs(search) : 0);
}

/** Whether what comes now comes too late, by either clock (R5.3-3). */
export function isPast(search: Search, now: Now): boolean {
  return now.monoUs >= search.deadlineUs || isTooLate(search.want, now);
}

/** Asks the next index node who offers the model. False when all were asked in vain, or were silent a moment ago. */
function askIndex(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const index = nextIndex(node, searcher.recall, now, search);
  if (index === NOBODY) return false;
  search.isFinding = true;
  const { model, minTrust, allowedRegions } = search.want;
  const body: Find = { model, withBridges: search.scope === SCOPE_ALL, minTrust, allowedRegions };
  search.attempt++;
  out.send(FIND, node.self, index, search.origin, search.originBoot, search.n, search.attempt, body);
  awaitPeer(searcher, search, now, index, node.config.parameters.findTimeoutUs);
  return true;
}

function askOneOf(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  candidates: readonly Candidate[],
): boolean {
  const required = memoryOf(node, search.want.model) ?? 0;
  const asker = askerOf(node, searcher, search, now);
  const able = search.plan === null ? candidates : ableFor(search, candidates, asker.cluster);
  const { chosen, struck } = decide(search.want, required, able, asker, node.random);
  strike(search, struck);
  if (chosen === null) return false;
  if (search.plan !== null) return ask(node, searcher, search, now, out, chosen.peer, AGENT, search.plan);
  return ask(node, searcher, search, now, out, chosen.peer, RUN, forwarded(search, now));
}

/** Those that have the models of all steps of an agent. */
function ableFor(search: Search, candidates: readonly Candidate[], cluster: string): Candidate[] {
  const models = search.plan!.plan.steps.map(({ model }) => model);
  return candidates.filter(({ peer, load }) => {
    const isAble = models.every((model) => load.installedModels.includes(model));
    if (!isAble) strike(search, [{ peer, cluster, reason: STRIKE_MODEL }]);
    return isAble;
  });
}

/** Asks a bridge of the own cluster to get the request answered elsewhere. */
function askBridge(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const { cluster, tried, targets, monoUs, parameters } = askerOf(node, searcher, search, now);
  const pool = search.bridges.flatMap((peer) => (tried.includes(peer) ? [] : [{ peer }]));
  if (pool.length === 0) return false;
  const ejected = findEjected(pool, targets, monoUs, parameters);
  strike(
    search,
    ejected.map(({ peer }) => ({ peer, cluster, reason: STRIKE_EJECTED })),
  );
  const bridges = pool.filter((one) => !ejected.includes(one));
  const bridge = bridges[drawBelow(node.random, bridges.length)].peer;
  const body = { want: forwarded(search, now), path: [] };
  return ask(node, searcher, search, now, out, bridge, CROSS, body);
}

/** Asks a bridge of another cluster. */
function askCluster(node: Node, searcher: Searcher, search: Search, now: Now, out: Outbox): boolean {
  const path = [...search.path, node.config.manifest.cluster];
  const { tried, want } = search;
  const { sessions } = node.bridge!;
  const { session, struck } = chooseCrossing(node, sessions, now, want, path, tried, searcher.targets);
  strike(search, struck);
  if (session === null) return false;
  return ask(node, searcher, search, now, out, session.peer, CROSS, { want: forwarded(search, now), path });
}

/** Sends the request to a peer and waits for it; false when there have been tries enough (R5.3-3). */
function ask(
  node: Node,
  searcher: Searcher,
  search: Search,
  now: Now,
  out: Outbox,
  asked: Peer,
  kind: number,
  body: unknown,
): boolean {
  const { parameters } = node.config;
  if (search.tries > 0) {
    const shareOfInFlight = Math.floor((searcher.searches.size * parameters.retryBudgetPpm) / 1_000_000);
    const budget = Math.max(parameters.retryBudgetLeast, shareOfInFlight);
    if (search.tries > parameters.retries || searcher.retriesInFlight >= budget) return false;
    search.isRetrying = true;
    searcher.retriesInFlight++;
  }
  search.tries++;
  search.attempt++;
  search.tried.push(asked);
  noteAsked(searcher.targets, asked, now.monoUs, parameters);
  out.send(kind, node.self, asked, search.origin, search.originBoot, search.n, search.attempt, body);
  awaitPeer(searcher, search, now, asked, parameters.silenceUs);
  noteRequest(node, out, search, NOTE_ASKED, search.want.model, asked, search.stage, 0, search.struck);
  return true;
}

function askerOf(node: Node, searcher: Searcher, search: Search, now: Now): Asker {
  const { config } = node;
  return {
    cluster: config.manifest.cluster,
    tried: search.tried,
    inFlight: searcher.inFlight,
    targets: searcher.targets,
    monoUs: now.monoUs,
    parameters: config.parameters,
  };
}

/** When one of those that are full may have room again: what one of them has said, or the shortest job of any; 0 unknown. */
export function roomAfterUs({ retryAfterUs, candidates }: Search): number {
  let soonestUs = retryAfterUs;
  for (const { load } of candidates ?? []) {
    if (load.room > 0 || load.slots === 0) continue;
    const oneUs = Math.ceil(load.serviceUs / load.slots);
    if (oneUs > 0 && (soonestUs === 0 || oneUs < soonestUs)) soonestUs = oneUs;
  }
  return soonestUs;
}

/** What is asked of the next one: the same, with the time that is left. */
function forwarded(search: Search, now: Now): Want {
  return { ...search.want, timeLeftUs: search.deadlineUs - now.monoUs };
}

/** This node as a candidate for its own request, or null if it does not offer the model. */
function candidateOfSelf(node: Node, now: Now, model: string): Candidate | null {
  const { manifest } = node.config;
  const load = loadOf(node, now);
  if (node.compute === null || !load.installedModels.includes(model)) return null;
  return {
    peer: node.self,
    region: manifest.region,
    trust: ownTrust(node, now),
    gpuMemoryBytes: manifest.compute?.gpuMemoryBytes ?? 0,
    isOffered: true,
    isLoaded: load.loadedModels.includes(model),
    load,
    ageUs: 0,
  };
}
