import { z } from 'zod';
import {
  chanceField,
  countField,
  durationField,
  flagField,
  gapField,
  listField,
  mapField,
  sizeField,
} from './fields.ts';
import { placesField } from './place-fields.ts';
import { regionPath } from './word-fields.ts';

const policySchema = mapField('Where data may be (§6.1).', {
  allowed: listField(
    'Regions in which they may be, where they may cross borders.',
    regionPath('A region.'),
  ).optional(),
  required: regionPath('Where the copies must be that count.').optional(),
  crossing: flagField('Whether they may leave the home region. Default false.').optional(),
  sealed: flagField('Whether contents must be sealed. Default false.').optional(),
  maxDays: countField('They are deleted after so many days. Default: never.', 1, 365_000).optional(),
  legalHold: flagField('Whether nothing may be deleted. Default false.').optional(),
});

const consentSchema = mapField('How owners take it when others ask for the use of a pod (R6.2-4).', {
  clarified: chanceField('They ask a question first. Default 0%; the rest is authorised.').optional(),
  rejected: chanceField('They reject it. Default 0%.').optional(),
  modified: chanceField('They want it changed. Default 0%.').optional(),
  deferred: chanceField('They decide some seconds later. Default 0%.').optional(),
  standing: chanceField('They have allowed it beforehand, once and for all. Default 0%.').optional(),
  delegated: chanceField('They have left it to somebody else, who authorises it. Default 0%.').optional(),
  emergency: chanceField('So, but for an emergency, for an hour at most. Default 0%.').optional(),
  withdrawn: chanceField('How much of what they authorised they withdraw. Default 0%.').optional(),
  within: durationField('Who withdraws does so within so long. Default 20s.').optional(),
});

/** People who entrust pods to their cluster (§6). */
export const podsSchema = mapField('People who entrust pods to their cluster.', {
  in: placesField('Their clusters: this many people in each.'),
  people: countField('How many, in each cluster.', 1, 100_000),
  each: countField('Pods of each of them. Default 1.', 1, 1_000).optional(),
  size: sizeField('What a pod holds. Default 1MB.', 1).optional(),
  rate: gapField(
    'What they all do, in each cluster: at most 1000/s.',
    1_000,
    Number.MAX_SAFE_INTEGER,
    'a rate of at most 1000/s',
  ),
  from: durationField('When they begin. Default 10s.').optional(),
  until: durationField('When they stop. Default: a minute before the end.').optional(),
  home: regionPath('The home region of the pods. Default: that of the cluster.').optional(),
  policy: policySchema.optional(),
  policies: listField(
    'What owners who change their policy go on to, one after the other.',
    policySchema,
  ).optional(),
  reads: chanceField('Of what they do: the owner reads. Default 40%; the rest is writing.').optional(),
  deletes: chanceField('The owner deletes the pod. Default 0%.').optional(),
  changes: chanceField('The owner sets the next policy. Default 0%.').optional(),
  visits: chanceField('Somebody else reads, with the owner’s consent. Default 0%.').optional(),
  consent: consentSchema.optional(),
  intrusions: chanceField('Somebody else tries to read, without. Default 0%.').optional(),
});

export type Pods = z.output<typeof podsSchema>;
export type PodPolicyWritten = z.output<typeof policySchema>;
