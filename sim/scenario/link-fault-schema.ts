import { z } from 'zod';
import {
  bandwidthField,
  chanceField,
  durationField,
  listField,
  mapField,
  numberField,
  oneOf,
  sizeField,
} from './fields.ts';
import { HARMED_MESSAGES } from './harmed-messages.ts';
import { placesField } from './place-fields.ts';

/** What is written of harm to the network, by kind of fault. */

const harmedMessage = z
  .enum(HARMED_MESSAGES, {
    error: ({ input }) =>
      typeof input === 'string' && input.startsWith('HEARTBEAT')
        ? 'another type: were heartbeats alone silent, the living would seem dead. A cut of everything silences them, too'
        : oneOf(HARMED_MESSAGES),
  })
  .meta({ description: 'A type or an operation.' });

const EXACT_SIDE = 'clusters, regions or nodes, as [eu, japan/helper-1]';
const sideField = (about: string) => placesField(about, undefined, EXACT_SIDE);
const everywhere = (about: string) =>
  z
    .union([z.literal('all'), placesField(about)], { error: '"all", or clusters and regions' })
    .meta({ description: about });

export const onLinks = {
  between: listField('Two sides, both ways.', sideField('A side.'), 2)
    .max(2, { error: 'a list of two sides' })
    .optional(),
  from: sideField('Where it leaves.').optional(),
  to: sideField('Where it does not get to.').optional(),
  within: placesField('Inside each of these clusters.').optional(),
  isolate: sideField('These, against all others.').optional(),
  apart: z
    .union([z.literal('regions'), listField('Sides.', sideField('A side.'), 2)], {
      error: '"regions", or a list of sides',
    })
    .meta({ description: 'Each of these sides against each other one; regions: those without a slash.' })
    .optional(),
  halves: everywhere('The first half of these clusters against the second.').optional(),
  ring: everywhere(
    'Each of these clusters hears a majority of them, and no two hear the same one.',
  ).optional(),
  bridge: placesField('Clusters on neither side: they hear both, and are heard.').optional(),
  only: listField(
    'Types of message, or single operations, as [REQUEST, ANNOUNCE/manifest]: others get through.',
    harmedMessage,
    1,
  ).optional(),
};

const MOST_US = 3_600_000_000;
const MOST_TEXT = 'a time from 1us to 1h';
const moreTime = (about: string) => durationField(about, 1, MOST_US, MOST_TEXT);
const chance = chanceField('How often.');

export const linkFaultFields = {
  cut: mapField('Nothing gets through.', onLinks).optional(),
  hold: mapField(
    'Nothing gets through until the end of the fault; then all of it at once.',
    onLinks,
  ).optional(),
  loss: mapField('Envelopes are lost.', { ...onLinks, chance }).optional(),
  duplicate: mapField('Envelopes come twice.', { ...onLinks, chance }).optional(),
  delay: mapField('Envelopes take longer.', {
    ...onLinks,
    by: z
      .union(
        [
          moreTime('So much longer.'),
          listField(
            'Quantiles of how much longer.',
            durationField('Longer.', 0, MOST_US, 'a time of at most 1h'),
            2,
          ),
        ],
        {
          error: 'a time with its unit, as 250ms, or a list of them at evenly spaced quantiles, from 0 to 1',
        },
      )
      .meta({ description: 'So much longer; a list: drawn from these values at evenly spaced quantiles.' }),
  }).optional(),
  slow: mapField('The way takes a multiple of its time.', {
    ...onLinks,
    factor: numberField('How many times as long.', 1, 1_000),
  }).optional(),
  reorder: mapField('Some envelopes are kept back, so that later ones overtake them.', {
    ...onLinks,
    chance: chanceField('How often. Default 100%.').optional(),
    by: moreTime('For how long at most: drawn evenly.'),
  }).optional(),
  bandwidth: mapField('All that takes one direction between two clusters shares this much.', {
    ...onLinks,
    limit: bandwidthField('How much gets through.', 125, Number.MAX_SAFE_INTEGER, 'at least 1kb/s'),
    queue: sizeField('How much may wait; more is dropped. Default 1MB.', 0, 1e9, 'at most 1GB').optional(),
  }).optional(),
  heal: z.literal('all', { error: '"all"' }).meta({ description: 'Ends every fault of a link.' }).optional(),
};

export type OnLinksWritten = NonNullable<z.output<typeof linkFaultFields.cut>>;
