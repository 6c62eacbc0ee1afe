import type { Peer } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import { answerShape, refusedShape } from '../machine/kinds.ts';
import type { Parameters } from '../machine/parameters.ts';
import { RequestTable } from '../machine/request-table.ts';
import { agentStateShape } from '../roles/agents/agent-plan.ts';
import type { Outcome } from './ending.ts';
import { integer, list, optional, own, peer, record, shared, type Of } from '../machine/shape.ts';

const MAX_ASKERS = 8;

/** How a request ended, kept for its duplicates (R5.3-3). Replaced, and never changed. */
const rememberedShape = shared(
  record({
    key: integer,
    origin: peer,
    originBoot: integer,
    n: integer,
    /** Who asked, and may be told again. */
    askers: list(peer, MAX_ASKERS),
    answer: optional(shared(answerShape)),
    refused: optional(shared(refusedShape)),
    agent: optional(shared(agentStateShape)),
  }),
);
export type Remembered = Of<typeof rememberedShape>;

export const memoryShape = own(() => new RequestTable(rememberedShape));
export type Memory = RequestTable<Remembered>;

export function createMemory(): Memory {
  return new RequestTable(rememberedShape);
}

interface RequestId {
  readonly origin: Peer;
  readonly originBoot: number;
  readonly n: number;
}

/**
 * Keeps an outcome for as long as duplicates may come; the oldest makes room. What is kept stays as it was: another who
 * asked for the same is told the same.
 */
export function remember(
  memory: Memory,
  now: Now,
  { maxRemembered, rememberUs }: Parameters,
  { origin, originBoot, n }: RequestId,
  asker: Peer,
  { answer, refused, agent }: Outcome,
): void {
  forgetDue(memory, now);
  if (maxRemembered === 0) return;
  const dueUs = now.monoUs + rememberUs;
  const known = memory.get(origin, originBoot, n);
  if (known === undefined) {
    if (memory.size >= maxRemembered) memory.delete(memory.first()!);
    const key = memory.takeKey();
    memory.add({ key, origin, originBoot, n, askers: [asker], answer, refused, agent }, dueUs);
  } else if (known.askers.length < MAX_ASKERS && !known.askers.includes(asker)) {
    memory.delete(known);
    memory.add({ ...known, askers: [...known.askers, asker] }, dueUs);
  }
}

/** How the request ended, if that is still remembered. */
export function findRemembered(
  memory: Memory,
  now: Now,
  { origin, originBoot, n }: RequestId,
): Remembered | undefined {
  forgetDue(memory, now);
  return memory.get(origin, originBoot, n);
}

/** No alarm is needed for it: whoever looks or adds forgets first, and the table has its bound. */
function forgetDue(memory: Memory, now: Now): void {
  for (let due = memory.firstDue(now.monoUs); due !== undefined; due = memory.firstDue(now.monoUs)) {
    memory.delete(due);
  }
}
