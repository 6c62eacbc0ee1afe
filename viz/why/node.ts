import type { Fact, FrameHeader, RequestStory } from '../../sim/frame.ts';
import type { Affairs } from '../affairs.ts';
import { at, gather, listOf } from './words.ts';

const LEVELS = ['none', 'experimental', 'peer', 'community', 'verified'];
/** Of what befell a node the last so many are told. */
const MOST_STEPS = 24;

/** Why members think of a node what they do: whether it is there, at which level of trust, and whether it is asked. */
export function tellNode(name: string, affairs: Affairs, { nodes }: FrameHeader, strikes: Strikes): string[] {
  const node = nodes.find((one) => one.name === name)!;
  const affair = affairs.nodes.get(name);
  const { claimedTrust: claimed, attestedTrust: attested } = node;
  const lines = [...tellPresence(affair?.facts ?? [])];
  if (claimed !== undefined && attested !== undefined)
    lines.push(
      `It claims to be ${LEVELS[claimed]}, and its attestations say ${LEVELS[attested]}: the lower of the two holds, ${LEVELS[node.trust]}.`,
    );
  const level = affair?.level ?? null;
  if (level !== null)
    lines.push(
      `By what is vouched for and observed it is worth ${LEVELS[level.level]} since ${at(level.timeUs)}, by the word of ${level.node}${level.why === '' ? '' : `: ${level.why}`}.`,
    );
  lines.push(...tellStrikes(strikes));
  const steps = (affair?.facts ?? []).filter(({ what }) => what !== 'level');
  if (steps.length > 0) lines.push('What was noted of it:');
  for (const fact of steps.slice(-MOST_STEPS)) lines.push(`  ${at(fact.timeUs)}  ${tellStep(fact)}`);
  return lines;
}

function tellPresence(facts: readonly Fact[]): string[] {
  const state = facts.findLast(({ what }) => what === 'down' || what === 'ready');
  const regard = facts.findLast(({ what }) =>
    ['suspected', 'dead', 'left', 'refuted', 'ready'].includes(what),
  );
  const lines: string[] = [];
  if (state === undefined) lines.push('It has not been ready.');
  else if (state.what === 'down')
    lines.push(`It is down since ${at(state.timeUs)}${state.why === '' ? '' : `: ${state.why}`}.`);
  else lines.push(`It runs, and is ready since ${at(state.timeUs)}.`);
  if (regard?.what === 'suspected') lines.push(`Its cluster suspects it: ${reasonOf(regard)}.`);
  if (regard?.what === 'dead') lines.push(`Its cluster holds it for dead: ${reasonOf(regard)}.`);
  if (regard?.what === 'left') lines.push('It has left its cluster, and said so.');
  return lines;
}

function reasonOf({ node, why, others, timeUs }: Fact): string {
  const accusers = others.map((other) => other.node).filter((name) => name !== node);
  const on = accusers.length === 0 ? '' : ` on the word of ${listOf(accusers)}`;
  return `${node} said so at ${at(timeUs)}${on}${why === '' ? '' : `, since ${why.startsWith('suspected') ? 'it was ' : ''}${why}`}`;
}

function tellStep(fact: Fact): string {
  const { what, node, why } = fact;
  switch (what) {
    case 'ready':
      return 'It is ready.';
    case 'down':
      return `It stops${why === '' ? '' : `: ${why}`}.`;
    case 'suspected':
      return `Suspected: ${reasonOf(fact)}.`;
    case 'dead':
      return `Given up: ${reasonOf(fact)}.`;
    case 'left':
      return `${node} hears that it has left.`;
    case 'refuted':
      return 'It denies that it is gone.';
    case 'ejected':
      return `${node} passes it over for a while: it has failed too often in a row.`;
    case 'quarantined':
      return `${node} holds proof that it said two things under one version: nobody is sent there any more.`;
    case 'lied':
      return `${node} was handed something by it that no publisher has signed, and asks it no more for that.`;
    case 'alone':
      return `${node} warns: it is the only ${why}.`;
    case 'expired':
      return `${node} holds its admission for run out: it is no member any more.`;
    case 'corrupt':
      return 'What its disk kept is damaged: it starts as one without a past.';
    default:
      return 'Its disk does not read or write: it tries again.';
  }
}

/** How often a node was passed over, by reason, with an example. */
export class Strikes {
  readonly counts = new Map<string, { count: number; example: string }>();
  asked = 0;

  take(name: string, story: RequestStory): void {
    const told = new Set<string>();
    for (const { what, about, struck } of story.steps) {
      if (what === 'asked' && about === name) this.asked++;
      for (const { node, reason } of struck) if (node === name) told.add(reason);
    }
    for (const reason of told) {
      const known = this.counts.get(reason);
      if (known === undefined) this.counts.set(reason, { count: 1, example: story.id });
      else known.count++;
    }
  }
}

function tellStrikes({ counts, asked }: Strikes): string[] {
  const lines = asked > 0 ? [`It was asked to serve ${asked === 1 ? 'once' : `${asked} times`}.`] : [];
  const rows = [...counts].sort(([, left], [, right]) => right.count - left.count);
  for (const { names } of gather(
    rows,
    () => '',
    ([reason, { count, example }]) => `${reason} (${count === 1 ? 'once' : `${count} times`}, as ${example})`,
  ))
    lines.push(`Requests passed it over: ${listOf(names)}.`);
  return lines;
}
