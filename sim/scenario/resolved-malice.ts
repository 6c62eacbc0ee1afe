/** Ways in which a node may be malicious. What each does stands in sim/malice. */
export const MALICIOUS_ROLES = [
  'equivocating-index',
  'equivocator',
  'capability-liar',
  'region-liar',
  'replaying-bridge',
  'selective-gateway',
  'forger',
  'record-forger',
  'peering-forger',
] as const;
export type MaliciousRole = (typeof MALICIOUS_ROLES)[number];

/** One malicious node. Plain JSON, like a fault: it may have been planned by a person or drawn. */
export interface ResolvedMalice {
  readonly node: string;
  readonly as: MaliciousRole;
  readonly fromUs: number;
  /** null: to the end of the run. */
  readonly untilUs: number | null;
  /** How much it harms of what it could, ppm. */
  readonly sharePpm: number;
  /** Of a liar about regions: where it says it is; '' of others. */
  readonly region: string;
}
