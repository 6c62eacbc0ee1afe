/** The verbs of `watershed pod` for agents that are given pods. */
import { readFileSync } from 'node:fs';
import { fieldsOf, JsonFault } from '../live/json-shape.ts';
import type { PodAgents, AgentLook, AgentTold } from '../live/pod-agents.ts';
import type { PodBook } from '../live/pod-book.ts';

/** Has an agent begun that does what a file says, in which pods are called as their owner calls them. */
export async function beginAgent(
  agents: PodAgents,
  book: PodBook,
  file: string,
  key: string | undefined,
): Promise<number> {
  const begun = await agents.begin(readOrder(book, file), key);
  console.log(lineOf(begun));
  if (begun.consent !== null) console.log(`given your pods under ${begun.consent}`);
  return 0;
}

export async function showAgents(
  agents: PodAgents,
  book: PodBook,
  agent: string | undefined,
): Promise<number> {
  if (agent !== undefined) {
    showAgent(book, await agents.look(agent));
    return 0;
  }
  const { agents: found, silent } = await agents.list();
  for (const told of found) console.log(lineOf(told));
  if (found.length === 0) console.log('no agent acts for you');
  if (silent.length > 0) console.log(`no answer from ${silent.join(', ')}`);
  return 0;
}

export async function stopAgent(agents: PodAgents, agent: string, isRevoked: boolean): Promise<number> {
  console.log(lineOf(await agents.stop(agent, isRevoked)));
  return 0;
}

function showAgent(book: PodBook, look: AgentLook): void {
  console.log(lineOf(look));
  for (const { step, pod, consent } of look.used) {
    const name = book.pods.find(({ number }) => number === pod.number)?.name ?? `pod ${pod.number}`;
    console.log(`  step ${step} was given ${name} under ${consent}`);
  }
  for (const result of look.results) console.log(JSON.stringify(result));
}

function lineOf({ agent, state, detail, step, steps, host }: AgentTold): string {
  const why = detail === undefined ? '' : `: ${detail}`;
  return `${agent}  ${state}, ${step} of ${steps} steps, at ${host}${why}`;
}

/** An order with numbers for the names of pods. It may not leave where the first of them is at home, if it does not say so. */
function readOrder(book: PodBook, file: string): unknown {
  let order: Record<string, unknown>;
  try {
    order = fieldsOf(JSON.parse(readFileSync(file, 'utf8')), file);
  } catch (error) {
    if (error instanceof JsonFault) throw error;
    throw new JsonFault(`${file}: ${(error as Error).message}`);
  }
  const { steps } = order;
  if (!Array.isArray(steps)) return order;
  const homes: string[] = [];
  const numbered = (steps as unknown[]).map((step) => {
    const pods = typeof step === 'object' && step !== null ? (step as { pods?: unknown }).pods : undefined;
    if (!Array.isArray(pods)) return step;
    const found = pods.map((name) => book.find(String(name)));
    homes.push(...found.map(({ policy }) => policy.terms.homeRegion));
    return { ...(step as object), pods: found.map(({ number }) => number) };
  });
  return { ...(homes.length > 0 ? { regions: homes.slice(0, 1) } : {}), ...order, steps: numbered };
}
