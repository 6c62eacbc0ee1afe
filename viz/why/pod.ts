import type { Fact } from '../../sim/frame.ts';
import { standingOf, type Affairs, type PodAffair } from '../affairs.ts';
import { at, gather, listOf } from './words.ts';

/** Copies that have gone are told of the last few. */
const MOST_GONE = 6;

/** Why a pod is where it is, in sentences. */
export function tellPod(pod: PodAffair | undefined, affairs: Affairs, copies: number): string[] {
  if (pod === undefined)
    return ['Nothing was noted of it: nobody had written it by then, so no host had a copy.'];
  const lines = [...tellDeletion(pod, affairs), ...tellCopies(pod)];
  if (pod.deletionSinceUs === null)
    lines.push(...tellPlacement(pod, affairs), ...tellShortage(pod, affairs, copies));
  return [...lines, ...tellGone(pod)];
}

function tellDeletion(pod: PodAffair, affairs: Affairs): string[] {
  const { deletionSinceUs, deletedUs, pending } = pod;
  if (deletionSinceUs === null) return [];
  if (deletedUs !== null)
    return [
      `Its owner has deleted it. That was certified at ${at(deletedUs)}: every pod host that there ever was had confirmed that no copy is left.`,
    ];
  const lines = [`Its owner asked at ${at(deletionSinceUs)} that it be deleted; that is not certified.`];
  if (pending === null) return lines;
  lines.push(`As of ${at(pending.timeUs)}, ${pending.node} waits: ${pending.why}.`);
  for (const { node, reason } of pending.others) lines.push(`  ${node} ${reason}${stateOf(node, affairs)}.`);
  return lines;
}

function tellCopies({ copies, deletedUs }: PodAffair): string[] {
  if (copies.size === 0) return deletedUs === null ? ['No host has a copy.'] : [];
  return [
    `It lies on ${listOf([...copies.keys()])}.`,
    ...[...copies].map(
      ([node, { sinceUs, by }]) =>
        `  ${node} since ${at(sinceUs)}: ${by === null ? 'its owner wrote there' : `brought by ${by}`}.`,
    ),
  ];
}

function tellPlacement({ placed, copies }: PodAffair, affairs: Affairs): string[] {
  if (placed === null) return copies.size === 0 ? [] : ['No host has said yet where it is to be.'];
  const lines = [
    `Where it may be says ${placed.why}. As of ${at(placed.timeUs)}, ${placed.node} goes by that:`,
  ];
  const holders = placed.others.filter(({ reason }) => reason === 'is to have a copy');
  if (holders.length > 0)
    lines.push(
      `  ${listOf(holders.map(({ node }) => node))}: first in the pod's own order of those that may hold it and are there.`,
    );
  const others = placed.others.filter((other) => !holders.includes(other));
  for (const { names, reason } of gather(
    others,
    (other) => sentenceOf(other),
    ({ node }) => node,
  ))
    lines.push(`  Not ${listOf(names)}: ${reason}${names.length === 1 ? stateOf(names[0], affairs) : ''}.`);
  return lines;
}

function sentenceOf({ region, reason }: Fact['others'][number]): string {
  if (reason === 'its region is not allowed') return `in ${region}, which the policy does not allow`;
  return reason;
}

function tellShortage(pod: PodAffair, affairs: Affairs, most: number): string[] {
  const { wanted, lacking, isShort } = standingOf(pod, most);
  if (!isShort) return [];
  const lines = [
    `It is under-replicated: ${pod.copies.size - countStray(pod, wanted)} of ${most} copies are where they are to be.`,
  ];
  if (wanted.length < most)
    lines.push(
      `  Only ${wanted.length} of its hosts may hold it and ${wanted.length === 1 ? 'is' : 'are'} there: fewer copies rather than one where it may not be.`,
    );
  for (const node of lacking) {
    const declined = pod.declined.get(node);
    const why =
      declined === undefined
        ? 'has not taken a copy yet'
        : `did not take one at ${at(declined.timeUs)}: ${declined.why}`;
    lines.push(`  ${node} is to have a copy, and ${why}${stateOf(node, affairs)}.`);
  }
  return lines;
}

function countStray({ copies }: PodAffair, wanted: readonly string[]): number {
  return [...copies.keys()].filter((node) => !wanted.includes(node)).length;
}

function tellGone({ gone }: PodAffair): string[] {
  const told = gone.slice(-MOST_GONE);
  const left = gone.length - told.length;
  return [
    ...told.map(({ node, atUs, why }) => `${node} had a copy until ${at(atUs)}: ${why}.`),
    ...(left > 0 ? [`${left} other ${left === 1 ? 'copy has' : 'copies have'} gone before that.`] : []),
  ];
}

/** What is known of a node that matters to whoever waits for it. */
function stateOf(node: string, { nodes }: Affairs): string {
  const last = nodes.get(node)?.facts.findLast(({ what }) => what === 'down' || what === 'ready');
  if (last?.what !== 'down') return '';
  return ` (down since ${at(last.timeUs)}${last.why === '' ? '' : `: ${last.why}`})`;
}
