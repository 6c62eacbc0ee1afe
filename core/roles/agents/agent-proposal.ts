import type { Peer, Pure } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import { hashDocument } from '../../machine/codec.ts';
import { MAX_DEADLINE_US, type PodOfWant, type Want } from '../../routing/want.ts';
import { authorisationHash, findConsentFault, understandingHash } from '../../policy/consent.ts';
import type { Permission } from '../../policy/consent-documents.ts';
import { proposedHash } from '../../policy/consent-hashes.ts';
import { podIdOf } from '../../policy/pod-documents.ts';
import { leastTrust } from '../../trust/operations.ts';
import { proposedShape, type AgentStep, type Plan, type ProposedPlan, type UsedPod } from './agent-plan.ts';

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
export function findPlanFault(pure: Pure, now: Now, asked: Plan, owner: Peer): string | null {
  const { plan, consent } = asked;
  const hash = proposalHash(pure, plan);
  const fault = findConsentFault(pure, now, consent, owner, hash);
  if (fault !== null) return fault;
  const isMissing = plan.steps.some(({ pods }) =>
    pods.some((pod) => permissionFor(pure, asked, hash, pod) === null),
  );
  return isMissing ? 'the owner of a pod that it touches was not asked' : null;
}

/** The permission of a plan for one pod; whether it holds is decided where it is used. */
function permissionFor(
  pure: Pure,
  { permissions }: Plan,
  hash: string,
  { owner, number }: AgentStep['pods'][number],
): Permission | null {
  const pod = podIdOf(pure, owner, number);
  const found = permissions.find(
    ({ pod: of, permission }) => of === pod && permission.proposal.terms.plan === hash,
  );
  return found?.permission ?? null;
}

/** What a step gives its model besides its prompt. */
export function podsOfStep(pure: Pure, asked: Plan, step: number): PodOfWant[] {
  const hash = proposalHash(pure, asked.plan);
  return asked.plan.steps[step].pods.map(({ owner, number }) => {
    const permission = permissionFor(pure, asked, hash, { owner, number }) as PodOfWant['permission'];
    return { owner, number, plan: hash, permission };
  });
}

/** The same for its owner, once the step is done: every pod of it was used, and by just these permissions. */
export function usesOfStep(pure: Pure, asked: Plan, step: number): UsedPod[] {
  return podsOfStep(pure, asked, step).map(({ owner, number, permission }) => {
    const proposal = permission === null ? '' : proposedHash(pure, permission.proposal.terms);
    return { owner, number, proposal };
  });
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
    minTrust: leastTrust(
      plan.minTrust,
      plan.steps.some(({ pods }) => pods.length > 0),
    ),
    allowedRegions: plan.allowedRegions,
    // Whoever is asked to take it on is given no data yet.
    pods: [],
    timeLeftUs,
    notAfterWallUs: beginByWallUs,
  };
}

/** Where an agent lies on the disk of its host. */
export function agentKey(pure: Pure, owner: Peer, ownerBoot: number, n: number): string {
  return `agent/${pure.idOf(owner)}/${ownerBoot}/${n}`;
}
