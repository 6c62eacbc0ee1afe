import type { Join } from './affiliation-bodies.ts';
import { NETWORK } from '../../base/peers.ts';
import type { Now } from '../../base/time.ts';
import type { Envelope, Outbox } from '../../machine/envelope.ts';
import * as kinds from '../../machine/kinds.ts';
import type { Node } from '../../machine/node-state.ts';
import { countRefusal, REFUSAL_LATE } from '../../machine/refusals.ts';
import { storeAgain, type Affiliation } from './affiliation.ts';
import { onJoiningAlarm, onJoinOrder, onSeedDialled, onSponsorAnswer } from './joining.ts';
import { onLeaveOrder } from './leaving.ts';
import { onApplicantDialled, onApplication, onApprove, onSponsorAlarm } from './sponsor.ts';

/** How a node comes into a cluster and out of it (R5.1-2, R5.1-3). False if the envelope is none for this node. */
export function onAffiliation(node: Node, now: Now, out: Outbox, envelope: Envelope): boolean {
  switch (envelope.kind) {
    case kinds.JOIN: {
      const { application } = envelope.body as Join;
      if (application === null) onJoinOrder(node, now, out, envelope);
      else onApplication(node, now, out, envelope, application);
      return true;
    }
    case kinds.LEAVE:
      onLeaveOrder(node, now, out, envelope);
      return true;
    case kinds.APPROVE:
      onApprove(node, now, out, envelope);
      return true;
    case kinds.DIALLED:
      if (envelope.from !== NETWORK) return false;
      if (!onSeedDialled(node, now, out, envelope) && !onApplicantDialled(node, now, out, envelope))
        countRefusal(node, REFUSAL_LATE);
      return true;
    default:
      return onSponsorAnswer(node, now, out, envelope);
  }
}

export function onAffiliationAlarm(node: Node, now: Now, out: Outbox, affiliation: Affiliation): void {
  onJoiningAlarm(node, now, out, affiliation);
  onSponsorAlarm(affiliation, now);
  storeAgain(node, now, out, affiliation);
}
