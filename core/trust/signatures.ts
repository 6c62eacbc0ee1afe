import type { Peer, Pure } from '../base/peers.ts';
import type { Genesis, OperatorSignature } from './documents.ts';

/** Whether as many operators of a cluster as its genesis record asks for have really signed a document. */
export function isSignedByOperators(
  pure: Pure,
  { operators, threshold }: Genesis,
  hash: string,
  signatures: readonly OperatorSignature[],
): boolean {
  const signers = new Set<Peer>();
  for (const { operator, signature } of signatures) {
    if (signers.has(operator) || !operators.includes(operator)) continue;
    if (pure.verify(operator, hash, signature)) signers.add(operator);
  }
  return threshold > 0 && signers.size >= threshold;
}
