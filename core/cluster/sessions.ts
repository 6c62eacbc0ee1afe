import type { Peer } from '../base/peers.ts';
import { drawBelow } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import type { Envelope, Outbox } from '../machine/envelope.ts';
import { EXPORTS, SESSION, type Exports, type Session, type Struck } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { integer, list, peer, record, shared, type Of } from '../machine/shape.ts';
import { isRegionAllowed } from '../policy/regions.ts';
import { STRIKE_REGION, STRIKE_UNREACHABLE } from '../routing/outcomes.ts';
import type { Want } from '../routing/want.ts';
import { MAX_MODELS, name } from './manifest.ts';

/** A bridge's sessions with the bridges of peered clusters (R5.2-4): who is there, how far, and what it exports. */
const sessionShape = record({
  peer,
  cluster: name,
  region: name,
  /** When it was last heard, by this node's steady clock; 0 never. */
  lastHeardUs: integer,
  /** Its clock as last heard, to be sent back. */
  echoUs: integer,
  /** Smoothed round trip; 0 unknown. */
  rttUs: integer,
  exportsVersion: integer,
  models: shared(list(name, MAX_MODELS)),
});
type SessionState = Of<typeof sessionShape>;

export const sessionsShape = record({
  /** One for each peered bridge, in the order of the configuration. */
  sessions: list(sessionShape, 256),
  /** What this cluster exports, as last learnt, and its version. */
  ownModels: shared(list(name, MAX_MODELS)),
  ownVersion: integer,
  beats: integer,
  nextBeatUs: integer,
});
export type Sessions = Of<typeof sessionsShape>;

export function createSessions(): Sessions {
  return { sessions: [], ownModels: [], ownVersion: 0, beats: 0, nextBeatUs: NEVER_US };
}

export function startSessions(node: Node, sessions: Sessions, now: Now): void {
  sessions.sessions = node.config.peeredBridges.map(({ peer, cluster, region }) => ({
    peer,
    cluster,
    region,
    lastHeardUs: 0,
    echoUs: 0,
    rttUs: 0,
    exportsVersion: 0,
    models: [],
  }));
  // A version of an earlier boot must not be mistaken for one of this.
  sessions.ownVersion = node.bootCount * 65_536;
  const periodUs = node.config.parameters.sessionUs;
  sessions.nextBeatUs = now.monoUs + 1 + drawBelow(node.random, Math.min(periodUs, 1 << 20));
}

export function onSessionsAlarm(node: Node, sessions: Sessions, now: Now, out: Outbox): void {
  if (now.monoUs < sessions.nextBeatUs) return;
  sessions.nextBeatUs = now.monoUs + node.config.parameters.sessionUs;
  const n = sessions.beats++;
  for (const session of sessions.sessions) {
    const body: Session = {
      exportsVersion: sessions.ownVersion,
      heardVersion: session.exportsVersion,
      sentUs: now.monoUs,
      echoUs: session.echoUs,
      heldUs: session.lastHeardUs === 0 ? 0 : now.monoUs - session.lastHeardUs,
    };
    out.send(SESSION, node.self, session.peer, node.self, node.bootCount, n, 0, body);
  }
}

export function onSession(node: Node, sessions: Sessions, now: Now, out: Outbox, envelope: Envelope): void {
  const session = sessions.sessions.find(({ peer }) => peer === envelope.from);
  if (session === undefined) {
    node.ignored++;
    return;
  }
  const body = envelope.body as Session;
  session.lastHeardUs = now.monoUs;
  session.echoUs = body.sentUs;
  // The clock restarts with each boot: an echo from before is no measurement.
  const rttUs = now.monoUs - body.echoUs - body.heldUs;
  if (body.echoUs > 0 && rttUs > 0) {
    session.rttUs = session.rttUs === 0 ? rttUs : session.rttUs + Math.round((rttUs - session.rttUs) / 8);
  }
  if (body.heardVersion !== sessions.ownVersion) sendExports(node, sessions, out, session);
}

export function onExports(node: Node, sessions: Sessions, envelope: Envelope): void {
  const session = sessions.sessions.find(({ peer }) => peer === envelope.from);
  if (session === undefined) {
    node.ignored++;
    return;
  }
  const { version, models } = envelope.body as Exports;
  session.exportsVersion = version;
  session.models = models as string[];
}

/** Takes over what the cluster can offer; what may be exported of it is told to every peered bridge when it changes. */
export function setOffers(node: Node, sessions: Sessions, out: Outbox, offered: readonly string[]): void {
  const { exports } = node.config;
  const models = offered.filter((model) => exports.includes('*') || exports.includes(model));
  const isSame =
    models.length === sessions.ownModels.length &&
    models.every((model, i) => model === sessions.ownModels[i]);
  if (isSame) return;
  sessions.ownModels = models;
  sessions.ownVersion++;
  for (const session of sessions.sessions) sendExports(node, sessions, out, session);
}

/** The bridge to cross by, or null; and why clusters that offer the model were struck out. */
export interface Crossing {
  readonly session: SessionState | null;
  readonly struck: readonly Struck[];
}

/**
 * Chooses a bridge of another cluster for a request: it must export the model, lie itself where the prompt may be
 * (asking it is exporting the prompt, R5.3-4; that it knows nodes in narrower regions does not help), not have been
 * visited, and be heard. Of two drawn at random, the nearer one.
 */
export function chooseCrossing(
  node: Node,
  sessions: Sessions,
  now: Now,
  want: Want,
  path: readonly string[],
  tried: readonly Peer[],
): Crossing {
  const struck: Struck[] = [];
  const eligible: SessionState[] = [];
  for (const session of sessions.sessions) {
    const { peer, cluster, region } = session;
    if (path.includes(cluster) || tried.includes(peer) || !session.models.includes(want.model)) continue;
    if (!isRegionAllowed(want.allowedRegions, region)) struck.push({ peer, cluster, reason: STRIKE_REGION });
    else if (!isHeard(node, session, now)) struck.push({ peer, cluster, reason: STRIKE_UNREACHABLE });
    else eligible.push(session);
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

function sendExports(node: Node, sessions: Sessions, out: Outbox, session: SessionState): void {
  const body: Exports = { version: sessions.ownVersion, models: sessions.ownModels };
  out.send(EXPORTS, node.self, session.peer, node.self, node.bootCount, node.nextN++, 0, body);
}
