import { Affairs } from '../affairs.ts';
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
export async function explain({ run, subject, name, atUs }: Question): Promise<Reasons> {
  const view = await RunView.open(run);
  try {
    if (!view.hasFacts)
      throw new ViewError(
        `${run}: this run has not recorded why: it has no facts.jsonl, as runs of earlier versions; run it again`,
      );
    const { header } = view;
    const endUs = view.endUs;
    const untilUs = Math.min(atUs ?? endUs, endUs);
    const affairs = new Affairs();
    for await (const fact of view.facts(untilUs)) affairs.take(fact);
    const names = namesOf(subject, view, affairs);
    if (!names.includes(name)) return { names };
    const title = `${name}, as it stood at ${at(untilUs)} of ${header.name}, seed ${header.seed}`;
    if (subject === 'pod') {
      const { copiesOfPods = 3 } = header;
      return { lines: [title, ...tellPod(affairs.pods.get(name), affairs, copiesOfPods)] };
    }
    if (subject === 'model') return { lines: [title, ...tellModel(name, affairs, header)] };
    const strikes = new Strikes();
    for await (const story of view.stories()) if (story.endedUs <= untilUs) strikes.take(name, story);
    return { lines: [title, ...tellNode(name, affairs, header, strikes)] };
  } finally {
    await view.close();
  }
}

function namesOf(subject: Subject, { header }: RunView, affairs: Affairs): string[] {
  if (subject === 'pod') return (header.pods ?? []).map(({ name }) => name);
  if (subject === 'node') return header.nodes.map(({ name }) => name);
  const models = header.nodes.flatMap((node) => node.models);
  return [...new Set([...models, ...(header.models ?? []), ...affairs.models.keys()])];
}
