import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import {
  KINDS,
  REFUSED,
  TYPES,
  typeOfKind,
  AGENTS,
  COPIES_ASKED,
  CROSS,
  FIND,
  FIND_OFFERS,
  PING,
  type Cross,
} from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_OUTSIDE, REFUSAL_STRANGER } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { NOT_ADMITTED, NOT_READY } from '../../routing/outcomes.ts';
import { certificateOf, hasLeft, hasRunOut } from './affiliation.ts';
import { LEFT } from '../membership/member.ts';
import { askStranger } from '../membership/push-pull.ts';
import { sessionWith } from '../border/sessions.ts';

const REQUEST = TYPES.indexOf('REQUEST');
/** What asks for an answer besides requests. */
const ASKING: readonly number[] = [FIND, FIND_OFFERS, AGENTS];
/** By then who has just started knows the members, and another node has been found. */
const AGAIN_US = 500_000;

/**
 * Turns away what only members say to one another, from whoever is none, and all work of a node that is none itself. What asks
 * for an answer gets one: NOT_ADMITTED is definite. Where the cluster only hears heartbeats nobody knows who is a member.
 */
export function isTurnedAway(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  const { kind, from } = envelope;
  if (kind === PING && node.membership !== null && node.membership.table.find(from) < 0)
    askStranger(node, node.membership, now, out, from);
  if (KINDS[kind]?.isForMembers !== true || from === node.self || node.config.detector !== 'swim')
    return false;
  if (node.membership === null) {
    turnAway(node, now, out, envelope, REFUSAL_OUTSIDE);
    return true;
  }
  if (isFromMember(node, envelope)) return false;
  turnAway(node, now, out, envelope, REFUSAL_STRANGER);
  if (node.membership.table.find(from) < 0) askStranger(node, node.membership, now, out, from);
  return true;
}

/** Users are no nodes: what they ask for themselves gateways hear from all. What comes over a border, bridges judge by their peerings. */
function isFromMember(node: Node, { kind, from, origin, body }: Envelope): boolean {
  if (KINDS[kind]!.isOfUsers && from === origin && node.gateway !== null) return true;
  const { table } = node.membership!;
  const row = table.find(from);
  if (row >= 0) return table.stateAt(row) !== LEFT;
  if (node.bridge === null) return false;
  if (COPIES_ASKED.includes(kind)) return sessionWith(node.bridge.sessions, from) !== null;
  if (kind !== CROSS) return false;
  return (body as Cross).path.length > 0 || sessionWith(node.bridge.sessions, from) !== null;
}

/** Whether it has just started, and knows of nobody yet. */
function isYoung({ membership, config }: Node, now: Now): boolean {
  const { startedUs, table } = membership!;
  return now.monoUs < startedUs + config.parameters.warmUs && table.liveCount <= 1;
}

function turnAway(node: Node, now: Now, out: Outbox, envelope: Envelope, why: number): void {
  countRefusal(node, why);
  const { kind } = envelope;
  if (typeOfKind(kind) !== REQUEST && !ASKING.includes(kind)) return;
  const isStranger = why === REFUSAL_STRANGER;
  const certificate = isStranger ? null : certificateOf(node);
  const isOver = certificate !== null && hasRunOut(certificate, now);
  const isNew = isStranger && isYoung(node, now);
  // Another node of its cluster may do it: who asks is not to blame.
  const isElsewhere = isNew || (!isStranger && (hasLeft(node) || isOver));
  const code = isElsewhere ? NOT_READY : NOT_ADMITTED;
  const outside = isOver ? 'its admission has run out' : 'this node is in no cluster';
  const unknown = isNew
    ? 'it has just started, and does not know its members yet'
    : 'only members of the cluster ask this';
  const detail = isStranger ? unknown : outside;
  const retryAfterUs = isElsewhere ? AGAIN_US : 0;
  reply(node, out, envelope, REFUSED, { code, retryAfterUs, detail, struck: [] });
}
