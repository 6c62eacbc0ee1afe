import { flag, list, peer, record, word, type Of } from '../../machine/shape.ts';
import { name } from '../manifest.ts';
import { memberShape } from './member.ts';

/** What is said of members, in a message of its own or on the back of a probe. */
export const MAX_SAYINGS = 24;
export const sayingsShape = record({ items: list(memberShape, MAX_SAYINGS) });
export const pingReqShape = record({ target: peer });
/** Tables are compared by a sum over their live members, and sent where it differs. */
export const findMembersShape = record({ cluster: name, own: memberShape, liveHigh: word, liveLow: word });
export const MAX_ROWS = 1_024;
export const membersShape = record({
  rows: list(memberShape, MAX_ROWS),
  isLast: flag,
  /** Whether the receiver is to send its own table if it still differs. */
  wantsBack: flag,
  liveHigh: word,
  liveLow: word,
});

export type Sayings = Readonly<Of<typeof sayingsShape>>;
export type PingReq = Readonly<Of<typeof pingReqShape>>;
export type FindMembers = Readonly<Of<typeof findMembersShape>>;
export type Members = Readonly<Of<typeof membersShape>>;
