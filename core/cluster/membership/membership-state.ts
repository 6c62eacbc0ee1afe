import { NOBODY } from '../../base/peers.ts';
import { NEVER_US } from '../../base/time.ts';
import { flag, integer, list, own, peer, record, type Of } from '../../machine/shape.ts';
import { GossipQueue } from './gossip.ts';
import { outagesShape } from './health.ts';
import { MemberTable } from './member-table.ts';
import { suspicionShape } from './suspicion.ts';

/** The member that this node probes now. */
export const probeShape = record({
  /** NOBODY: none. */
  peer,
  n: integer,
  sentUs: integer,
  /** When it is asked through others; NEVER_US: it has been, or has answered. */
  timeoutUs: integer,
  isAcked: flag,
  nacksExpected: integer,
  nacks: integer,
  /** How far the round of probes has come. */
  turn: integer,
});

/** A probe that this node makes for another. */
export const relayShape = record({
  origin: peer,
  originBoot: integer,
  n: integer,
  target: peer,
  /** When the asker is told that there is no answer; NEVER_US: it has been. */
  nackUs: integer,
  untilUs: integer,
});
/** Probes for others at once; more are ignored, and whoever asked gets no nack either. */
export const MAX_RELAYS = 256;

/** A member that is dead or has left, and since when. */
const departedShape = record({ peer, atUs: integer });

/** The bounds of lists that hold members; the parameter maxMembers is never above it. */
const MOST_MEMBERS = 1_000_000;

/** Who is in the cluster, as one member sees it: SWIM with Lifeguard (R5.2-2). */
export const membershipShape = record({
  table: own(() => new MemberTable()),
  queue: own(() => new GossipQueue()),
  /** The index nodes among the live members, by rank. */
  indexNodes: list(peer, MOST_MEMBERS),
  startedUs: integer,
  isLeaving: flag,
  /** How unwell this node thinks itself. */
  score: integer,
  /** The number of its STORE that is under way; 0 none. */
  storing: integer,
  probe: probeShape,
  nextProbeUs: integer,
  relays: list(relayShape, MAX_RELAYS),
  suspicions: list(suspicionShape, MOST_MEMBERS),
  /** In the order in which they went. */
  departed: list(departedShape, MOST_MEMBERS),
  outages: outagesShape,
  nextGossipUs: integer,
  nextSyncUs: integer,
  /** Before then no stranger is asked who it is. */
  nextStrangerUs: integer,
  /** How often it has asked in vain for any other member. */
  joinTries: integer,
});
export type Membership = Of<typeof membershipShape>;

/** The one birthplace of the shape. */
export function createMembership(table: MemberTable, nowUs: number): Membership {
  return {
    table,
    queue: new GossipQueue(),
    indexNodes: [],
    startedUs: nowUs,
    isLeaving: false,
    score: 0,
    storing: 0,
    probe: {
      peer: NOBODY,
      n: 0,
      sentUs: 0,
      timeoutUs: NEVER_US,
      isAcked: false,
      nacksExpected: 0,
      nacks: 0,
      turn: 0,
    },
    nextProbeUs: NEVER_US,
    relays: [],
    suspicions: [],
    departed: [],
    outages: [],
    nextGossipUs: NEVER_US,
    nextSyncUs: NEVER_US,
    nextStrangerUs: 0,
    joinTries: 0,
  };
}
