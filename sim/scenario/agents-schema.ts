import { z } from 'zod';
import { chanceField, countField, durationField, gapField, mapField } from './fields.ts';
import { MAX_BUDGET_US, MAX_STEPS } from '../../core/roles/agents/agent-plan.ts';
import { MAX_PODS_OF_WANT } from '../../core/routing/want.ts';
import { placesField } from './place-fields.ts';
import { modelName, regionsField, trustLevel } from './word-fields.ts';

/** People who have agents act for them (R4-6). */
export const agentsSchema = mapField('People who have agents act for them.', {
  in: placesField('Their clusters: this many people in each.'),
  people: countField('How many, in each cluster.', 1, 1_000_000),
  rate: gapField(
    'Agents of them all, in each cluster: at most 1000/s.',
    1_000,
    Number.MAX_SAFE_INTEGER,
    'a rate of at most 1000/s',
  ),
  from: durationField('When they begin. Default 10s.').optional(),
  until: durationField('When they stop. Default: early enough for all agents to end.').optional(),
  steps: z
    .array(modelName('A model.'), { error: `a list of 1 to ${MAX_STEPS} models` })
    .min(1, { error: `a list of 1 to ${MAX_STEPS} models` })
    .max(MAX_STEPS, { error: `a list of 1 to ${MAX_STEPS} models` })
    .meta({ description: 'The model of each step; each is given what the step before it has made.' }),
  contextTokens: countField('Tokens that each step reads. Default 500.', 0, 1_000_000).optional(),
  generatedTokens: countField('Tokens that each step writes. Default 200.', 0, 1_000_000).optional(),
  tokens: countField(
    'The budget in tokens. Default: what all steps need.',
    0,
    Number.MAX_SAFE_INTEGER,
  ).optional(),
  time: durationField(
    'The budget in time. Default 1min.',
    1,
    MAX_BUDGET_US,
    'a time of at most 24h',
  ).optional(),
  minTrust: trustLevel('The least trust of who may host them. Default experimental.').optional(),
  regions: regionsField('Where they may act: home, anywhere, or regions. Default home.').optional(),
  stopped: chanceField('How many their owners stop in mid-work. Default 0%.').optional(),
  revoked: chanceField('Of how many their owners withdraw the consent. Default 0%.').optional(),
  pods: countField(
    'Pods of others in the cluster that each step is given, with their consent. Default 0.',
    0,
    MAX_PODS_OF_WANT,
  ).optional(),
  unasked: chanceField('To how many nobody has consented: they must not begin. Default 0%.').optional(),
});

export type Agents = z.output<typeof agentsSchema>;
