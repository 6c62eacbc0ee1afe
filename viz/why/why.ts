import type { Affairs } from '../affairs.ts';
import { RunView } from '../run-view.ts';
import { ViewError } from '../view.ts';
import { tellModel } from './model.ts';
import { Strikes, tellNode } from './node.ts';
import { tellPod } from './pod.ts';
import { at } from './words.ts';

export const SUBJECTS = ['pod', 'model', 'node'] as const;
export type Subject = (typeof SUBJECTS)[number];

export interface Question {
  readonly run: string;
  readonly subject: Subject;
  readonly name: string;
  /** As things stood then, µs; null: at the end. */
  readonly atUs: number | null;
}

/** Sentences; or, where nothing is called so, what there is instead. */
export type Reasons = { readonly lines: readonly string[] } | { readonly names: readonly string[] };

/** Why a pod, a model or a node of a run is as it is, by what was recorded. @throws ViewError if the run did not record it */
export async function explain({ run, ...question }: Question): Promise<Reasons> {
  const view = await RunView.open(run);
  try {
    return await explainIn(view, question);
  } finally {
    await view.close();
  }
}

/** @throws ViewError if the run did not record it */
export async function explainIn(
  view: RunView,
  { subject, name, atUs }: Omit<Question, 'run'>,
): Promise<Reasons> {
  const { header, endUs } = view;
  const wantedUs = Math.min(atUs ?? endUs, endUs);
  const recordedUs = await view.factsUntilUs();
  if (recordedUs === 0) throw new ViewError('facts.jsonl of this run holds nothing whole; run it again');
  // Of what came after the last that is known nothing is concluded from silence.
  const untilUs = Math.min(wantedUs, recordedUs);
  const affairs = await view.affairs(untilUs);
  const names = namesOf(subject, view, affairs);
  if (!names.includes(name)) return { names };
  const title = [
    `${name}, as it stood at ${at(untilUs)} of ${header.name}, seed ${header.seed}`,
    ...(untilUs < wantedUs
      ? [
          `facts.jsonl breaks off there, and the run went on to ${at(endUs)}: of what came after, nothing is known.`,
        ]
      : []),
  ];
  if (subject === 'pod') {
    const { copiesOfPods = 3 } = header;
    return { lines: [...title, ...tellPod(affairs.pods.get(name), affairs, copiesOfPods)] };
  }
  if (subject === 'model') return { lines: [...title, ...tellModel(name, affairs, header)] };
  if (view.lacksStories)
    title.push('Lines of requests.jsonl are missing: what was noted with those is not counted.');
  const strikes = new Strikes();
  for await (const story of view.stories()) if (story.endedUs <= untilUs) strikes.take(name, story);
  return { lines: [...title, ...tellNode(name, affairs, header, strikes)] };
}

function namesOf(subject: Subject, { header }: RunView, affairs: Affairs): string[] {
  if (subject === 'pod') return (header.pods ?? []).map(({ name }) => name);
  if (subject === 'node') return header.nodes.map(({ name }) => name);
  const models = header.nodes.flatMap((node) => node.models);
  return [...new Set([...models, ...(header.models ?? []), ...affairs.models.keys()])];
}
