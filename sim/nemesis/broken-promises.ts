import type { InvariantName } from '../scenario/resolved-expectations.ts';
import type { FaultKind } from '../scenario/resolved-faults.ts';
import type { MaliciousRole } from '../scenario/resolved-malice.ts';

/**
 * What today's protocol cannot promise while somebody harms it in this way; whoever draws it judges the run without. All
 * other promises hold in any weather, and whatever one traitor does.
 */
export const BROKEN_PROMISES: Readonly<Partial<Record<FaultKind | MaliciousRole, readonly InvariantName[]>>> =
  {
    // Attestations say nothing of regions, so a manifest is believed.
    'region-liar': ['regions-honoured'],
    // A gateway believes its index node about what others are worth.
    'equivocating-index': ['trust-honoured'],
    // A certificate rests on the word of every pod host, and what lies on its own disk only that host sees.
    'keeping-holder': ['deletion-true'],
    // Where a machine stands nothing proves: its manifest is believed.
    'region-lying-host': ['pods-at-home'],
  };
