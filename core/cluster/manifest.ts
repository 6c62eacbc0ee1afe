import { flag, integer, list, optional, peer, record, text, upTo, type Of } from '../machine/shape.ts';

/** What a node declares of itself (§4.2): signed, slowly changing. What others observe of it is its health. */
export type Manifest = Readonly<Of<typeof manifestShape>>;

/** The five types of §4.1. A manifest may name others: they are kept, passed on, and not routed to (R4-2). */
export const NODE_TYPES = ['pod-host', 'compute', 'gateway', 'index', 'bridge'] as const;
export type NodeType = (typeof NODE_TYPES)[number];

/** Names of models, clusters, regions and node types are at most this long. */
export const MAX_NAME_BYTES = 128;
export const MAX_MODELS = 64;
export const name = text(MAX_NAME_BYTES);

export const manifestShape = record({
  id: peer,
  types: list(name, 16),
  cluster: name,
  /** A path, `eu/fr`. */
  region: name,
  podStorage: optional(
    record({
      availableBytes: integer,
      maxPodBytes: integer,
      /** That it keeps data keys, and holds pods whose policies ask for it sealed (R6.1-4). */
      encryption: flag,
    }),
  ),
  compute: optional(
    record({
      gpuMemoryBytes: integer,
      /** Models that would fit, R4-5. */
      supportedModels: list(name, MAX_MODELS),
    }),
  ),
  /** What the node claims, 1 experimental … 4 verified; not what it is worth (R4-4). */
  claimedTrust: upTo(4),
  /** Fields that this version does not know, as JSON texts: kept and passed on (R4-2). */
  unknown: list(record({ field: name, json: text(4_096) }), 16),
});

/** (epoch, version) orders the manifests of one node: the higher one holds (R3-2). */
export const manifestVersionShape = record({ epoch: integer, version: integer });
export type ManifestVersion = Readonly<Of<typeof manifestVersionShape>>;

export const attestationShape = record({
  subject: peer,
  /** The trust that the issuer vouches for, 1 … 4. */
  level: upTo(4),
  issuer: peer,
  fromWallUs: integer,
  untilWallUs: integer,
  /** The organisation that runs the node, as its issuer calls it; '' not told, and not told apart (R8.1-3). */
  runBy: name,
  signature: text(256),
});
/** Attestations that come with one node at most. */
export const MAX_ATTESTATIONS = 8;
/** A statement by an attestor on what level a node has earned (R4-4). */
export type Attestation = Readonly<Of<typeof attestationShape>>;

/** The load and the models of a node, which change quickly and travel with its heartbeats (R4-5). */
export const loadShape = record({
  /** Jobs at work and waiting, and how many can be at work at once. */
  running: integer,
  queued: integer,
  slots: integer,
  /** Waiting jobs that it would still take. */
  room: integer,
  /** Smoothed time that one job takes, µs. */
  serviceUs: integer,
  freeMemoryBytes: integer,
  installedModels: list(name, MAX_MODELS),
  loadedModels: list(name, MAX_MODELS),
  /** A node that drains takes nothing new. */
  draining: flag,
});
export type Load = Readonly<Of<typeof loadShape>>;

export function compareVersions(left: ManifestVersion, right: ManifestVersion): number {
  return left.epoch !== right.epoch ? left.epoch - right.epoch : left.version - right.version;
}

export function hasType(manifest: Manifest, type: NodeType): boolean {
  return manifest.types.includes(type);
}
