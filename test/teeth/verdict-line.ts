import { patternOfId } from './rules.ts';
import type { Verdict } from './bite.ts';

const COLUMNS = 80;

/** One line of at most 80 columns: whether a sabotage was noticed, and by which test, or what is wrong. */
export function formatVerdict(id: string, { isNoticed, reason }: Verdict): string {
  const head = `${id.padEnd(8)}${isNoticed ? 'noticed  ' : 'TOOTHLESS'} `;
  const text = isNoticed ? lastPartOf(reason, id) : reason;
  const room = COLUMNS - head.length;
  return head + (text.length > room ? `${text.slice(0, room - 1)}…` : text);
}

/** A full title starts with the names of its groups; what tells it apart follows the last mention of the rule. */
function lastPartOf(title: string, id: string): string {
  const mentions = [...title.matchAll(new RegExp(patternOfId(id), 'g'))];
  const last = mentions.at(-1);
  return last === undefined ? title : title.slice(last.index + id.length).replace(/^[:)\s]+/, '');
}
