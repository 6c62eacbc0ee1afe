import { name } from '../../cluster/manifest.ts';
import {
  flag,
  integer,
  list,
  optional,
  peer,
  record,
  ref,
  text,
  upTo,
  type Of,
} from '../../machine/shape.ts';
import { hash, permissionShape } from '../../policy/consent-documents.ts';
import { consentShape } from '../../policy/documents.ts';
import { podId } from '../../policy/pod-terms.ts';
import { ERROR_CODES } from '../../routing/outcomes.ts';
import { MAX_DETAIL } from '../../routing/request-bodies.ts';
import { MAX_PODS_OF_WANT } from '../../routing/want.ts';

/** No agent has more steps. */
export const MAX_STEPS = 32;
/** Permissions that a plan can bring along. */
export const MAX_PERMISSIONS = 16;
/** No agent is at work for longer than a day. */
export const MAX_BUDGET_US = 24 * 3_600 * 1_000_000;

const stepShape = record({
  model: name,
  /** What the model is given; null: what the step before it has made. */
  prompt: optional(ref),
  contextTokens: integer,
  maxTokens: integer,
  /** Pods that the model is given, too (R6.2-4). */
  pods: list(record({ owner: peer, number: integer }), MAX_PODS_OF_WANT),
});
export type AgentStep = Readonly<Of<typeof stepShape>>;

/** All that an agent will do (R4-6): what its owner is asked about, and consents to. */
export const proposedShape = record({
  /** In words, for the owner: what will happen, why, and what it touches. */
  proposal: ref,
  steps: list(stepShape, MAX_STEPS),
  minTrust: upTo(4),
  allowedRegions: list(name, 32),
  budgetTokens: integer,
  /** How long it may be at work, and when it ends in any case. */
  budgetUs: upTo(MAX_BUDGET_US),
  untilWallUs: integer,
});
export type ProposedPlan = Readonly<Of<typeof proposedShape>>;

export const planShape = record({
  plan: proposedShape,
  consent: optional(consentShape),
  /** Of the owners of the pods that it touches. They name the plan by its hash. */
  permissions: list(record({ pod: podId, permission: permissionShape }), MAX_PERMISSIONS),
  /** It is begun by then, or not at all: whoever asks again later does not begin it a second time. */
  beginByWallUs: integer,
});
export type Plan = Readonly<Of<typeof planShape>>;

/** How an agent does. The numbers are on the wire and on disk: never reused. */
export const AGENT_STATES = ['begun', 'done', 'stopped', 'revoked', 'exhausted', 'failed'] as const;
export const AGENT_BEGUN = 0;
export const AGENT_DONE = 1;
export const AGENT_STOPPED = 2;
/** Its owner has withdrawn the consent. */
export const AGENT_REVOKED = 3;
/** It has no tokens or no time left. */
export const AGENT_EXHAUSTED = 4;
export const AGENT_FAILED = 5;

export const agentStateShape = record({
  /** Names the agent: the request that began it. */
  owner: peer,
  ownerBoot: integer,
  n: integer,
  host: peer,
  state: upTo(AGENT_STATES.length - 1),
  /** Why it failed; OK if it did not. */
  code: upTo(ERROR_CODES.length - 1),
  /** The same in words, for its owner; '' where there is nothing to say. */
  detail: text(MAX_DETAIL),
  /** Steps that it has done, and how many there are. */
  step: integer,
  steps: integer,
  spentTokens: integer,
  leftUs: integer,
});
export type AgentState = Readonly<Of<typeof agentStateShape>>;

/** A pod that a step was given, and under what: the hash of the proposal to which the pod's owner has consented. */
const usedPodShape = record({ owner: peer, number: integer, proposal: hash });
export type UsedPod = Readonly<Of<typeof usedPodShape>>;

/** What a step has made, and of which pods besides its prompt (R6.2-4). */
export const stepResultShape = record({
  host: peer,
  step: integer,
  answer: ref,
  generatedTokens: integer,
  used: list(usedPodShape, MAX_PODS_OF_WANT),
});
export type StepResult = Readonly<Of<typeof stepResultShape>>;

/** What its host must know of an agent to go on after a crash. */
export const agentRecordShape = record({
  owner: peer,
  ownerBoot: integer,
  n: integer,
  /** The gateway through which its owner speaks with it. */
  desk: peer,
  plan: planShape,
  state: upTo(AGENT_STATES.length - 1),
  code: upTo(ERROR_CODES.length - 1),
  detail: text(MAX_DETAIL),
  /** What each step that it has done has made: the checkpoint. */
  results: list(record({ answer: ref, generatedTokens: integer }), MAX_STEPS),
  spentTokens: integer,
  leftUs: integer,
});
export type AgentRecord = Readonly<Of<typeof agentRecordShape>>;

/** Bodies of what is said of agents. */
export const stopBody = record({ host: peer, isRevoked: flag });
export const stepBody = record({ host: peer, step: integer });
export const MAX_LISTED = 64;
export const MAX_ASKED = 256;
export const agentsBody = record({
  by: peer,
  /** Who has been asked, by a gateway; each answers for itself. */
  asked: list(peer, MAX_ASKED),
  agents: list(agentStateShape, MAX_LISTED),
});
export type StopAgent = Readonly<Of<typeof stopBody>>;
export type AskStep = Readonly<Of<typeof stepBody>>;
export type AgentsFound = Readonly<Of<typeof agentsBody>>;
