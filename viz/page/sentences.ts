import type { RequestStory, StoryStep } from '../../sim/frame.ts';
import { formatSpan } from './clock.ts';
import { reasonOf } from './outcomes.ts';

/** One step of a story, to be read. */
export interface Sentence {
  readonly timeUs: number;
  readonly text: string;
  /** Where it was tried: in the words of §5.3. */
  readonly stage: StoryStep['stage'];
  readonly tone: 'plain' | 'good' | 'bad';
  /** Who was passed over since the last sentence, and why. */
  readonly struck: readonly { readonly who: string; readonly reason: string }[];
  /** What its cluster thought of whoever the sentence is about; null: that it was there. */
  readonly aside: string | null;
}

export interface Naming {
  /** Label of the cluster of that name. */
  labelOf(cluster: string): string;
  /** Cluster of the node of that name; null for one that the header does not know. */
  clusterOf(node: string): string | null;
  /** What a node was then in the eyes of its cluster; null: alive, or nobody knows. */
  regardOf?(node: string, timeUs: number): string | null;
}

/** What became of it, in one sentence. */
export function tellOutcome(story: RequestStory, naming: Naming): string {
  const span = formatSpan(story.endedUs - story.askedUs);
  if (story.outcome !== 'OK') return `Refused after ${span}: ${reasonOf(story.outcome)}.`;
  return `Answered after ${span} by ${whereOf(story.server ?? '', story.cluster, naming)}.`;
}

/** Who asked whom for what, in one sentence. */
export function tellQuestion(story: RequestStory, naming: Naming): string {
  return `A user of ${naming.labelOf(story.cluster)} asked ${shortOf(story.gateway)} for ${story.model}.`;
}

/** Each step as a sentence; a candidate that was passed over is named once, when it was first noted. */
export function tellSteps(story: RequestStory, naming: Naming): Sentence[] {
  const told = new Set<string>();
  return story.steps.map((step) => {
    const struck = step.struck.filter(({ node, cluster, reason }) => {
      const key = `${node}|${cluster}|${reason}`;
      return !told.has(key) && told.add(key) !== undefined;
    });
    return {
      timeUs: step.timeUs,
      stage: step.stage,
      struck: gatherStruck(struck, naming),
      aside: tellRegard(step, naming),
      ...tellStep(step, story, naming),
    };
  });
}

/** Who is asked, or answers nothing, may be known to be gone, or not yet. */
function tellRegard({ what, about, timeUs }: StoryStep, naming: Naming): string | null {
  if (about === null || what === 'outcome') return null;
  const regard = naming.regardOf?.(about, timeUs) ?? null;
  return regard === null ? null : `${shortOf(about)} was then ${regard}.`;
}

/** Nodes of one cluster that were passed over for one reason, in one line. */
function gatherStruck(struck: StoryStep['struck'], naming: Naming): Sentence['struck'] {
  const lines = new Map<string, { cluster: string; reason: string; nodes: string[] }>();
  for (const { node, cluster, reason } of struck) {
    const key = `${cluster}|${reason}`;
    const line = lines.get(key) ?? { cluster, reason, nodes: [] };
    lines.set(key, line);
    if (naming.clusterOf(node) !== null) line.nodes.push(shortOf(node));
  }
  return [...lines.values()].map(({ cluster, reason, nodes }) => {
    const label = naming.labelOf(cluster);
    return { who: nodes.length === 0 ? label : `${nodes.join(', ')} in ${label}`, reason };
  });
}

function tellStep(
  step: StoryStep,
  story: RequestStory,
  naming: Naming,
): { text: string; tone: Sentence['tone'] } {
  const who = whereOf(step.node, story.cluster, naming);
  const about = step.about === null ? null : whereOf(step.about, story.cluster, naming);
  switch (step.what) {
    case 'opened':
      return { text: `${who} takes the request.`, tone: 'plain' };
    case 'asked':
      return { text: tellAsked(step, who, about, story, naming), tone: 'plain' };
    case 'struck':
      return { text: tellStruck(step, who, about ?? 'itself'), tone: 'bad' };
    case 'outcome':
      return story.outcome === 'OK'
        ? { text: `${who} hands the user the answer of ${about ?? 'its own'}.`, tone: 'good' }
        : { text: `${who} gives up: ${reasonOf(story.outcome)}.`, tone: 'bad' };
  }
}

/** A refusal is an answer, too. Runs of earlier versions do not tell it from silence. */
function tellStruck({ refusal }: StoryStep, who: string, about: string): string {
  return (refusal ?? null) === null
    ? `${who} gets no answer from ${about}.`
    : `${who} is refused by ${about}: ${reasonOf(refusal!)}.`;
}

function tellAsked(
  step: StoryStep,
  who: string,
  about: string | null,
  story: RequestStory,
  naming: Naming,
): string {
  if (about === null || step.about === null) return `${who} answers it itself.`;
  const [here, there] = [naming.clusterOf(step.node), naming.clusterOf(step.about)];
  if (here !== there && there !== null)
    return `${who} carries it to ${naming.labelOf(there)}: asks ${about}.`;
  if (step.stage === 'federation') {
    // A bridge is known only from the index's answer, so without strikes that answer named nobody.
    const home = naming.labelOf(story.cluster);
    const nobody =
      step.struck.length === 0 ? `Nobody in ${home} offers the model` : `Nobody is left in ${home}`;
    const isFirst =
      story.steps.find(({ what, stage }) => what === 'asked' && stage === 'federation') === step;
    return isFirst
      ? `${nobody}: ${who} turns to the federation, through ${about}.`
      : `${who} turns to the federation again, through ${about}.`;
  }
  return `${who} asks ${about}${here === story.cluster ? ', in the same cluster' : ''}.`;
}

/** `compute-1` at home, `compute-1 in Korea` elsewhere. */
function whereOf(node: string, home: string, naming: Naming): string {
  const cluster = naming.clusterOf(node);
  if (cluster === null) return node === '' ? 'nobody' : node;
  return cluster === home ? shortOf(node) : `${shortOf(node)} in ${naming.labelOf(cluster)}`;
}

/** `korea/compute-1` as `compute-1`. */
export function shortOf(node: string): string {
  return node.slice(node.lastIndexOf('/') + 1);
}

/** From whom to whom a request went, for the map. */
export interface Hop {
  readonly from: string;
  readonly to: string;
  /** `answered`: on the way of the answer; `vain`: asked, and passed over later or without an answer. */
  readonly fate: 'answered' | 'vain';
}

export function hopsOf(story: RequestStory): Hop[] {
  const asked = story.steps.filter(
    (step): step is StoryStep & { about: string } => step.what === 'asked' && step.about !== null,
  );
  const hops: Hop[] = [];
  for (const { node, about } of asked) {
    const wasStruck = story.steps.some(
      (step) => step.what === 'struck' && step.node === node && step.about === about,
    );
    const isLast = asked.findLast((step) => step.node === node)?.about === about;
    const fate = story.outcome === 'OK' && !wasStruck && isLast ? 'answered' : 'vain';
    hops.push({ from: node, to: about, fate });
  }
  return keepWayOf(story, hops);
}

/** Of the answered ones only those that lie on the way from the gateway to the server; the rest were in vain. */
function keepWayOf(story: RequestStory, hops: readonly Hop[]): Hop[] {
  const way = new Set<Hop>();
  let at = story.gateway;
  while (at !== story.server) {
    const next = hops.find((hop) => hop.fate === 'answered' && hop.from === at && !way.has(hop));
    if (next === undefined) break;
    way.add(next);
    at = next.to;
  }
  return hops.map((hop) => (hop.fate === 'answered' && !way.has(hop) ? { ...hop, fate: 'vain' } : hop));
}
