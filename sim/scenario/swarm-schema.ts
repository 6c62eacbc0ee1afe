import { z } from 'zod';
import { FAULT_KINDS } from './fault-schema.ts';
import { choiceField, countField, durationField, listField, mapField } from './fields.ts';

/** With more, hardly anything is left to be harmed, or to be trusted. */
const MOST_FAULTS = 100;
const MOST_TRAITORS = 32;

export const swarmSchema = mapField(
  'Harm that chance draws, besides what is planned: the seed decides. About half of the kinds are left out of each run.',
  {
    kinds: z
      .union([z.literal('all'), listField('Kinds.', choiceField('A kind of fault.', FAULT_KINDS), 1)], {
        error: '"all", or a list of kinds of fault, as [cut, crash]',
      })
      .meta({ description: 'Of which kinds: all, or a list. Default all.' })
      .optional(),
    most: countField('Faults at most. Default 10.', 0, MOST_FAULTS).optional(),
    from: durationField('They begin then or later. Default: after a tenth of the run.').optional(),
    until: durationField('They are over by then. Default: after six tenths of it.').optional(),
    malice: countField('Malicious nodes at most. Default 1.', 0, MOST_TRAITORS).optional(),
  },
);

export type Swarm = z.output<typeof swarmSchema>;
