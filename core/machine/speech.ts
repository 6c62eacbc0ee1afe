import { OBSERVER, type Peer } from '../base/peers.ts';
import type { Envelope, Outbox } from './envelope.ts';
import { MAX_WHY } from './device-bodies.ts';
import {
  MAX_STRUCK,
  NOTE_ALONE,
  NOTE_DISCOVERED,
  NOTE_LEVEL,
  NOTED,
  type Noted,
  type Struck,
} from './kinds.ts';
import type { Node } from './node-state.ts';

/** Answers whoever sent `envelope`, under the same request id and attempt. */
export function reply(node: Node, out: Outbox, envelope: Envelope, kind: number, body: unknown): void {
  const { from, origin, originBoot, n, attempt } = envelope;
  out.send(kind, node.self, from, origin, originBoot, n, attempt, body);
}

/** Tells the observer what happened to a peer, on account of `envelope` or of nothing but time. */
export function note(node: Node, out: Outbox, envelope: Envelope | null, what: number, about: Peer): void {
  const body: Noted = { note: what, model: '', chosen: about, stage: 0, code: 0, struck: [], why: '' };
  sendNote(node, out, envelope ?? { origin: node.self, originBoot: node.bootCount, n: 0, attempt: 0 }, body);
}

interface RequestId {
  readonly origin: Peer;
  readonly originBoot: number;
  readonly n: number;
  readonly attempt: number;
}

/** Tells the observer how a request goes. */
export function noteRequest(
  node: Node,
  out: Outbox,
  request: RequestId,
  what: number,
  model: string,
  chosen: Peer,
  stage: number,
  code: number,
  struck: readonly Struck[],
): void {
  const body: Noted = { note: what, model, chosen, stage, code, struck: struck as Struck[], why: '' };
  sendNote(node, out, request, body);
}

/** R3-1: tells the observer of the only one of its kind. */
export function noteAlone(node: Node, out: Outbox, about: Peer, kind: string): void {
  noteNamed(node, out, NOTE_ALONE, about, kind);
}

/** Tells the observer that there is a cluster of that name, on the word of `teller`. */
export function noteDiscovered(node: Node, out: Outbox, teller: Peer, cluster: string): void {
  noteNamed(node, out, NOTE_DISCOVERED, teller, cluster);
}

function noteNamed(node: Node, out: Outbox, what: number, about: Peer, name: string): void {
  const id = { origin: node.self, originBoot: node.bootCount, n: 0, attempt: 0 };
  noteRequest(node, out, id, what, name.slice(0, 128), about, 0, 0, []);
}

/** R8.1-3: tells the observer what a node is worth by now, and why. */
export function noteLevel(node: Node, out: Outbox, about: Peer, level: number, why: string): void {
  const id = { origin: node.self, originBoot: node.bootCount, n: 0, attempt: 0 };
  noteRequest(node, out, id, NOTE_LEVEL, why.slice(0, 120), about, 0, level, []);
}

/**
 * Tells the observer why this node did something with `subject`, a pod or a model, or what it holds of a member: in words, with
 * whom it chose or heard it from, and with the others that it had before it.
 */
export function noteWhy(
  node: Node,
  out: Outbox,
  what: number,
  subject: string,
  about: Peer,
  why: string,
  others: readonly Struck[] = [],
): void {
  const id = { origin: node.self, originBoot: node.bootCount, n: 0, attempt: 0 };
  sendNote(node, out, id, {
    note: what,
    model: subject.slice(0, 128),
    chosen: about,
    stage: 0,
    code: 0,
    struck: others.slice(0, MAX_STRUCK),
    why: why.slice(0, MAX_WHY),
  });
}

function sendNote(node: Node, out: Outbox, request: RequestId, body: Noted): void {
  const { origin, originBoot, n, attempt } = request;
  out.send(NOTED, node.self, OBSERVER, origin, originBoot, n, attempt, body);
}
