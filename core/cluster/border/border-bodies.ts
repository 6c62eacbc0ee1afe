import { flag, integer, list, optional, peer, record, text, upTo, type Of } from '../../machine/shape.ts';
import { clusterRecordShape, peeringShape, revocationShape } from './border-documents.ts';
import { manifestVersionShape, MAX_MODELS, name } from '../manifest.ts';

/** What bridges of clusters say to one another, and of other clusters to their own. */

export const exportsBody = record({ version: integer, models: list(name, MAX_MODELS) });
/** Records that one envelope brings at most, and bridges that a record goes through at most: its parameter is lower. */
export const MAX_NEWS = 8;
export const MAX_HOPS = 16;
export const newsItemShape = record({
  record: clusterRecordShape,
  /** How many bridges it has gone through, this one included. */
  hops: upTo(MAX_HOPS),
  /** Since its own bridges spoke it. */
  ageUs: integer,
});
export type NewsItem = Readonly<Of<typeof newsItemShape>>;
export const clusterNewsBody = record({
  records: list(newsItemShape, MAX_NEWS),
  /** Whether the sender wants to be told what the receiver knows. */
  asks: flag,
});
export const peeringBody = record({ peering: peeringShape, revocation: optional(revocationShape) });
export const findClustersBody = record({
  /** How many of the list to pass over. */
  from: integer,
});
export const offeredBody = record({ models: list(name, MAX_MODELS) });
export const MAX_CLUSTERS_LISTED = 32;
export const listedClusterShape = record({
  cluster: name,
  /** The hash of its genesis record: two clusters may have one name. */
  genesis: text(128),
  region: name,
  bridges: integer,
  exports: list(name, MAX_MODELS),
  version: manifestVersionShape,
  /** Since its own bridges spoke for it, and which bridge told of it. */
  ageUs: integer,
  source: peer,
  /** Whether a peering with it is in force: otherwise it has only been heard of. */
  isPeered: flag,
  isOwn: flag,
});
export const clustersBody = record({
  clusters: list(listedClusterShape, MAX_CLUSTERS_LISTED),
  total: integer,
});
export const sessionBody = record({
  /** The version of what the sender exports, and of what it last heard that the receiver exports. */
  exportsVersion: integer,
  heardVersion: integer,
  /** The sender's steady clock; the receiver's as last heard; and how long ago that was: their difference is the round trip. */
  sentUs: integer,
  echoUs: integer,
  heldUs: integer,
  /** For which cluster it speaks, by the hash of the genesis record, and which version of the peering it holds. */
  genesis: text(128),
  peeringVersion: integer,
});

export type Exports = Readonly<Of<typeof exportsBody>>;
export type ClusterNews = Readonly<Of<typeof clusterNewsBody>>;
export type PeeringNews = Readonly<Of<typeof peeringBody>>;
export type FindClusters = Readonly<Of<typeof findClustersBody>>;
export type ListedCluster = Readonly<Of<typeof listedClusterShape>>;
export type Clusters = Readonly<Of<typeof clustersBody>>;
export type Offered = Readonly<Of<typeof offeredBody>>;
export type Session = Readonly<Of<typeof sessionBody>>;
