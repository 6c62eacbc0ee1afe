import type { Application } from './affiliation-bodies.ts';
import type { Peer } from '../base/peers.ts';
import { drawBelow, drawSome } from '../base/rng.ts';
import type { Now } from '../base/time.ts';
import { Encoder } from '../machine/codec.ts';
import type { Outbox } from '../machine/envelope.ts';
import { BEAT, MANIFEST, type Announcement } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { integer, list, record, shared } from '../machine/shape.ts';
import { loadOf } from '../roles/compute.ts';
import { keepValid } from '../trust/attestation.ts';
import { indexNodesOf } from './detector.ts';
import {
  attestationShape,
  manifestShape,
  manifestVersionShape,
  type Manifest,
  type ManifestVersion,
} from './manifest.ts';

/** How a node makes itself known to the index nodes of its cluster: heartbeats, and its manifest when asked for. */
export const presenceShape = record({
  nextBeatUs: integer,
  beats: integer,
  /** Those of the node's own attestations that count in its cluster. */
  attestations: shared(list(attestationShape, 8)),
});

const signedShape = record({ manifest: manifestShape, version: manifestVersionShape });

/** What a node signs, and an index node verifies, of a manifest (R4-3). */
export function hashManifest(node: Pick<Node, 'pure'>, manifest: Manifest, version: ManifestVersion): string {
  return node.pure.hash(new Encoder(node.pure).document(signedShape, { manifest, version }));
}

export function startPresence(node: Node, now: Now): void {
  node.presence.attestations = keepValid(node, node.config.manifest, node.config.attestations);
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
  beat(node, out);
  node.presence.nextBeatUs = now.monoUs + node.config.parameters.heartbeatUs;
}

/** What a newcomer says of itself. */
export function ownApplication(node: Node): Application {
  const { manifest, address } = node.config;
  return { manifest, version: versionOf(node), signature: node.signature, address };
}

function beat(node: Node, out: Outbox): void {
  const body = { version: versionOf(node), load: loadOf(node) };
  const n = node.presence.beats++;
  for (const index of indexNodesOf(node)) {
    out.send(BEAT, node.self, index, node.self, node.bootCount, n, 0, body);
  }
}

function versionOf(node: Node): ManifestVersion {
  return { epoch: node.epoch, version: node.manifestVersion };
}
