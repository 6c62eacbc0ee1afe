import type { Application } from './affiliation/affiliation-bodies.ts';
import type { Peer } from '../base/peers.ts';
import { drawBelow, drawSome } from '../base/rng.ts';
import { NEVER_US, type Now } from '../base/time.ts';
import { hashDocument } from '../machine/codec.ts';
import type { Outbox } from '../machine/envelope.ts';
import { BEAT, beatBody, MANIFEST, type Announcement, type Beat } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { derived, integer, record, upTo, type Of } from '../machine/shape.ts';
import { isLoadOf, loadOf } from '../roles/compute.ts';
import { validMask } from '../trust/attestation.ts';
import { indexNodesOf } from './membership/detector.ts';
import { sayWhatIsDue } from './registry/testimony.ts';
import { manifestShape, manifestVersionShape, type Manifest, type ManifestVersion } from './manifest.ts';

/** How a node makes itself known to the index nodes of its cluster: heartbeats, and its manifest when asked for. */
export const presenceShape = record({
  nextBeatUs: integer,
  beats: integer,
  /** The body of its last heartbeat, said again as long as it is true. */
  said: derived<Beat | null>(),
  /** Which of the node's own attestations count in its cluster, a bit each. */
  valid: upTo(255),
  /** How many of its vouches and audits it has said. */
  vouched: integer,
  /** What an index node last said that it is worth, and how long that holds, by the steady clock. */
  toldLevel: upTo(4),
  toldUntilUs: integer,
});

export function createPresence(): Of<typeof presenceShape> {
  return {
    nextBeatUs: NEVER_US,
    beats: 0,
    said: null,
    valid: 0,
    vouched: 0,
    toldLevel: 0,
    toldUntilUs: 0,
  };
}

const signedShape = record({ manifest: manifestShape, version: manifestVersionShape });

/** What a node signs, and an index node verifies, of a manifest (R4-3). */
export function hashManifest(node: Pick<Node, 'pure'>, manifest: Manifest, version: ManifestVersion): string {
  return hashDocument(node.pure, signedShape, { manifest, version });
}

export function startPresence(node: Node, now: Now): void {
  node.presence.valid = validMask(node, node.config.manifest, node.config.attestations);
  const periodUs = node.config.parameters.heartbeatUs;
  node.presence.nextBeatUs = now.monoUs + 1 + drawBelow(node.random, Math.min(periodUs, 1 << 20));
}

/** One or two index nodes drawn from those of the cluster, who pass it on (R5.2-3); an index node tells itself, too. */
export function firstToHear(node: Node, indexNodes: readonly Peer[]): Peer[] {
  const others = indexNodes.filter((index) => index !== node.self);
  const drawn = [...drawSome(node.random, others, node.config.parameters.announceTo)];
  return node.index === null || others.length === indexNodes.length ? drawn : [node.self, ...drawn];
}

export function announceTo(node: Node, out: Outbox, index: Peer): void {
  const { manifest, attestations } = node.config;
  const body: Announcement = {
    manifest,
    version: versionOf(node),
    signature: node.signature,
    attestations: attestations as Announcement['attestations'],
  };
  out.send(MANIFEST, node.self, index, node.self, node.bootCount, node.nextN++, 0, body);
}

export function onPresenceAlarm(node: Node, now: Now, out: Outbox): void {
  if (now.monoUs < node.presence.nextBeatUs) return;
  beat(node, now, out);
  sayWhatIsDue(node, now, out);
  node.presence.nextBeatUs = now.monoUs + node.config.parameters.heartbeatUs;
}

/** What a newcomer says of itself. */
export function ownApplication(node: Node): Application {
  const { manifest, address } = node.config;
  return { manifest, version: versionOf(node), signature: node.signature, address };
}

function beat(node: Node, now: Now, out: Outbox): void {
  const { presence } = node;
  let { said } = presence;
  if (said === null || !isTrue(node, said)) {
    said = node.pure.once(beatBody, { version: versionOf(node), load: loadOf(node, now) });
    presence.said = said;
  }
  const n = presence.beats++;
  for (const index of indexNodesOf(node)) {
    out.send(BEAT, node.self, index, node.self, node.bootCount, n, 0, said);
  }
}

function isTrue(node: Node, { version, load }: Beat): boolean {
  return version.epoch === node.epoch && version.version === node.manifestVersion && isLoadOf(node, load);
}

function versionOf(node: Node): ManifestVersion {
  return node.pure.once(manifestVersionShape, { epoch: node.epoch, version: node.manifestVersion });
}
