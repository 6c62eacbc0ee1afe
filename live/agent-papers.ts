/** What an owner signs of an agent (R4-6): what it will do, that it may, and where it is given pods, that each may be used for just that. */
import type { Peer, Pure } from '../core/base/peers.ts';
import type { Ref } from '../core/machine/shape.ts';
import {
  AGENT_USE,
  EXECUTE,
  EXPLICIT,
  FIRST_LOCK,
  SECOND_LOCK,
  UNDERSTOOD,
  type Lock,
  type Permission,
  type Proposal,
  type Proposed,
  type Word,
} from '../core/policy/consent-documents.ts';
import { proposedHash, wordHash } from '../core/policy/consent-hashes.ts';
import { podIdOf } from '../core/policy/pod-documents.ts';
import type { Plan, ProposedPlan } from '../core/roles/agents/agent-plan.ts';
import { locksOf, proposalHash } from '../core/roles/agents/agent-proposal.ts';
import type { AgentRequest } from './agent-request.ts';
import { hashBytes, signHash, type Identity } from './identity.ts';

/** An agent is to begin within so long. */
export const BEGIN_MS = 20_000;
const MAX_PURPOSE_BYTES = 128;

/** The texts that a plan names by their hashes: what is proposed, and the prompts of its steps. */
export function textsOf({ proposal, steps }: AgentRequest): string[] {
  return [proposal, ...steps.flatMap(({ text }) => (text === null ? [] : [text]))];
}

/** All that was asked for, as a plan that both locks are opened for by whom it is of. */
export function signPlan(pure: Pure, identity: Identity, owner: Peer, asked: AgentRequest): Plan {
  const beginByWallUs = (Date.now() + BEGIN_MS) * 1_000;
  const plan = planOf(owner, asked, beginByWallUs);
  const { terms, understanding, authorisation } = locksOf(pure, plan, owner);
  const understood = signHash(identity, understanding);
  const consent = { ...terms, understood, authorised: signHash(identity, authorisation) };
  const permissions = signPermissions(pure, identity, owner, plan, asked) as Plan['permissions'];
  return { plan, consent, permissions, beginByWallUs };
}

function planOf(owner: Peer, asked: AgentRequest, beginByWallUs: number): ProposedPlan {
  const { steps, proposal, minTrust, regions, budgetTokens, budgetMs } = asked;
  return {
    proposal: refOf(proposal),
    steps: steps.map(({ model, text, contextTokens, pods }) => ({
      model,
      prompt: text === null ? null : refOf(text),
      contextTokens,
      // An embedding is read off, not written token by token.
      maxTokens: 0,
      pods: pods.map((number) => ({ owner, number })),
    })),
    minTrust,
    allowedRegions: [...regions],
    budgetTokens,
    budgetUs: budgetMs * 1_000,
    // A host that was down meanwhile has as long again.
    untilWallUs: beginByWallUs + 2 * budgetMs * 1_000,
  };
}

export function refOf(text: string): Ref {
  const bytes = Buffer.from(text);
  return { hash: hashBytes(bytes), sizeBytes: bytes.length, keyId: 0 };
}

/** For each pod that the plan names: both locks, opened by its owner, who is also the agent's. */
function signPermissions(
  pure: Pure,
  identity: Identity,
  owner: Peer,
  plan: ProposedPlan,
  { proposal: described, pods: numbers }: AgentRequest,
): { readonly pod: string; readonly permission: Permission }[] {
  if (numbers.length === 0) return [];
  const pods = numbers.map((number) => podIdOf(pure, owner, number));
  const wallUs = Date.now() * 1_000;
  const { allowedRegions: regions, untilWallUs } = plan;
  const terms: Proposed = {
    // Of the owner's matters no two have one number.
    ...{ proposer: owner, number: wallUs, round: 1, use: AGENT_USE, plan: proposalHash(pure, plan) },
    ...{ purpose: shortened(described), pods, writtenByWallUs: untilWallUs, regions, untilWallUs },
    ...{ uses: 0, answer: '' },
  };
  const hash = proposedHash(pure, terms);
  const proposal: Proposal = { terms, signature: signHash(identity, hash) };
  const word = (lock: Lock, pod: string, said: number): Word => {
    const spoken = { by: owner, version: 1, said, authorisation: EXPLICIT, detail: '', untilWallUs, wallUs };
    return { ...spoken, signature: signHash(identity, wordHash(pure, lock, pod, hash, spoken)) };
  };
  return pods.map((pod) => {
    const understood = word(FIRST_LOCK, pod, UNDERSTOOD);
    const permission = { proposal, pattern: null, understood, decided: word(SECOND_LOCK, pod, EXECUTE) };
    return { pod, permission: permission as Permission };
  });
}

/** As much of it as a purpose can have, which stands on each receipt. */
function shortened(text: string): string {
  const bytes = Buffer.from(text).subarray(0, MAX_PURPOSE_BYTES);
  // A character that was cut is left out.
  return new TextDecoder('utf-8').decode(bytes).replace(/\ufffd+$/, '');
}
