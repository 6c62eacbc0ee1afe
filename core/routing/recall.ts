import { NOBODY, type Peer } from '../base/peers.ts';
import type { Now } from '../base/time.ts';
import { indexNodesOf, isNoMember } from '../cluster/membership/detector.ts';
import { name } from '../cluster/manifest.ts';
import { foundShape, type Found } from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { integer, list, peer, record, shared, table, upTo, type Of } from '../machine/shape.ts';
import type { Search } from './search-state.ts';
import type { Want } from './want.ts';

/** What an index node answered last, and to what question. */
const recalledShape = record({
  model: name,
  minTrust: upTo(4),
  allowedRegions: shared(list(name, 32)),
  found: shared(foundShape),
  heardUs: integer,
});
type Recalled = Of<typeof recalledShape>;

/**
 * What whoever asks index nodes keeps of their answers, so that requests go on when none of them is left (R3-1), and
 * which of them were silent of late, so that not every request waits for them.
 */
export const recallShape = record({
  answers: list(recalledShape, 4_096),
  silentUntilUs: table(peer, integer),
});
export type Recall = Of<typeof recallShape>;

export function createRecall(): Recall {
  return { answers: [], silentUntilUs: new Map() };
}

export function keepAnswer(
  node: Node,
  recall: Recall,
  now: Now,
  index: Peer,
  want: Want,
  found: Found,
): void {
  recall.silentUntilUs.delete(index);
  const { model, minTrust, allowedRegions } = want;
  const { answers } = recall;
  const place = answers.findIndex((answer) => isSameQuestion(answer, want));
  if (place >= 0) answers.splice(place, 1);
  answers.push({
    model,
    minTrust,
    allowedRegions,
    found: found as Of<typeof foundShape>,
    heardUs: now.monoUs,
  });
  // The oldest stands first.
  if (answers.length > node.config.parameters.maxRecalled) answers.shift();
}

/** An index node has let a question go by. */
export function noteSilence(node: Node, recall: Recall, now: Now, index: Peer): void {
  recall.silentUntilUs.set(index, now.monoUs + node.config.parameters.indexRestUs);
}

/**
 * The index node that a search asks next, or NOBODY when all were asked. One that was silent a moment ago is passed over,
 * if there is an answer to go by instead.
 */
export function nextIndex(node: Node, recall: Recall, now: Now, search: Search): Peer {
  const indexNodes = indexNodesOf(node);
  const mayPassOver = recall.silentUntilUs.size > 0 && findAnswer(node, recall, now, search.want) !== null;
  while (search.indexTries < indexNodes.length) {
    // Requests spread over the index nodes; one that is tried again goes on to the next.
    const index = indexNodes[(search.key + search.indexTries) % indexNodes.length];
    search.indexTries++;
    const isResting = now.monoUs < (recall.silentUntilUs.get(index) ?? 0);
    if (!mayPassOver || !isResting) return index;
  }
  return NOBODY;
}

/** No index node answers: what one said before still holds, more or less. */
export function goByRecalled(node: Node, recall: Recall, now: Now, search: Search): void {
  const answer = findAnswer(node, recall, now, search.want);
  if (answer === null) return;
  const elapsedUs = now.monoUs - answer.heardUs;
  // Who has left meanwhile, or is admitted no more, need not be asked.
  search.candidates = answer.found.candidates
    .filter(({ peer }) => !isNoMember(node, peer))
    .map((candidate) => ({ ...candidate, ageUs: candidate.ageUs + elapsedUs }));
  search.bridges = answer.found.bridges.filter((bridge) => !isNoMember(node, bridge));
}

/** The last answer to this question, or else to another about the model; null if there is none that is young enough. */
function findAnswer(node: Node, { answers }: Recall, now: Now, want: Want): Recalled | null {
  let best: Recalled | null = null;
  for (const answer of answers) {
    if (answer.model !== want.model || now.monoUs - answer.heardUs > node.config.parameters.recallUs)
      continue;
    if (best === null || !isSameQuestion(best, want)) best = answer;
  }
  return best;
}

type Question = Pick<Want, 'model' | 'minTrust' | 'allowedRegions'>;

function isSameQuestion(left: Question, right: Question): boolean {
  if (left.model !== right.model || left.minTrust !== right.minTrust) return false;
  const [here, there] = [left.allowedRegions, right.allowedRegions];
  return here === there || (here.length === there.length && here.every((region, i) => region === there[i]));
}
