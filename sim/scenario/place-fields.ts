import { z } from 'zod';
import { listField, REGION, wordField } from './fields.ts';

/** Fields that name clusters, regions or nodes: one word, or a list of words. They give a list. */

const EXACT_PLACES = 'a cluster, a region as eu, or a list of them';
const place = wordField('A cluster, or a region for all clusters in it.', REGION, EXACT_PLACES);

export const placesField = (about: string, item: z.ZodString = place, expected = EXACT_PLACES) =>
  z
    .union([item, listField('Several.', item, 1)], { error: expected })
    .transform((found) => (typeof found === 'string' ? [found] : found))
    .meta({ description: about });

export const pairField = (about: string) =>
  listField(about, placesField('A side.'), 2).max(2, { error: 'a list of two sides' });

export const EXACT_NODES =
  'a node as france/compute-1, a group as france/compute, a cluster, or a list of them';
export const nodesField = (about: string) =>
  placesField(about, wordField('A node, a group, or a cluster.', REGION, EXACT_NODES), EXACT_NODES);
