import { authorisationHash, understandingHash } from '../core/policy/consent.ts';
import type { Plan } from '../core/roles/agents/agent-plan.ts';
import { proposalHash } from '../core/roles/agents/agent-proposal.ts';
import { SECOND_US, type Rig } from './rig.ts';

/** A plan of three steps, each of which is given what the one before it has made; its owner consents unless told otherwise. */
export function planOf(rig: Rig, owner: string, changes: Partial<Plan['plan']> = {}, consents = true): Plan {
  const step = { model: 'a', prompt: null, contextTokens: 10, maxTokens: 5, pods: [] };
  const plan = {
    proposal: { hash: 'proposal', sizeBytes: 20, keyId: 0 },
    steps: [{ ...step, prompt: { hash: 'first', sizeBytes: 40, keyId: 0 } }, step, step],
    minTrust: 1,
    allowedRegions: ['eu'],
    budgetTokens: 1_000,
    budgetUs: 60 * SECOND_US,
    untilWallUs: rig.nowUs + rig.wallOffsetUs + 600 * SECOND_US,
    ...changes,
  };
  return {
    plan,
    consent: consents ? consentTo(rig, owner, proposalHash(rig.cast, plan)) : null,
    permissions: [],
    beginByWallUs: rig.nowUs + rig.wallOffsetUs + 30 * SECOND_US,
  };
}

export function consentTo(
  rig: Rig,
  name: string,
  proposal: string,
  untilUs = 600 * SECOND_US,
): Plan['consent'] {
  const owner = rig.peer(name);
  const terms = { owner, proposal, authorisation: 0, untilWallUs: rig.nowUs + rig.wallOffsetUs + untilUs };
  return {
    ...terms,
    understood: rig.cast.sign(owner, understandingHash(rig.cast, owner, proposal)),
    authorised: rig.cast.sign(owner, authorisationHash(rig.cast, terms)),
  };
}
