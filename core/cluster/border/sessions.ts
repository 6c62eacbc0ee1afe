import { NETWORK, type Peer } from '../../base/peers.ts';
import { drawBelow } from '../../base/rng.ts';
import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  EXPORTS,
  NOTE_SESSION_DOWN,
  NOTE_SESSION_UP,
  PEERING,
  ROUTE,
  SESSION,
  type Exports,
  type PeeringNews,
  type Route,
  type Session,
  type Struck,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNPEERED } from '../../machine/refusals.ts';
import { flag, integer, list, peer, record, shared, text, type Of } from '../../machine/shape.ts';
import { note, noteAlone } from '../../machine/speech.ts';
import { isRegionAllowed } from '../../policy/regions.ts';
import { findEjected, type Targets } from '../../routing/breaker.ts';
import { STRIKE_EJECTED, STRIKE_REGION, STRIKE_UNREACHABLE } from '../../routing/outcomes.ts';
import type { Want } from '../../routing/want.ts';
import { agreementWith, peeredKeys, type Agreement, type Agreements } from './agreements.ts';
import type { ClusterRecord } from './border-documents.ts';
import { recordOf, type ClusterDirectory } from './cluster-directory.ts';
import { MAX_MODELS, name } from '../manifest.ts';
import { doesExport, otherSideOf, sideOf } from './peering.ts';

/** A bridge's session with a bridge of a peered cluster (R5.2-4): whether it is there, how far, and what it exports. */
const sessionShape = record({
  peer,
  /** Its cluster, by name and by the hash of its genesis record. */
  cluster: name,
  genesis: text(128),
  region: name,
  /** When it was last heard, by this node's steady clock; 0 never. */
  lastHeardUs: integer,
  /** Whether the observer has been told that it is heard. */
  isUp: flag,
  /** Its clock as last heard, to be sent back. */
  echoUs: integer,
  /** Smoothed round trip; 0 unknown. */
  rttUs: integer,
  exportsVersion: integer,
  /** What it says that it exports, as far as the peering lets it. */
  models: shared(list(name, MAX_MODELS)),
});
export type SessionState = Of<typeof sessionShape>;

/** Sessions that a bridge keeps at most: bridges further down the records of its peers are left out. */
export const MAX_SESSIONS = 256;

export const sessionsShape = record({
  /** One for each bridge of each cluster with a peering in force, in an order of their own. */
  sessions: list(sessionShape, MAX_SESSIONS),
  /** What this cluster can offer, as last learnt; how much of it is exported each peering says. */
  ownModels: shared(list(name, MAX_MODELS)),
  ownVersion: integer,
  beats: integer,
  nextBeatUs: integer,
});
export type Sessions = Of<typeof sessionsShape>;

/** What a bridge knows of its border. */
export interface Border {
  readonly sessions: Sessions;
  readonly agreements: Agreements;
  readonly directory: ClusterDirectory;
}

export function createSessions(): Sessions {
  return { sessions: [], ownModels: [], ownVersion: 0, beats: 0, nextBeatUs: NEVER_US };
}

export function startSessions(node: Node, sessions: Sessions, now: Now): void {
  // A version of an earlier boot must not be mistaken for one of this.
  sessions.ownVersion = node.bootCount * 65_536;
  const periodUs = node.config.parameters.sessionUs;
  sessions.nextBeatUs = now.monoUs + 1 + drawBelow(node.random, Math.min(periodUs, 1 << 20));
}

/** Opens a session with every bridge that the records of peered clusters name, and closes those that are over. */
export function alignSessions(node: Node, border: Border, now: Now, out: Outbox): void {
  const { sessions } = border;
  const before = sessions.sessions;
  const wanted: SessionState[] = [];
  const opened: SessionState[] = [];
  for (const key of peeredKeys(border.agreements)) {
    const agreement = agreementWith(border.agreements, key, now);
    const record = agreement === null ? null : recordOf(border.directory, key);
    for (const { peer, region } of record?.bridges ?? []) {
      if (peer === node.self || wanted.length >= MAX_SESSIONS) continue;
      const kept = before.find((session) => session.peer === peer && session.genesis === key);
      const session = kept ?? createSession(peer, record!.genesis.cluster, key, region);
      session.region = region;
      wanted.push(session);
      if (kept === undefined) opened.push(session);
    }
    if (record?.bridges.length === 1 && opened.at(-1)?.genesis === key)
      noteAlone(node, out, record.bridges[0].peer, `bridge of ${record.genesis.cluster}`);
  }
  sessions.sessions = wanted;
  for (const session of before) {
    if (!wanted.includes(session) && session.isUp) note(node, out, null, NOTE_SESSION_DOWN, session.peer);
  }
  for (const session of opened) {
    route(node, out, session.peer, recordOf(border.directory, session.genesis)!);
    const agreement = border.agreements.held.get(session.genesis)!;
    tellPeering(node, out, session.peer, agreement);
    beat(node, border, session, now, out);
  }
}

function createSession(peer: Peer, cluster: string, genesis: string, region: string): SessionState {
  const unheard = { lastHeardUs: 0, isUp: false, echoUs: 0, rttUs: 0, exportsVersion: 0, models: [] };
  return { peer, cluster, genesis, region, ...unheard };
}

export function onSessionsAlarm(node: Node, border: Border, now: Now, out: Outbox): void {
  const { sessions } = border;
  if (now.monoUs < sessions.nextBeatUs) return;
  sessions.nextBeatUs = now.monoUs + node.config.parameters.sessionUs;
  // Peerings begin and end by their dates, and the wall clock may step: looking often is simplest.
  alignSessions(node, border, now, out);
  sessions.beats++;
  for (const session of sessions.sessions) {
    beat(node, border, session, now, out);
    if (!session.isUp || isHeard(node, session, now)) continue;
    session.isUp = false;
    note(node, out, null, NOTE_SESSION_DOWN, session.peer);
  }
}

function beat(
  node: Node,
  { sessions, agreements }: Border,
  session: SessionState,
  now: Now,
  out: Outbox,
): void {
  const body: Session = {
    exportsVersion: sessions.ownVersion,
    heardVersion: session.exportsVersion,
    sentUs: now.monoUs,
    echoUs: session.echoUs,
    heldUs: session.lastHeardUs === 0 ? 0 : now.monoUs - session.lastHeardUs,
    genesis: agreements.own,
    peeringVersion: agreements.held.get(session.genesis)!.peering.version,
  };
  out.send(SESSION, node.self, session.peer, node.self, node.bootCount, sessions.beats, 0, body);
}

export function onSession(node: Node, border: Border, now: Now, out: Outbox, envelope: Envelope): void {
  const body = envelope.body as Session;
  // A cluster may name another's bridges in its record: only they say for whom they speak.
  const session = border.sessions.sessions.find(
    ({ peer, genesis }) => peer === envelope.from && genesis === body.genesis,
  );
  if (session === undefined) {
    correct(node, border, out, envelope.from);
    countRefusal(node, REFUSAL_UNPEERED);
    return;
  }
  session.lastHeardUs = now.monoUs;
  session.echoUs = body.sentUs;
  if (!session.isUp) {
    session.isUp = true;
    note(node, out, envelope, NOTE_SESSION_UP, session.peer);
  }
  // The clock restarts with each boot: an echo from before is no measurement.
  const rttUs = now.monoUs - body.echoUs - body.heldUs;
  if (body.echoUs > 0 && rttUs > 0) {
    session.rttUs = session.rttUs === 0 ? rttUs : session.rttUs + Math.round((rttUs - session.rttUs) / 8);
  }
  const agreement = border.agreements.held.get(session.genesis)!;
  if (body.peeringVersion < agreement.peering.version) tellPeering(node, out, session.peer, agreement);
  if (body.heardVersion !== border.sessions.ownVersion) sendExports(node, border, out, session);
}

/** Whoever goes on with a peering that has been withdrawn is told so. */
function correct(node: Node, { agreements, directory }: Border, out: Outbox, from: Peer): void {
  for (const key of peeredKeys(agreements)) {
    const agreement = agreements.held.get(key)!;
    if (agreement.revocation === null) continue;
    const isOf = recordOf(directory, key)?.bridges.some(({ peer }) => peer === from) === true;
    if (isOf) tellPeering(node, out, from, agreement);
  }
}

/** Tells the driver where a bridge listens, as the operators of its cluster say. */
function route(node: Node, out: Outbox, to: Peer, { bridges }: ClusterRecord): void {
  tellRoute(node, out, to, bridges.find(({ peer }) => peer === to)!.address);
}

/** An address that is not known to whoever signed it is left to the driver. */
export function tellRoute(node: Node, out: Outbox, to: Peer, address: string): void {
  if (address === '') return;
  const body: Route = { peer: to, address };
  out.send(ROUTE, node.self, NETWORK, node.self, node.bootCount, node.nextN++, 0, body);
}

/** Hands a peering over, and with it what has withdrawn it. */
export function tellPeering(node: Node, out: Outbox, to: Peer, { peering, revocation }: Agreement): void {
  const body = { peering, revocation } as PeeringNews;
  out.send(PEERING, node.self, to, node.self, node.bootCount, node.nextN++, 0, body);
}

export function onExports(node: Node, { sessions, agreements }: Border, envelope: Envelope): void {
  const session = sessionWith(sessions, envelope.from);
  if (session === null) {
    countRefusal(node, REFUSAL_UNPEERED);
    return;
  }
  const { version, models } = envelope.body as Exports;
  const side = otherSideOf(agreements.held.get(session.genesis)!.peering, agreements.own)!;
  session.exportsVersion = version;
  session.models = models.filter((model) => doesExport(side, model));
}

/** The session with a bridge that has said for which cluster it speaks, or null. */
export function sessionWith({ sessions }: Sessions, peer: Peer): SessionState | null {
  return sessions.find((session) => session.peer === peer && session.lastHeardUs > 0) ?? null;
}

/** Takes over what the cluster can offer; what is exported of it is told to every peered bridge when it changes. */
export function setOffers(node: Node, border: Border, out: Outbox, offered: readonly string[]): void {
  const { sessions } = border;
  const isSame =
    offered.length === sessions.ownModels.length &&
    offered.every((model, i) => model === sessions.ownModels[i]);
  if (isSame) return;
  sessions.ownModels = offered as string[];
  tellExports(node, border, out);
}

/** What is exported has changed: everyone is told, under another version. */
export function tellExports(node: Node, border: Border, out: Outbox): void {
  border.sessions.ownVersion++;
  for (const session of border.sessions.sessions) sendExports(node, border, out, session);
}

function sendExports(node: Node, border: Border, out: Outbox, session: SessionState): void {
  const { ownVersion, ownModels } = border.sessions;
  const side = ownSideOf(border, session);
  const body: Exports = {
    version: ownVersion,
    models: ownModels.filter((model) => doesExport(side, model)),
  };
  out.send(EXPORTS, node.self, session.peer, node.self, node.bootCount, node.nextN++, 0, body);
}

function ownSideOf({ agreements }: Border, session: SessionState) {
  return sideOf(agreements.held.get(session.genesis)!.peering, agreements.own)!;
}

/** Whether a model may be computed here for the cluster at the other end of a session, by what is in force now. */
export function isExportedTo(border: Border, session: SessionState, model: string, now: Now): boolean {
  if (agreementWith(border.agreements, session.genesis, now) === null) return false;
  return border.sessions.ownModels.includes(model) && doesExport(ownSideOf(border, session), model);
}

/** The bridge to cross by, or null; and why clusters that offer the model were struck out. */
export interface Crossing {
  readonly session: SessionState | null;
  readonly struck: readonly Struck[];
}

/**
 * Chooses a bridge of another cluster for a request: it must export the model, lie itself where the prompt may be
 * (asking it is exporting the prompt, R5.3-4; that it knows nodes in narrower regions does not help), not have been
 * visited, be heard, and not fail all the time. Of two drawn at random, the nearer one.
 */
export function chooseCrossing(
  node: Node,
  sessions: Sessions,
  now: Now,
  want: Want,
  path: readonly string[],
  tried: readonly Peer[],
  targets: Targets,
): Crossing {
  const struck: Struck[] = [];
  let eligible: SessionState[] = [];
  for (const session of sessions.sessions) {
    const { peer, cluster, region } = session;
    if (path.includes(cluster) || tried.includes(peer) || !session.models.includes(want.model)) continue;
    if (!isRegionAllowed(want.allowedRegions, region)) struck.push({ peer, cluster, reason: STRIKE_REGION });
    else if (!isHeard(node, session, now)) struck.push({ peer, cluster, reason: STRIKE_UNREACHABLE });
    else eligible.push(session);
  }
  const ejected = findEjected(eligible, targets, now.monoUs, node.config.parameters);
  if (ejected.length > 0) {
    eligible = eligible.filter((session) => !ejected.includes(session));
    for (const { peer, cluster } of ejected) struck.push({ peer, cluster, reason: STRIKE_EJECTED });
  }
  if (eligible.length === 0) return { session: null, struck };
  const first = eligible[drawBelow(node.random, eligible.length)];
  const second = eligible[drawBelow(node.random, eligible.length)];
  return { session: second.rttUs < first.rttUs ? second : first, struck };
}

/** Whether a peered bridge has been heard lately. */
export function isHeard(node: Node, session: SessionState, now: Now): boolean {
  return session.lastHeardUs > 0 && now.monoUs - session.lastHeardUs < node.config.parameters.sessionSilentUs;
}
