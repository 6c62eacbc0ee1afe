import { integer, list, peer, record, text, type Of } from '../../machine/shape.ts';
import { address, genesisShape, MAX_OPERATORS, operatorSignatureShape } from '../../trust/documents.ts';
import { manifestVersionShape, MAX_MODELS, name } from '../manifest.ts';

/** What clusters sign for each other. What the signatures are worth is decided in cluster-record.ts and peering.ts. */

/** Bridges that one cluster can have. */
export const MAX_CLUSTER_BRIDGES = 64;

const signatures = list(operatorSignatureShape, MAX_OPERATORS);

const clusterFields = {
  /** It brings its own genesis record, whose hash is the cluster's identity: nobody need be asked whose keys count. */
  genesis: genesisShape,
  region: name,
  bridges: list(record({ peer, region: name, address }), MAX_CLUSTER_BRIDGES),
  /** What it offers to whoever it makes a peering with, `*` for all: nothing is exported until there is one. */
  exports: list(name, MAX_MODELS),
  /** Only rises: bridges that are new, moved or gone are learnt from the next version. */
  version: manifestVersionShape,
};
export const clusterTermsShape = record(clusterFields);
export type ClusterTerms = Readonly<Of<typeof clusterTermsShape>>;

export const clusterRecordShape = record({ ...clusterFields, signatures });
/** What a cluster says of itself to others, signed by its operators (R5.1-5). */
export type ClusterRecord = Readonly<Of<typeof clusterRecordShape>>;

const sideFields = {
  cluster: name,
  /** The hash of its genesis record. */
  genesis: text(128),
  /** What it exports to the other side, `*` for all. */
  exports: list(name, MAX_MODELS),
};
const sideShape = record({ ...sideFields, signatures });
export type PeeringSide = Readonly<Of<typeof sideShape>>;

const termFields = {
  /** Of peerings between the same two the one with the highest version counts. */
  version: integer,
  fromWallUs: integer,
  untilWallUs: integer,
  /** Requests of one side that the other works on at once; 0: as many as come. */
  maxInFlight: integer,
};
export const peeringTermsShape = record({
  left: record(sideFields),
  right: record(sideFields),
  ...termFields,
});
export type PeeringTerms = Readonly<Of<typeof peeringTermsShape>>;

export const peeringShape = record({ left: sideShape, right: sideShape, ...termFields });
/** What two clusters have agreed on, signed by the operators of both (R5.2-4): nothing else is exported. */
export type Peering = Readonly<Of<typeof peeringShape>>;

export const revocationShape = record({
  /** The hash of what is withdrawn. */
  peering: text(128),
  signatures,
});
/** One side's word that a peering is over; signed by the operators of either side, it holds for both. */
export type Revocation = Readonly<Of<typeof revocationShape>>;
