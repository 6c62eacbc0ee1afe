import { z } from 'zod';
import { chanceField, durationField, EXACT_NAME, mapField, NAME, textField, wordField } from './fields.ts';
import { nodesField } from './place-fields.ts';

export const auditSchema = mapField('An audit of nodes: it makes verified ones of community nodes.', {
  by: wordField('Who audits. It counts in clusters that name it among their auditors.', NAME, EXACT_NAME),
  of: nodesField('Which nodes.'),
  promises: chanceField(
    'Of the time they promise to be there so much. Less than 99.5% does not count. Default 99.9%.',
  ).optional(),
  discloses: textField(
    'What whoever runs them has disclosed of its finances; nothing does not count. Default: accounts.',
  ).optional(),
  from: durationField('When it begins to hold. Default 0s.').optional(),
  until: durationField('When it runs out. Default: 366 days after.').optional(),
});
export type Audits = z.output<typeof auditSchema>;
