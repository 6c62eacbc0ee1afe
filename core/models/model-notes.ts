import type { Peer } from '../base/peers.ts';
import type { Outbox } from '../machine/envelope.ts';
import {
  NOTE_MODEL_BACK,
  NOTE_MODEL_GONE,
  NOTE_MODEL_PROVEN,
  NOTE_MODEL_PULLED,
  NOTE_MODEL_REFUSED,
  NOTE_MODEL_RUNS,
} from '../machine/kinds.ts';
import type { Node } from '../machine/node-state.ts';
import { noteWhy } from '../machine/speech.ts';
import { entryOf, type Current, type ModelHost, type ModelTally, type Pull } from './model-state.ts';

/** What a node tells its observer of the models that it has, and why: nothing here changes what it does. */

/** A version in words: its number, as its publisher gave it. */
export function nameVersion(host: ModelHost, id: string): string {
  if (id === '') return 'none';
  const entry = entryOf(host, id);
  return entry === null ? `version ${id.slice(0, 8)}` : `version ${entry.version}`;
}

/** Another version runs here; it is told before `current` changes. */
export function noteRuns(
  node: Node,
  host: ModelHost,
  out: Outbox,
  name: string,
  id: string,
  isTrial: boolean,
): void {
  const before = host.currents.get(name)?.id ?? '';
  const verdict = host.registry.verdicts.get(id);
  const pointer = host.registry.channels.get(name);
  let reason = 'nothing ran before, and the publisher points at it';
  if (isTrial) reason = `of those that run ${nameVersion(host, before)} this node is the one to try it`;
  else if (pointer?.id !== id)
    reason = 'the publisher pointed at it before the present one, which may not run here';
  else if (verdict?.isGood === true) reason = 'whoever tried it has found it good';
  const judge = verdict?.isGood === true ? verdict.judge : node.self;
  const after = before === '' ? '' : ` after ${nameVersion(host, before)}`;
  noteWhy(node, out, NOTE_MODEL_RUNS, name, judge, `${nameVersion(host, id)}${after}: ${reason}`);
}

/** What was on disk when the node started runs on. */
export function noteStarted(node: Node, host: ModelHost, out: Outbox, name: string): void {
  const { id, isTrial } = host.currents.get(name)!;
  if (id === '') return;
  const trial = isTrial ? ', and was being tried' : '';
  const why = `${nameVersion(host, id)}: it was on disk when the node started${trial}`;
  noteWhy(node, out, NOTE_MODEL_RUNS, name, node.self, why);
}

/** The node goes back to what ran before; it is told before `current` changes. */
export function noteBack(
  node: Node,
  host: ModelHost,
  out: Outbox,
  name: string,
  { id, previous }: Current,
  to: string,
  why: string,
): void {
  const { judge } = host.registry.verdicts.get(id) ?? { judge: node.self };
  const landing =
    to === '' ? 'to none: nothing that ran before is left' : `to ${nameVersion(host, previous)}`;
  noteWhy(node, out, NOTE_MODEL_BACK, name, judge, `from ${nameVersion(host, id)} ${landing}: ${why}`);
}

export function noteProven(
  node: Node,
  host: ModelHost,
  out: Outbox,
  name: string,
  id: string,
  figures: string,
): void {
  noteWhy(node, out, NOTE_MODEL_PROVEN, name, node.self, `${nameVersion(host, id)}: ${figures}`);
}

/** How two versions have fared here, in words. */
export function compareTallies(tried: ModelTally, before: ModelTally): string {
  const speak = ({ jobs, failures, us, tokens }: ModelTally): string => {
    const pace = tokens === 0 ? '' : `, ${Math.round(us / tokens)} µs a token`;
    return `${failures} of ${jobs} jobs failed${pace}`;
  };
  return before.jobs === 0 ? speak(tried) : `${speak(tried)}; of the one before ${speak(before)}`;
}

export function notePulled(node: Node, host: ModelHost, out: Outbox, { id, holders }: Pull): void {
  const { liars } = host;
  const from = holders.filter(({ given }) => given > 0).map(({ peer }) => ({ peer, cluster: '', reason: 0 }));
  const why = liars.length === 0 ? '' : `; ${liars.length} that sent something else left out`;
  const { name } = entryOf(host, id)!;
  noteWhy(node, out, NOTE_MODEL_PULLED, name, node.self, `${nameVersion(host, id)}${why}`, from);
}

export function noteGone(
  node: Node,
  host: ModelHost,
  out: Outbox,
  name: string,
  id: string,
  why: string,
): void {
  if (host.held.has(id))
    noteWhy(node, out, NOTE_MODEL_GONE, name, node.self, `${nameVersion(host, id)}: ${why}`);
}

export function noteRefused(node: Node, out: Outbox, name: string, by: Peer, why: string): void {
  noteWhy(node, out, NOTE_MODEL_REFUSED, name, by, why);
}
