/** What an agent may be asked to do over HTTP, and what is wrong with what was asked. */
import { MAX_TOUCHED } from '../core/policy/consent-documents.ts';
import { MAX_BUDGET_US, MAX_STEPS } from '../core/roles/agents/agent-plan.ts';
import { MAX_PODS_OF_WANT } from '../core/routing/want.ts';
import { listNgrams } from './embedding-model.ts';
import {
  findUnknownField,
  isName,
  MAX_TEXT_CHARACTERS,
  measure,
  readTerms,
  shown,
  type Terms,
} from './question.ts';

export interface RequestedStep {
  readonly model: string;
  /** Null: it goes on from what the step before it has made. */
  readonly text: string | null;
  readonly contextTokens: number;
  /** Numbers of pods of its owner that the model is given, too. */
  readonly pods: readonly number[];
}

export interface AgentRequest extends Terms {
  readonly steps: readonly RequestedStep[];
  /** In words: what will happen, and why. */
  readonly proposal: string;
  readonly budgetTokens: number;
  readonly budgetMs: number;
  /** All pods of its steps, each once. */
  readonly pods: readonly number[];
}

/** What is wrong: with how it was said, or that its owner has not consented. */
export interface AgentFault {
  readonly code: 'BAD_REQUEST' | 'CONSENT_REQUIRED';
  readonly detail: string;
}

const FIELDS = [
  'steps',
  'proposal',
  'minTrust',
  'regions',
  'budgetTokens',
  'budgetMs',
  'understood',
  'authorise',
];
const STEP_FIELDS = ['model', 'text', 'pods'];
const MAX_PROPOSAL_CHARACTERS = 10_000;
const MAX_BUDGET_MS = MAX_BUDGET_US / 1_000;
const DEFAULT_BUDGET_MS = 60_000;
const MAX_BUDGET_TOKENS = 1_000_000_000;
/** Of what a step makes nobody knows the length beforehand: so much of the budget is set aside for reading it. */
const FOLLOWING_TOKENS = 2_048;
/** In so many regions one consent to the use of a pod can hold. */
const MAX_POD_REGIONS = 4;

/**
 * Reads the body of `POST /v1/agents`. Nothing is done on anybody's behalf unless both locks were opened, each by its own
 * field (R6.2-4); without `regions` the agent stays in `homeRegion`.
 */
export function readAgentRequest(body: unknown, homeRegion: string): AgentRequest | AgentFault {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return bad('a JSON object is expected, sent as application/json: {"steps": […], "proposal": "…", …}');
  const fields = body as Record<string, unknown>;
  const unknown = findUnknownField(fields, FIELDS, 'a request for an agent');
  if (unknown !== null) return bad(unknown);
  const steps = readSteps(fields['steps']);
  if (typeof steps === 'string') return bad(steps);
  const { proposal, minTrust = 1, regions = [homeRegion], budgetMs = DEFAULT_BUDGET_MS } = fields;
  if (typeof proposal !== 'string' || proposal === '' || proposal.length > MAX_PROPOSAL_CHARACTERS)
    return bad(
      `proposal: what will happen and why, in words, is expected: a text of 1 to ${MAX_PROPOSAL_CHARACTERS} characters, found ${measure(proposal)}`,
    );
  const terms = readTerms(minTrust, regions);
  if (typeof terms === 'string') return bad(terms);
  const needed = steps.reduce((sum, { contextTokens }) => sum + contextTokens, 0);
  const { budgetTokens = needed } = fields;
  if (!isCount(budgetTokens, MAX_BUDGET_TOKENS))
    return bad(
      `budgetTokens: a whole number of 1 to ${MAX_BUDGET_TOKENS} is expected, found ${shown(budgetTokens)}`,
    );
  if (!isCount(budgetMs, MAX_BUDGET_MS))
    return bad(`budgetMs: a whole number of 1 to ${MAX_BUDGET_MS} is expected, found ${shown(budgetMs)}`);
  const pods = [...new Set(steps.flatMap((step) => step.pods))];
  if (pods.length > MAX_TOUCHED) return bad(`steps: one agent is given at most ${MAX_TOUCHED} pods`);
  if (pods.length > 0 && terms.regions.length > MAX_POD_REGIONS)
    return bad(`regions: where pods are named there are at most ${MAX_POD_REGIONS}`);
  const closed = findClosedLock(fields);
  if (closed !== null) return { code: 'CONSENT_REQUIRED', detail: closed };
  return { steps, proposal, ...terms, budgetTokens, budgetMs, pods };
}

/** Which of the two locks is closed, or null. */
function findClosedLock({ understood, authorise }: Record<string, unknown>): string | null {
  if (understood !== true) return 'the owner must say to have understood the proposal: "understood": true';
  if (authorise !== 'execute') return 'the owner must authorise the proposal: "authorise": "execute"';
  return null;
}

function readSteps(steps: unknown): RequestedStep[] | string {
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > MAX_STEPS)
    return `steps: a list of 1 to ${MAX_STEPS} steps is expected, found ${Array.isArray(steps) ? `one of ${steps.length}` : measure(steps)}`;
  const read: RequestedStep[] = [];
  for (const [i, step] of (steps as unknown[]).entries()) {
    const place = `steps[${i}]`;
    if (typeof step !== 'object' || step === null) return `${place}: an object is expected`;
    const unknown = findUnknownField(step as Record<string, unknown>, STEP_FIELDS, 'a step');
    if (unknown !== null) return `${place}: ${unknown}`;
    const { model, text = null } = step as Record<string, unknown>;
    if (!isName(model)) return `${place}.model: the name of a model is expected, found ${shown(model)}`;
    if (text === null && i === 0) return `${place}.text: the first step has nothing before it to go on from`;
    if (text !== null && (typeof text !== 'string' || text === '' || text.length > MAX_TEXT_CHARACTERS))
      return `${place}.text: a text of 1 to ${MAX_TEXT_CHARACTERS} characters is expected, found ${measure(text)}`;
    const { pods = [] } = step as Record<string, unknown>;
    if (!isPodList(pods))
      return `${place}.pods: a list of at most ${MAX_PODS_OF_WANT} numbers of your pods, each once, is expected, found ${shown(pods)}`;
    const contextTokens = text === null ? FOLLOWING_TOKENS : listNgrams(text).length;
    read.push({ model, text, contextTokens, pods });
  }
  return read;
}

function isPodList(pods: unknown): pods is number[] {
  if (!Array.isArray(pods) || pods.length > MAX_PODS_OF_WANT || new Set(pods).size < pods.length)
    return false;
  return pods.every((number) => Number.isSafeInteger(number) && (number as number) >= 0);
}

function isCount(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
}

function bad(detail: string): AgentFault {
  return { code: 'BAD_REQUEST', detail };
}
