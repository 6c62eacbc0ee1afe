import type { Envelope } from '../../core/machine/envelope.ts';
import type { Row, Rows } from '../../core/cluster/registry/registry-bodies.ts';
import { FOUND, ROWS, type Found } from '../../core/machine/kinds.ts';
import { VERIFIED } from '../../core/trust/attestation.ts';
import type { Malice, Scene } from './malice.ts';

/** Which lie an asker is told. */
const WHICH = 1;

/**
 * An index node that tells half of those who ask less than there is, and the others that all may be trusted fully. To other
 * index nodes it tells of everybody with more trust than they claim, or without their attestations, and that it has just heard them.
 */
export class EquivocatingIndex implements Malice {
  readonly tickUs = 0;

  onOutgoing(envelope: Envelope, scene: Scene): boolean {
    if (envelope.kind === ROWS) {
      const { rows } = envelope.body as Rows;
      envelope.body = { rows: rows.map((row, i) => twist(row, i)) };
      scene.touch();
    }
    if (envelope.kind !== FOUND) return true;
    const asker = scene.keyOf(envelope.to);
    const found = envelope.body as Found;
    const told = scene.draw(asker, WHICH) < 0x80000000 ? omit(found, asker, scene) : praise(found);
    if (told === found) return true;
    envelope.body = told;
    scene.touch();
    return true;
  }

  onIncoming(): boolean {
    return true;
  }

  onTick(): void {}
}

function omit(found: Found, asker: number, scene: Scene): Found {
  const isKept = (peer: number): boolean => !scene.isInShare(asker, scene.keyOf(peer));
  const candidates = found.candidates.filter(({ peer }) => isKept(peer));
  const bridges = found.bridges.filter(isKept);
  const isWhole = candidates.length === found.candidates.length && bridges.length === found.bridges.length;
  return isWhole ? found : { candidates, bridges, isModelKnown: candidates.length > 0 };
}

/** By turns a manifest that its subject has not signed, and one that is robbed of its attestations. */
function twist(row: Row, i: number): Row {
  const { announced } = row;
  const raised = { ...announced, manifest: { ...announced.manifest, claimedTrust: VERIFIED, region: 'eu' } };
  return { ...row, announced: i % 2 === 0 ? raised : { ...announced, attestations: [] }, ageUs: 0 };
}

function praise(found: Found): Found {
  if (found.candidates.every(({ trust }) => trust === VERIFIED)) return found;
  return { ...found, candidates: found.candidates.map((candidate) => ({ ...candidate, trust: VERIFIED })) };
}
