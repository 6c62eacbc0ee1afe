import type { Peer, Pure } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { hashDocument } from '../../machine/codec.ts';
import { MAX_DEADLINE_US, type Want } from '../../routing/want.ts';
import { authorisationHash, findConsentFault, understandingHash } from '../../policy/consent.ts';
import { proposedShape, type Plan, type ProposedPlan } from './agent-plan.ts';

/** The hash that a consent to a plan names: another step, budget or region is another proposal. */
export function proposalHash(pure: Pure, plan: ProposedPlan): string {
  return hashDocument(pure, proposedShape, plan);
}

/** What an owner signs to have just this plan carried out, and as long as it may last: the terms, and both locks as hashes. */
export function locksOf(pure: Pure, plan: ProposedPlan, owner: Peer) {
  const proposal = proposalHash(pure, plan);
  const terms = { owner, proposal, authorisation: 0, untilWallUs: plan.untilWallUs };
  return {
    terms,
    understanding: understandingHash(pure, owner, proposal),
    authorisation: authorisationHash(pure, terms),
  };
}

/** Why an agent may not act, or null: its owner has opened both locks for just this plan, and they are open today. */
export function findPlanFault(pure: Pure, now: Now, { plan, consent }: Plan, owner: Peer): string | null {
  return findConsentFault(pure, now, consent, owner, proposalHash(pure, plan));
}

/** What a gateway looks for when an agent is to be begun: somebody who could run its first step. */
export function wantOfPlan({ plan, beginByWallUs }: Plan, now: Now): Want {
  const [first] = plan.steps;
  const timeLeftUs = Math.max(0, Math.min(MAX_DEADLINE_US, beginByWallUs - now.wallUs));
  return {
    model: first?.model ?? '',
    prompt: plan.proposal,
    contextTokens: first?.contextTokens ?? 0,
    maxTokens: first?.maxTokens ?? 0,
    minTrust: plan.minTrust,
    allowedRegions: plan.allowedRegions,
    timeLeftUs,
    notAfterWallUs: beginByWallUs,
  };
}

/** Where an agent lies on the disk of its host. */
export function agentKey(pure: Pure, owner: Peer, ownerBoot: number, n: number): string {
  return `agent/${pure.idOf(owner)}/${ownerBoot}/${n}`;
}
