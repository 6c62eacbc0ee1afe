import type { Peer, Pure } from '../../core/base/peers.ts';
import type { Manifest, ManifestVersion } from '../../core/cluster/manifest.ts';
import type { Genesis } from '../../core/trust/documents.ts';
import type { Envelope } from '../../core/machine/envelope.ts';

/**
 * A malicious role: it sits between an honest node and the network, and wraps nothing but envelopes. It may change the
 * record of an envelope and put another body into it; a body itself is never changed, and must be one that the codec
 * takes. Chance comes from the scene's draws only, and what it remembers are fields of its own. To write another: a
 * class like those beside this file, a name in MALICIOUS_ROLES, and a line in villain.ts.
 */
export interface Malice {
  /** Between two calls of `onTick`, µs; 0: it is never called. */
  readonly tickUs: number;
  /** Of what its node sends to others, devices apart. False: it is not sent. */
  onOutgoing(envelope: Envelope, scene: Scene): boolean;
  /** Of what others send to its node. False: the node never sees it. */
  onIncoming(envelope: Envelope, scene: Scene): boolean;
  onTick(scene: Scene): void;
}

/** Who stands between a node of the world and the network. */
export interface Guise {
  /** Between two calls of `tick`, µs; 0: it is never called. */
  readonly tickUs: number;
  /** Whether what its node sends goes out, and whether what others send reaches it; perhaps changed. */
  letsOut(envelope: Envelope): boolean;
  letsIn(envelope: Envelope): boolean;
  tick(): void;
}

/** What a malicious role knows of the world, and all that it can do there. */
export interface Scene {
  readonly self: Peer;
  /** How much it is to harm, ppm, and where it says it is, as the scenario says. */
  readonly sharePpm: number;
  readonly region: string;
  /** Where it really is, and what founded the cluster that it belongs to, or wants to. */
  readonly ownRegion: string;
  readonly genesis: Genesis;
  /** The other nodes of its cluster, in the order of the scenario, and those of them that are index nodes. */
  readonly neighbours: readonly Peer[];
  readonly indexNodes: readonly Peer[];
  /** Some nodes that do not belong to its cluster. */
  readonly strangers: readonly Peer[];
  /** Every model there is, sorted. */
  readonly models: readonly string[];
  /** Whole seconds of the world, for draws that are to change with time. */
  readonly second: number;
  /** What documents are hashed with. */
  readonly pure: Pure;
  /** Where another node listens. */
  addressOf(peer: Peer): string;
  /** Stands for a peer in draws. */
  keyOf(peer: Peer): number;
  /** 32 bits of chance that depend on the node, its role and these, 0 … 2^32 − 1. */
  draw(first: number, second: number, third?: number): number;
  /** Whether a draw falls into the share that it is to harm. */
  isInShare(first: number, second: number): boolean;
  /** A signature in its own name: nobody can make another's. */
  sign(hash: string): string;
  /** What a manifest is signed by. */
  hashOf(manifest: Manifest, version: ManifestVersion): string;
  /** Sends an envelope now. In the name of another it is a forgery, and refused by whoever gets it. */
  send(envelope: Readonly<Omit<Envelope, 'sizeBytes'>>): void;
  /** Counts one thing that it has harmed. */
  touch(): void;
}
