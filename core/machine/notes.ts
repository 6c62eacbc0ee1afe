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
  'pod-placed',
  'pod-kept',
  'pod-gone',
  'pod-declined',
  'pod-pending',
  'pod-deleted',
  'model-runs',
  'model-back',
  'model-proven',
  'model-pulled',
  'model-gone',
  'model-refused',
  'pod-astray',
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

/**
 * Of pods, NOTED.model is the pod. Who holds it says where it is to be when that changes: NOTED.struck are all pod hosts, their regions
 * in `cluster`, each with its PLACEMENTS in `reason`; NOTED.why is the rule.
 */
export const NOTE_POD_PLACED = 22;
/** A copy is on this node's disk: NOTED.chosen has brought it, which is the node itself where an owner wrote here. */
export const NOTE_POD_KEPT = 23;
/** A copy is no more on this node's disk, and NOTED.why. */
export const NOTE_POD_GONE = 24;
/** A copy that NOTED.chosen brought is not taken, and NOTED.why. */
export const NOTE_POD_DECLINED = 25;
/** A deletion is not certified yet: NOTED.struck are the pod hosts that are missing, each with its ABSENCES in `reason`. */
export const NOTE_POD_PENDING = 26;
/** A deletion is certified. */
export const NOTE_POD_DELETED = 27;

/** Of models, NOTED.model is the name. Another version runs here from now on, and NOTED.why; NOTED.chosen says who found it good. */
export const NOTE_MODEL_RUNS = 28;
/** This node is back at the version that ran before, or at none, and NOTED.why. */
export const NOTE_MODEL_BACK = 29;
/** The version that this node has tried is as good as the one before, and by which figures. */
export const NOTE_MODEL_PROVEN = 30;
/** All of a version is on this node's disk; NOTED.struck are those that it was pulled from. */
export const NOTE_MODEL_PULLED = 31;
/** A version is no more on this node's disk, and NOTED.why. */
export const NOTE_MODEL_GONE = 32;
/** An order of its operator is not carried out, and NOTED.why. */
export const NOTE_MODEL_REFUSED = 33;

/** A copy of a pod lies here for longer than it may (R6.1-6), or stays here when its host leaves the cluster (R5.1-3), and NOTED.why. */
export const NOTE_POD_ASTRAY = 34;

/** How a pod host stands to a pod, for the one that looks after it. */
export const PLACEMENTS = [
  'is to have a copy',
  'its region is not allowed',
  'is not there',
  'has left the cluster',
  'comes later in the order of the pod',
  'is not trusted enough to hold it',
] as const;
export const PLACED_HOLDER = 0;
export const PLACED_REGION = 1;
export const PLACED_AWAY = 2;
export const PLACED_LEFT = 3;
export const PLACED_LATER = 4;
export const PLACED_UNFIT = 5;

/** Why a pod host has not confirmed a deletion, as far as the one knows that waits for it. */
export const ABSENCES = [
  'has not answered yet',
  'is suspected',
  'is given up',
  'has left the cluster',
  'has still to erase its own copy',
] as const;
export const ABSENT_SILENT = 0;
export const ABSENT_SUSPECT = 1;
export const ABSENT_DEAD = 2;
export const ABSENT_LEFT = 3;
export const ABSENT_OWN = 4;
