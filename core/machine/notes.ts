/** What a node tells its observer. It never answers, and nothing in the core depends on it. */
export const NOTES = [
  'opened',
  'asked',
  'struck',
  'outcome',
  'joined',
  'removed',
  'ready',
  'corrupt',
  'unstored',
  'session-up',
  'session-down',
  'alone',
  'suspected',
  'dead',
  'left',
  'refuted',
  'ejected',
  'quarantined',
  'discovered',
  'lied',
  'level',
  'expired',
] as const;
export const NOTE_OPENED = 0;
export const NOTE_ASKED = 1;
export const NOTE_STRUCK = 2;
export const NOTE_OUTCOME = 3;
export const NOTE_JOINED = 4;
export const NOTE_REMOVED = 5;
export const NOTE_READY = 6;
/** What its disk kept of the node is damaged: it starts as one without a past. */
export const NOTE_CORRUPT = 7;
/** Its disk does not read or write: it is not ready, and tries again. */
export const NOTE_UNSTORED = 8;
/** A session with a bridge of another cluster is heard, or no longer; NOTED.chosen is that bridge. */
export const NOTE_SESSION_UP = 9;
export const NOTE_SESSION_DOWN = 10;
/** A single point of failure (R3-1): NOTED.chosen is the only one of its kind, NOTED.model says of what kind. */
export const NOTE_ALONE = 11;

/** A member of the cluster is suspected, given up, or has left; and this node has denied that it is. */
export const NOTE_SUSPECTED = 12;
export const NOTE_DEAD = 13;
export const NOTE_LEFT = 14;
export const NOTE_REFUTED = 15;

/** NOTED.chosen has failed so often that it is passed over for a while. */
export const NOTE_EJECTED = 16;
/** An index node holds proof that NOTED.chosen said two things under one version. */
export const NOTE_QUARANTINED = 17;
/** A bridge has heard of a cluster, whose name NOTED.model is, from NOTED.chosen. */
export const NOTE_DISCOVERED = 18;
/** Somebody has handed out what is not what a publisher has signed; NOTED.chosen is who. */
export const NOTE_LIED = 19;
/** What a node has earned has changed: NOTED.chosen is the node, NOTED.code the level, NOTED.model says why. */
export const NOTE_LEVEL = 20;
/** The admission of NOTED.chosen has run out: it is no member any more; of the node itself: it says and does nothing as a member. */
export const NOTE_EXPIRED = 21;
