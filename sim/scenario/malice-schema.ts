import { REGION, chanceField, choiceField, durationField, mapField, wordField } from './fields.ts';
import { nodesField } from './place-fields.ts';
import { MALICIOUS_ROLES } from './resolved-malice.ts';

export const maliceSchema = mapField('Nodes that are malicious, and how.', {
  node: nodesField('Which; several are so independently of one another.'),
  as: choiceField('How.', MALICIOUS_ROLES),
  from: durationField('When it begins. Default 0s.').optional(),
  until: durationField('When it ends. Default: never.').optional(),
  share: chanceField('How much it harms of what it could. Default 50%.').optional(),
  region: wordField(
    'Where a region-liar or a region-lying-host says it is.',
    REGION,
    'a region, as eu/fr',
  ).optional(),
});
