import fc from 'fast-check';
import {
  LIARS_ABOUT_REGIONS,
  TYPE_OF_ROLE,
  type MaliciousRole,
  type ResolvedMalice,
} from '../scenario/resolved-malice.ts';
import { momentOf, ppmOf, type Ground } from './ground.ts';

/** One malicious node; null: nobody here could play the role. */
export function malicesOf(role: MaliciousRole, ground: Ground): fc.Arbitrary<ResolvedMalice> | null {
  const type = TYPE_OF_ROLE[role];
  const fit = ground.nodes.filter(({ types }) => type === null || types.includes(type));
  const regions = [...new Set(ground.clusters.map(({ region }) => region))];
  const elsewhere = (own: string): string[] => regions.filter((region) => region !== own);
  const liars = fit.filter(({ region, joinsUs, wantedModels = [] }) => {
    if (LIARS_ABOUT_REGIONS.includes(role)) return elsewhere(region).length > 0;
    if (role === 'address-borrower') return joinsUs !== undefined;
    if (role === 'consent-forger' && !ground.hasPodUsers) return false;
    return role !== 'lying-holder' || wantedModels.length > 0;
  });
  if (liars.length === 0) return null;
  // A manifest is said at boot, so whoever lies about itself does best to begin with it.
  const isBorn = role === 'region-lying-host';
  const fromUs = isBorn ? fc.constant(0) : fc.oneof(fc.constant(0), momentOf(ground));
  return fc
    .tuple(fc.constantFrom(...liars), fromUs, momentOf(ground), ppmOf(1_000_000, 100_000), fc.nat())
    .map(([{ name, region }, begins, ends, sharePpm, word]) => {
      const others = elsewhere(region);
      return {
        node: name,
        as: role,
        fromUs: begins,
        untilUs: isBorn ? null : Math.max(begins + 1, ends),
        sharePpm,
        region: LIARS_ABOUT_REGIONS.includes(role) ? others[word % others.length] : '',
      };
    });
}
