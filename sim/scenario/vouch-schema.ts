import { z } from 'zod';
import { choiceField, durationField, mapField } from './fields.ts';
import { nodesField } from './place-fields.ts';

export const vouchSchema = mapField(
  'Nodes that vouch for others: each of the first for each of the second.',
  {
    by: nodesField(
      'Who vouches: it counts if an attestor has found the node to be of the community or more.',
    ),
    for: nodesField('For whom.'),
    as: choiceField('For how much.', ['peer', 'community']),
    from: durationField('When it is said. Default 0s.').optional(),
    until: durationField('When it runs out. Default: never.').optional(),
    withdrawn: durationField('When it is taken back. Default: never.').optional(),
  },
);
export type Vouches = z.output<typeof vouchSchema>;
