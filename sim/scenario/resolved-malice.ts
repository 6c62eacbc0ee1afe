/** Ways in which a node may be malicious. What each does stands in sim/malice. */
export const MALICIOUS_ROLES = [
  'equivocating-index',
  'equivocator',
  'capability-liar',
  'region-liar',
  'replaying-bridge',
  'selective-gateway',
  'plan-tamperer',
  'forger',
  'record-forger',
  'peering-forger',
  'captured-voucher',
  'rumour-monger',
  'lying-holder',
  'certificate-forger',
  'address-borrower',
  'keeping-holder',
  'region-lying-host',
  'consent-forger',
] as const;
export type MaliciousRole = (typeof MALICIOUS_ROLES)[number];

/** What a node must be for a role to have anything to be malicious with; a forger may be anything. */
export const TYPE_OF_ROLE: Readonly<Record<MaliciousRole, string | null>> = {
  'equivocating-index': 'index',
  'capability-liar': 'compute',
  'region-liar': 'compute',
  'replaying-bridge': 'bridge',
  'selective-gateway': 'gateway',
  'plan-tamperer': 'gateway',
  equivocator: null,
  forger: null,
  'record-forger': 'bridge',
  'peering-forger': 'bridge',
  'captured-voucher': null,
  'rumour-monger': null,
  'lying-holder': 'compute',
  'certificate-forger': null,
  'address-borrower': null,
  'keeping-holder': 'pod-host',
  'region-lying-host': 'pod-host',
  'consent-forger': 'compute',
};

/** They say that they are elsewhere; of a host its manifest says so, from the start. */
export const LIARS_ABOUT_REGIONS: readonly MaliciousRole[] = ['region-liar', 'region-lying-host'];

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
