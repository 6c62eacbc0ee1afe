import { NEVER_US, type Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import { LEFT, REFUSED } from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_UNADMITTED } from '../../machine/refusals.ts';
import { reply } from '../../machine/speech.ts';
import { NOT_ADMITTED } from '../../routing/outcomes.ts';
import {
  affiliationOf,
  certificateOf,
  DRAINING,
  GONE,
  GONE_FOR_LONG,
  isOrderedBy,
  owedFor,
  pay,
  storeAffiliation,
  SPREADING,
  type Affiliation,
  type Leaving,
} from './affiliation.ts';
import { beginLeaving, hasHandedOver, noteStaying } from '../../roles/pods/pod-leaving.ts';
import { MAX_STAYING, type Left } from './affiliation-bodies.ts';
import { isDepartureSpread, isStarted, sayDeparture, stopDetector } from '../membership/detector.ts';

/**
 * Whoever runs the node tells it to leave (R5.1-3): it takes nothing new and says so, finishes what it has begun and hands its pods
 * over, each within a bound, and then says that it leaves: which is above all that can be said of it, so nobody suspects it.
 */
export function onLeaveOrder(node: Node, now: Now, out: Outbox, envelope: Envelope): void {
  if (!isOrderedBy(node, envelope.from)) {
    countRefusal(node, REFUSAL_UNADMITTED);
    const detail = 'only whoever runs this node tells it to leave';
    reply(node, out, envelope, REFUSED, { code: NOT_ADMITTED, retryAfterUs: 0, detail, struck: [] });
    return;
  }
  const affiliation = affiliationOf(node);
  const { leaving } = affiliation;
  if (leaving !== null && leaving.stage !== GONE) {
    leaving.order = owedFor(envelope);
    return;
  }
  if (leaving !== null || !isStarted(node)) {
    if (leaving === null && certificateOf(node) !== null) stayAway(node, out, affiliation);
    reply(node, out, envelope, LEFT, { staying: [], stayingCount: 0 } satisfies Left);
    return;
  }
  const { drainUs, podMoveUs } = node.config.parameters;
  const untilUs = now.monoUs + drainUs;
  const podsUntilUs = now.monoUs + Math.max(drainUs, podMoveUs);
  const plain = { isLate: false, staying: [], stayingCount: 0 };
  affiliation.leaving = { order: owedFor(envelope), stage: DRAINING, untilUs, podsUntilUs, ...plain };
  beginLeaving(node, now);
  affiliation.candidacies = [];
  // The next heartbeat says that it drains, and comes at once.
  node.presence.nextBeatUs = now.monoUs;
}

/** Goes on with leaving, if it can: after every step of a node that leaves. */
export function progressLeaving(node: Node, now: Now, out: Outbox): void {
  const { affiliation } = node;
  const leaving = affiliation?.leaving ?? null;
  if (affiliation === null || leaving === null) return;
  if (leaving.stage === DRAINING && !leaving.isLate && now.monoUs >= leaving.untilUs) {
    // Whoever still waits for an answer is let down; pods are not.
    leaving.isLate = true;
    leaving.untilUs = leaving.podsUntilUs;
  }
  const isOver = now.monoUs >= leaving.untilUs;
  const isDone = isOver || ((leaving.isLate || isDrained(node)) && hasHandedOver(node));
  if (leaving.stage === DRAINING && isDone && now.monoUs < node.presence.nextBeatUs) {
    const staying = noteStaying(node, out);
    leaving.staying = staying.slice(0, MAX_STAYING);
    leaving.stayingCount = staying.length;
    leaving.stage = SPREADING;
    leaving.untilUs = now.monoUs + node.config.parameters.leaveUs;
    sayDeparture(node, now);
  } else if (leaving.stage === SPREADING && (isOver || isDepartureSpread(node))) {
    finish(node, out, affiliation, leaving);
  }
}

/** Whether everything that the node has begun has come to its end. */
function isDrained({ gateway, compute, bridge }: Node): boolean {
  if (gateway !== null && gateway.searcher.searches.size > 0) return false;
  if (bridge !== null && bridge.outward.searches.size + bridge.inward.searches.size > 0) return false;
  return compute === null || compute.jobs.length === 0;
}

/** One whose admission has run out is not to be a member again when its clock is put right. */
function stayAway(node: Node, out: Outbox, affiliation: Affiliation): void {
  affiliation.leaving = { ...GONE_FOR_LONG };
  storeAffiliation(node, out, affiliation);
}

function finish(node: Node, out: Outbox, affiliation: Affiliation, leaving: Leaving): void {
  const { order } = leaving;
  leaving.stage = GONE;
  leaving.untilUs = NEVER_US;
  leaving.order = null;
  stopDetector(node);
  node.presence.nextBeatUs = NEVER_US;
  storeAffiliation(node, out, affiliation);
  const { staying, stayingCount } = leaving;
  if (order !== null) pay(node, out, order, LEFT, { staying, stayingCount } satisfies Left);
}
