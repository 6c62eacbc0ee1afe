/** What a pod host itself says of the copies on its disk: to their owner what lies here of a pod, and to whoever runs it how many. */
import type { Express, Response } from 'express';
import type { Peer } from '../core/base/peers.ts';
import { addressOf, hasMemberType, memberStateOf } from '../core/cluster/membership/detector.ts';
import { ALIVE, LEFT } from '../core/cluster/membership/member.ts';
import type { Node } from '../core/machine/node-state.ts';
import type { Of } from '../core/machine/shape.ts';
import { podPolicyShape } from '../core/policy/pod-terms.ts';
import { eligiblePlaces } from '../core/roles/pods/pod-placement.ts';
import { DELETING, ruleOf, type PodEntry, type PodHost } from '../core/roles/pods/pod-state.ts';
import { missingOf } from '../core/roles/pods/pod-works.ts';
import { nameOf, sendFault } from './http-replies.ts';
import type { LiveNode } from './live-node.ts';
import { toJson } from './json-shape.ts';
import type { PodDoor, PodVisit } from './pod-visits.ts';

/** Pods of one host, in numbers. */
export interface PodShelf {
  /** Copies on its disk, and their bytes. */
  readonly held: number;
  readonly bytes: number;
  /** Held ones of which it knows fewer holders than there should be: a host is away, or the policy permits no more. */
  readonly short: number;
  /** Deletions that it was asked for and that are not certified; and the names of those who have not confirmed, each once. */
  readonly deleting: number;
  readonly missing: readonly string[];
}

/** Null if the node is no pod host. */
export function shelfOf(node: Node, names: ReadonlyMap<string, string>): PodShelf | null {
  const { pods } = node;
  if (pods === null) return null;
  let [held, bytes, short, deleting] = [0, 0, 0, 0];
  const missing = new Set<number>();
  for (const entry of pods.entries.values()) {
    if (entry.copy !== null) {
      held++;
      for (const { content } of entry.copy.versions) bytes += content.sizeBytes;
      if (holdersKnown(node, pods, entry) < node.config.parameters.podCopies) short++;
    }
    const gone = missingOfAsked(node, pods, entry);
    if (gone.length > 0) deleting++;
    for (const peer of gone) missing.add(peer);
  }
  const ids = [...missing].map((peer) => node.pure.idOf(peer));
  return { held, bytes, short, deleting, missing: ids.map((id) => names.get(id) ?? id) };
}

/** Itself, and whoever may hold it and has said to hold just what it holds. */
function holdersKnown(node: Node, pods: PodHost, { pod, law, others, revision }: PodEntry): number {
  const rule = ruleOf(law);
  if (rule === null) return 0;
  const now = { monoUs: 0, wallUs: Date.now() * 1_000 };
  return eligiblePlaces(node, pods.fellows, now, pod, rule).filter(
    ({ peer }) => peer === node.self || others.get(peer)?.revision === revision,
  ).length;
}

/** Only who was asked for a deletion collects what the others say of it. */
function missingOfAsked(node: Node, pods: PodHost, entry: PodEntry): number[] {
  if (entry.law.deletion === null) return [];
  const isAsked =
    entry.confirmed.length > 0 ||
    pods.works.entries().some(({ pod, what }) => pod === entry.pod && what === DELETING);
  return isAsked ? missingOf(pods, entry, node.self) : [];
}

/** Whether an owner asks a pod host about its own pods; if not, that is answered. */
function isOwnersAsking({ driver }: LiveNode, visit: PodVisit, response: Response): boolean {
  if (driver.node.pods === null) sendFault(response, 404, 'NOT_FOUND', 'this node is no pod host');
  else if (visit.person !== visit.owner)
    sendFault(response, 403, 'NOT_ADMITTED', 'of pods and where they lie only their owner is told');
  else return true;
  return false;
}

/** `GET /v1/pods/OWNER`: the pods of an owner that this host has heard of, told to the owner alone. Hosts hear of every pod of their cluster. */
export function routeOwnPods(app: Express, live: LiveNode, door: PodDoor): void {
  app.get('/v1/pods/:owner', (request, response) => {
    const visit = door.admit(request, response);
    if (visit === null || !isOwnersAsking(live, visit, response)) return;
    const { node } = live.driver;
    const idOf = (peer: Peer): string => node.pure.idOf(peer);
    const laws = [...node.pods!.entries.values()].map(({ law }) => law);
    const own = laws.filter(({ policy, deletion }) => (policy?.terms ?? deletion)?.owner === visit.owner);
    response.json({
      host: live.config.name,
      pods: own.map(({ policy, deletion }) => ({
        number: (policy?.terms ?? deletion!).number,
        policy: policy === null ? null : toJson(podPolicyShape, policy as Of<typeof podPolicyShape>, idOf),
        deletion: deletion?.signature ?? null,
      })),
    });
  });
}

/** `GET /v1/pods/OWNER/NUMBER/copy`: what lies here, told to the owner alone. */
export function routeShelf(app: Express, live: LiveNode, door: PodDoor): void {
  app.get('/v1/pods/:owner/:number/copy', (request, response) => {
    const visit = door.admit(request, response);
    if (visit === null || !isOwnersAsking(live, visit, response)) return;
    const { node } = live.driver;
    const entry = node.pods!.entries.get(visit.pod);
    const versions = entry?.copy?.versions ?? [];
    response.json({
      pod: visit.pod,
      host: live.config.name,
      region: node.config.manifest.region,
      isHeld: versions.length > 0,
      versions: versions.map(({ content: { hash, sizeBytes } }) => ({ hash, sizeBytes })),
      policyVersion: entry?.law.policy?.terms.version ?? 0,
      isDeleted: entry !== undefined && entry.law.deletion !== null,
    });
  });
}

/** `GET /v1/pod-hosts`: who keeps pods in the cluster of this node, as it knows them. */
export function routePodHosts(app: Express, live: LiveNode): void {
  app.get('/v1/pod-hosts', (_request, response) => {
    const { node } = live.driver;
    const table = node.membership?.table;
    const peers =
      table === undefined ? [] : Array.from({ length: table.count }, (_, row) => table.peerAt(row));
    if (!peers.includes(node.self)) peers.push(node.self);
    const hosts = peers.filter((peer) =>
      peer === node.self
        ? node.pods !== null
        : hasMemberType(node, peer, 'pod-host') && memberStateOf(node, peer) !== LEFT,
    );
    response.json({
      hosts: hosts.map((peer) => ({
        id: node.pure.idOf(peer),
        name: nameOf(live, peer),
        url: peer === node.self ? node.config.address : addressOf(node, peer),
        isAlive: peer === node.self || memberStateOf(node, peer) === ALIVE,
      })),
    });
  });
}
