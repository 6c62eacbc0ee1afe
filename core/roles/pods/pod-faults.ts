import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { REFUSED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { NO_ELIGIBLE_NODE, NOT_ADMITTED, type ErrorCode } from '../../routing/outcomes.ts';

/** Why a request about a pod is refused. */
export interface Fault {
  readonly code: ErrorCode;
  readonly detail: string;
}

export function fault(code: ErrorCode, detail: string): Fault {
  return { code, detail };
}

export const GONE = fault(NO_ELIGIBLE_NODE, 'the pod has been deleted');

export function refuse(node: Node, out: Outbox, envelope: Envelope, { code, detail }: Fault): void {
  if (code === NOT_ADMITTED) countRefusal(node, REFUSAL_UNADMITTED);
  reply(node, out, envelope, REFUSED, { code, retryAfterUs: 500_000, detail, struck: [] });
}
