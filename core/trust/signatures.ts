import type { Peer, Pure } from '../base/peers.ts';
import type { Genesis, OperatorSignature } from './documents.ts';

/** How many different operators of a cluster have really signed a document. */
export function countSigners(
  pure: Pure,
  { operators }: Genesis,
  hash: string,
  signatures: readonly OperatorSignature[],
): number {
  const signers = new Set<Peer>();
  for (const { operator, signature } of signatures) {
    if (signers.has(operator) || !operators.includes(operator)) continue;
    if (pure.verify(operator, hash, signature)) signers.add(operator);
  }
  return signers.size;
}

/** Whether as many operators of a cluster as its genesis record asks for have really signed a document. */
export function isSignedByOperators(
  pure: Pure,
  genesis: Genesis,
  hash: string,
  signatures: readonly OperatorSignature[],
): boolean {
  return genesis.threshold > 0 && countSigners(pure, genesis, hash, signatures) >= genesis.threshold;
}
