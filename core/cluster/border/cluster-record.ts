import type { Pure } from '../../base/peers.ts';
import { hashDocument } from '../../machine/codec.ts';
import { findGenesisFault } from '../../trust/genesis.ts';
import { isSignedByOperators } from '../../trust/signatures.ts';
import { clusterTermsShape, type ClusterRecord, type ClusterTerms } from './border-documents.ts';

/** The hash that operators sign. */
export function clusterRecordHash(pure: Pure, terms: ClusterTerms): string {
  return hashDocument(pure, clusterTermsShape, terms);
}

/** What is wrong with a record, or null. It does not say that its cluster may be trusted. */
export function findRecordFault(pure: Pure, record: ClusterRecord): string | null {
  const { genesis, bridges, region, signatures } = record;
  const fault = findGenesisFault(genesis);
  if (fault !== null) return fault;
  if (region === '') return 'a cluster must lie in a region';
  if (new Set(bridges.map(({ peer }) => peer)).size < bridges.length) return 'a bridge is named twice';
  const isSigned = isSignedByOperators(pure, genesis, clusterRecordHash(pure, record), signatures);
  return isSigned ? null : 'it is not signed by the operators of its genesis record';
}
