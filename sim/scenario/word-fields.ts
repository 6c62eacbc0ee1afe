import { z } from 'zod';
import { choiceField, listField, MODEL, REGION, wordField } from './fields.ts';

/** Fields whose words mean the same wherever they stand. */

export const TRUST_LEVELS = ['experimental', 'peer', 'community', 'verified'] as const;
export type TrustLevel = (typeof TRUST_LEVELS)[number];

const EXACT_REGION = 'a region, as eu/fr';
const EXACT_MODEL = 'the name of a model, as lifeos/sense-maker-v1';

export const trustLevel = (about: string) => choiceField(about, TRUST_LEVELS);
export const regionPath = (about: string) => wordField(about, REGION, EXACT_REGION);
export const modelName = (about: string) => wordField(about, MODEL, EXACT_MODEL);

/** Where something may be computed. */
export const regionsField = (about: string) =>
  z
    .union(
      [
        z.enum(['home', 'anywhere']),
        listField('Regions.', regionPath('A region, or the beginning of its path.'), 1),
      ],
      { error: 'home, anywhere, or a list of regions' },
    )
    .meta({ description: about });
