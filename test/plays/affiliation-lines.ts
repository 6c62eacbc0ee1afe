import type { Approve, Join, Joined, Pending } from '../../core/cluster/affiliation/affiliation-bodies.ts';
import * as kinds from '../../core/machine/kinds.ts';
import { NOT_ADMITTED } from '../../core/routing/outcomes.ts';
import { WALL_START_US } from '../rig.ts';

/** What is said when nodes come and go, as people would tell it; null: this is something else. */
export function affiliationLine(
  kind: number,
  body: unknown,
  nameOf: (peer: number) => string,
): string | null {
  switch (kind) {
    case kinds.JOIN: {
      const { application, certificate } = body as Join;
      const shown = certificate === null ? 'without a certificate' : 'with a certificate';
      return application === null
        ? `go and join, ${shown}`
        : `let me in, at ${application.address}, ${shown}`;
    }
    case kinds.JOINED:
      return `admitted: ${nameOf((body as Joined).certificate.subject)}`;
    case kinds.PENDING: {
      const { terms, sponsor, signed, needed } = body as Pending;
      const days = Math.round((terms.untilWallUs - WALL_START_US) / 86_400e6);
      const who = `${nameOf(terms.subject)} for ${days} days, a ticket of ${nameOf(sponsor)}`;
      return `${who}, ${signed} of ${needed} have signed`;
    }
    case kinds.APPROVE:
      return `the ticket is signed${(body as Approve).signature === '' ? ' by nobody' : ''}`;
    case kinds.DIAL:
      return (body as kinds.Dial).address;
    case kinds.REFUSED: {
      const { code, detail } = body as kinds.Refused;
      return code === NOT_ADMITTED ? `NOT_ADMITTED: ${detail}` : null;
    }
    case kinds.BEAT:
      return (body as kinds.Beat).load.draining ? 'draining' : 'working';
    default:
      return null;
  }
}
