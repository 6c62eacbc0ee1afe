import type { Pure } from '../base/peers.ts';
import { hashDocument } from '../machine/codec.ts';
import { genesisShape, type Genesis } from './documents.ts';

/** The name by which certificates call a cluster: another cluster of the same name has another. */
export function genesisHash(pure: Pure, genesis: Genesis): string {
  return hashDocument(pure, genesisShape, genesis);
}

/** What is wrong with a genesis record, or null. */
export function findGenesisFault({ cluster, region, operators, threshold }: Genesis): string | null {
  if (cluster === '') return 'a cluster must have a name';
  if (region === '') return 'a cluster must lie in a region';
  if (operators.length === 0) return 'a cluster must have at least one operator';
  if (new Set(operators).size < operators.length) return 'an operator is named twice';
  if (threshold < 1 || threshold > operators.length)
    return `the threshold must be 1 … ${operators.length}, the number of operators`;
  return null;
}
