import type { Peer, Pure } from '../base/peers.ts';
import { NEVER_US } from '../base/time.ts';
import { createRandom } from '../base/rng.ts';
import { Digest } from '../base/digest.ts';
import { membershipShape } from '../cluster/membership/membership-state.ts';
import { affiliationShape } from '../cluster/affiliation/affiliation.ts';
import { createPresence, presenceShape } from '../cluster/presence.ts';
import { modelHostShape } from '../models/model-state.ts';
import { agentHostShape } from '../roles/agents/agent-state.ts';
import { bridgeShape } from '../roles/bridge.ts';
import { computeShape } from '../roles/compute.ts';
import { gatewayShape } from '../roles/gateway.ts';
import { indexNodeShape } from '../roles/index-node.ts';
import { seedShape } from '../trust/documents.ts';
import { podDeskShape } from '../roles/pods/pod-desk.ts';
import { podHostShape } from '../roles/pods/pod-state.ts';
import type { NodeConfig } from './config.ts';
import { cloneValue, diffValues, foldValue, type Rank } from './snapshot.ts';
import { MAX_KNOWN } from './disk-records.ts';
import { integer, list, optional, record, text, upTo, word, type Of } from './shape.ts';
import { NO_REFUSALS, REFUSALS } from './refusals.ts';

/** A node is down until it is booted, loads what its disk kept, stores and signs what it will say, and is ready. */
export const DOWN = 0;
export const LOADING = 1;
export const STORING = 2;
export const SIGNING = 3;
export const READY = 4;

/** All that a step may change. */
export const nodeStateShape = record({
  phase: upTo(READY),
  bootCount: integer,
  /** Numbers the requests that this node opens itself. */
  nextN: integer,
  epoch: integer,
  manifestVersion: integer,
  /** This boot's incarnations as a member of its cluster begin here, and above all of earlier boots. */
  incarnation: integer,
  /** Members that its disk remembers. */
  known: list(seedShape, MAX_KNOWN),
  signature: text(256),
  random: record({ a: word, b: word, c: word, d: word }),
  /** When the driver is to call `wake`, by the steady clock of this boot. Waking early is harmless. */
  wakeAtUs: integer,
  /** While it starts: when to ask its disk again, which has failed; NEVER_US if it has not. */
  retryAtUs: integer,
  presence: presenceShape,
  /** What was not taken in since it was booted, by reason: see REFUSALS. */
  refusals: list(integer, REFUSALS.length),
  /** Null until something has happened. */
  affiliation: optional(affiliationShape),
  /** Null until the node is ready, and where the cluster only hears heartbeats. */
  membership: optional(membershipShape),
  gateway: optional(gatewayShape),
  index: optional(indexNodeShape),
  compute: optional(computeShape),
  bridge: optional(bridgeShape),
  /** Null until there is one. */
  agents: optional(agentHostShape),
  pods: optional(podHostShape),
  /** Of a gateway, null until somebody asks for a pod. */
  podDesk: optional(podDeskShape),
  /** Null where models do not move. */
  models: optional(modelHostShape),
});

export interface Node extends Of<typeof nodeStateShape> {
  readonly self: Peer;
  readonly config: NodeConfig;
  readonly pure: Pure;
}

/** Of nodes whose disks remember no members: it is replaced, never changed. */
export const NO_KNOWN: Node['known'] = [];

/** What all nodes hold that have not been booted yet: a boot replaces it. Nothing in it is ever changed. */
const NOTHING = { random: createRandom([0, 0, 0, 0]), presence: createPresence() };

/** A node that is down. The one birthplace of the shape of a node. */
export function createNode(self: Peer, config: NodeConfig, pure: Pure): Node {
  return {
    // First what every step reads, side by side.
    self,
    config,
    phase: DOWN,
    wakeAtUs: NEVER_US,
    presence: NOTHING.presence,
    membership: null,
    affiliation: null,
    gateway: null,
    index: null,
    compute: null,
    bridge: null,
    agents: null,
    pods: null,
    models: null,
    epoch: 0,
    manifestVersion: 0,
    bootCount: 0,
    nextN: 1,
    pure,
    incarnation: 0,
    known: NO_KNOWN,
    signature: '',
    random: NOTHING.random,
    retryAtUs: NEVER_US,
    refusals: NO_REFUSALS,
    podDesk: null,
  };
}

/**
 * Reads from a node, here and there, and returns a number of no meaning: the whole of it is then near. A driver of very many nodes calls
 * it for the next few, and then `readAhead`, for what nearly every step begins with: what is read together is waited for together.
 */
export function touch({ phase, epoch, wakeAtUs, nextN }: Node): number {
  return phase + epoch + wakeAtUs + nextN;
}

/** See `touch`. */
export function readAhead({ config, presence, compute }: Node): number {
  const { nextBeatUs, said } = presence;
  const beats = nextBeatUs + config.indexNodes.length + (said?.load.running ?? 0);
  return compute === null ? beats : beats + compute.nextWorkingUs + compute.jobs.length;
}

/** Reads where a node finds what it knows of others, for `readAheadFrom`. */
export function touchTables({ index }: Node): number {
  return index === null ? 0 : index.directory.size;
}

/** The same for an envelope that is about to come from a peer. */
export function readAheadFrom({ index }: Node, from: Peer): number {
  if (index === null) return 0;
  const { directory } = index;
  const slot = directory.slotOf(from);
  return slot < 0 ? 0 : directory.heardAt(slot) + (directory.loadAt(slot)?.room ?? 0);
}

/** A node that shares nothing that can change with the original: the ground of checkpoints and forks. */
export function cloneNode(node: Node): Node {
  return Object.assign(createNode(node.self, node.config, node.pure), cloneValue(nodeStateShape, node));
}

/** The state of a node in a canonical digest. `rank` is that of the node's driver. */
export function foldNode(node: Node, rank: Rank = (peer) => node.pure.rank(peer)): Digest {
  const digest = new Digest();
  foldValue(nodeStateShape, node, digest, rank);
  return digest;
}

/** Where the states of two nodes differ, a line each. */
export function diffNodes(left: Node, right: Node): string[] {
  return diffValues(nodeStateShape, left, right);
}
