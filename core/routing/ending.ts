import type { Envelope, Outbox } from '../machine/envelope.ts';
import { AGENT_STATE, ANSWER, REFUSED, type Answer, type Refused } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { reply } from '../machine/speech.ts';
import type { AgentState } from '../roles/agents/agent-plan.ts';
import { isRetryable, type ErrorCode } from './outcomes.ts';

/** How a search ended: its asker gets an ANSWER, a REFUSED, or how the agent does that it wanted begun. */
export type Outcome =
  | { readonly answer: Answer; readonly refused: null; readonly agent: null }
  | { readonly answer: null; readonly refused: Refused; readonly agent: null }
  | { readonly answer: null; readonly refused: null; readonly agent: AgentState };

/** Answers whoever sent `envelope` with the outcome of the request. */
export function replyOutcome(node: Node, out: Outbox, envelope: Envelope, outcome: Outcome): void {
  reply(node, out, envelope, kindOf(outcome), bodyOf(outcome));
}

/** What an outcome is told by. */
export function kindOf({ answer, agent }: Outcome): number {
  return answer !== null ? ANSWER : agent !== null ? AGENT_STATE : REFUSED;
}

export function bodyOf({ answer, refused, agent }: Outcome): unknown {
  return answer ?? agent ?? refused;
}

export function refusal(
  code: ErrorCode,
  detail: string,
  struck: Refused['struck'],
  retryAfterUs = 0,
): Outcome {
  const waitUs = isRetryable(code) ? Math.max(retryAfterUs, RETRY_AFTER_US) : 0;
  return { answer: null, refused: { code, detail, struck, retryAfterUs: waitUs }, agent: null };
}

/** What a refusal advises when nobody knows better. */
const RETRY_AFTER_US = 1_000_000;
