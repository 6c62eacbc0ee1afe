import { z } from 'zod';
import { WORLD_EVENTS } from '../world-events.ts';
import { countField, durationField, listField, mapField, NAME, wordField } from './fields.ts';

/** What is written of when a fault comes, whatever it does. */

/** A fault that comes again and again comes this often at most, and flaps this often at most. */
export const MOST_TIMES = 1_000;
export const MOST_TURNS = 100_000;
const LEAST_TURN_US = 100_000;

const EVENTS = Object.keys(WORLD_EVENTS);
const EXACT_EVENT = `an event as node.down, or node.down(france/helper-1) for one of these: ${EVENTS.join(', ')}`;
const eventField = wordField(
  `What it waits for: ${EVENTS.map((event) => `${event} (${WORLD_EVENTS[event as keyof typeof WORLD_EVENTS].about})`).join('; ')}.`,
  /^[a-z]+\.[a-z]+( ?\([^()]+\))?$/,
  EXACT_EVENT,
);

const turnField = (about: string) => {
  const turn = durationField(about, LEAST_TURN_US, Number.MAX_SAFE_INTEGER, 'at least 100ms');
  return z
    .union([turn, listField('Quantiles of how long.', turn, 2)], {
      error: 'a time of at least 100ms, as 3s, or a list of them at evenly spaced quantiles, from 0 to 1',
    })
    .meta({
      description: `${about} A list: drawn anew each time from these values at evenly spaced quantiles.`,
    });
};

const positive = (about: string) => durationField(about, 1, Number.MAX_SAFE_INTEGER, 'more than 0s');

export const faultTimes = {
  name: wordField(
    'What `after` of other faults calls it.',
    NAME,
    'a name in small letters, digits and hyphens, as atlantic',
  ).optional(),
  at: durationField('When it begins. With `after`: from when on it waits; default 0s.').optional(),
  for: positive('How long. Without it: to the end.').optional(),
  every: positive(
    'It comes again, so long after it began before. Without `at` it first comes then.',
  ).optional(),
  times: countField('How often it comes, with `every`.', 1, MOST_TIMES).optional(),
  until: positive('It does not come again from then on, with `every`. Default: the end.').optional(),
  after: z
    .union(
      [
        eventField,
        mapField('An event, and when after it.', {
          event: eventField,
          delay: durationField('So long after it. Default 0s.').optional(),
          nth: countField('Not after the first, but after this one. Default 1.', 1, 1_000_000).optional(),
        }),
      ],
      { error: EXACT_EVENT },
    )
    .meta({ description: 'It begins when this has happened; if it never does, it never comes.' })
    .optional(),
  flap: mapField('It acts and rests by turns. It begins down.', {
    down: turnField('How long it acts.'),
    up: turnField('How long it rests.'),
  }).optional(),
  mustFire: z
    .boolean({ error: 'true or false' })
    .meta({ description: 'If it never comes, or touches nothing, the run has shown nothing. Default false.' })
    .optional(),
};
