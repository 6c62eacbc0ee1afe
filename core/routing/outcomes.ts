/**
 * How a request can end other than well (R5.3-1). `definite`: the effect surely did not and will not happen.
 * `retry`: whether asking again may help. The numbers are on the wire: never reused.
 */
export const ERROR_CODES = [
  'OK',
  'NO_CAPABLE_NODE',
  'NO_ELIGIBLE_NODE',
  'OVERLOADED',
  'DEADLINE_EXCEEDED',
  'CLUSTER_UNREACHABLE',
  'TRUST_TOO_LOW',
  'CONSENT_REQUIRED',
  'UNKNOWN_MODEL',
  'NOT_ADMITTED',
  'NOT_READY',
  'UNKNOWN_OUTCOME',
  'INTERNAL',
] as const;

export type ErrorName = (typeof ERROR_CODES)[number];
export type ErrorCode = number;

export const OK = 0;
export const NO_CAPABLE_NODE = 1;
export const NO_ELIGIBLE_NODE = 2;
export const OVERLOADED = 3;
export const DEADLINE_EXCEEDED = 4;
export const CLUSTER_UNREACHABLE = 5;
export const TRUST_TOO_LOW = 6;
export const CONSENT_REQUIRED = 7;
export const UNKNOWN_MODEL = 8;
export const NOT_ADMITTED = 9;
export const NOT_READY = 10;
export const UNKNOWN_OUTCOME = 11;
export const INTERNAL = 12;

const INDEFINITE: readonly ErrorCode[] = [UNKNOWN_OUTCOME, INTERNAL];
const RETRYABLE: readonly ErrorCode[] = [
  NO_CAPABLE_NODE,
  OVERLOADED,
  DEADLINE_EXCEEDED,
  CLUSTER_UNREACHABLE,
  NOT_READY,
  UNKNOWN_OUTCOME,
  INTERNAL,
];

export function isDefinite(code: ErrorCode): boolean {
  return !INDEFINITE.includes(code);
}

export function isRetryable(code: ErrorCode): boolean {
  return RETRYABLE.includes(code);
}

/** Why a candidate was struck out. The numbers are on the wire: never reused. */
export const STRIKES = [
  'no strike',
  'does not offer the model',
  'too little memory for the model',
  'trust too low',
  'region not allowed',
  'queue full',
  'draining',
  'did not answer in time',
  'refused',
  'cluster out of reach',
  'accelerator failed',
  'not an answer for this node type',
  'failed too often of late',
] as const;

export type Strike = number;
export const STRIKE_NONE = 0;
export const STRIKE_MODEL = 1;
export const STRIKE_MEMORY = 2;
export const STRIKE_TRUST = 3;
export const STRIKE_REGION = 4;
export const STRIKE_BUSY = 5;
export const STRIKE_DRAINING = 6;
export const STRIKE_SILENT = 7;
export const STRIKE_REFUSED = 8;
export const STRIKE_UNREACHABLE = 9;
export const STRIKE_ACCELERATOR = 10;
export const STRIKE_TYPE = 11;
export const STRIKE_EJECTED = 12;

/** Where a request was answered, in the order in which it is tried (§5.3). */
export const STAGES = ['local', 'cluster', 'federation'] as const;
export const STAGE_LOCAL = 0;
export const STAGE_CLUSTER = 1;
export const STAGE_FEDERATION = 2;
