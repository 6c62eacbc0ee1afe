import { z } from 'zod';
import { NOTES } from '../../core/machine/kinds.ts';
import { AGENT_STATES } from '../../core/roles/agents/agent-plan.ts';
import { ERROR_CODES, STAGES } from '../../core/routing/outcomes.ts';
import {
  chanceField,
  choiceField,
  durationField,
  listField,
  mapField,
  NAME,
  REGION,
  wordField,
} from './fields.ts';
import { GOAL_NAMES, INVARIANTS, LEVEL_PHASES, TRUTHS } from './resolved-expectations.ts';

/** What a scenario expects, as it is written. */

const [, ...FAILURES] = ERROR_CODES;

/** What can be seen to happen in a run. */
/** Of the dialogues between owners of pods and those who ask for their use: see `witnessesOfConsent`. */
const CONSENT_WITNESSES = [
  ...['given', 'clarified', 'modified', 'deferred', 'rejected', 'withdrawn'].map((what) => `consent-${what}`),
  ...['standing', 'delegated', 'emergency'].map((how) => `consent-${how}`),
  ...['pod-used', 'pod-used-by-agent'],
];
export const WITNESSES: readonly string[] = [
  ...ERROR_CODES,
  ...STAGES.map((stage) => `served-${stage}`),
  ...NOTES.map((note) => `noted-${note}`),
  ...AGENT_STATES.map((state) => `agent-${state}`),
  ...TRUTHS.map((truth) => `given-up-${truth}`),
  ...CONSENT_WITNESSES,
  ...['write', 'fragile', 'read', 'rule', 'delete', 'certified', 'sealed', 'key-destroyed'].map(
    (what) => `pod-${what}`,
  ),
];

const unwanted = choiceField('An error code, a note, or how a member was given up.', [
  ...FAILURES,
  ...WITNESSES.filter((witness) => /^(noted|given-up)-/.test(witness)),
]);
const invariant = choiceField('An invariant.', INVARIANTS);

const goalSchema = mapField('What is to be reached once nothing changes for the worse or the better.', {
  goal: choiceField('What.', GOAL_NAMES as [string, ...string[]]),
  within: durationField('How long after the last fault began or ended. Default 60s.', 1).optional(),
});

const levelSchema = mapField('What users get at least.', {
  phase: choiceField(
    'Of the requests asked before, during or after the faults, or of all.',
    LEVEL_PHASES,
  ).optional(),
  from: durationField('Of those asked from then on: instead of a phase.', 0).optional(),
  until: durationField('Of those asked before then.', 1).optional(),
  where: wordField(
    'Users of the clusters in this region. Default: all.',
    REGION,
    'a region, as eu',
  ).optional(),
  ok: chanceField('Share of the requests that end well.').optional(),
  p95: durationField('95th percentile of the time to an answer.', 1).optional(),
});

export const expectSchema = mapField('What is to come of it.', {
  okAtLeast: chanceField('Least share of requests that end well. Default 0%.').optional(),
  sometimes: listField(
    'What must be seen, or the story did not happen: outcomes of requests, served- and a stage, noted- and a note, given-up- and a truth, agent- and a state.',
    choiceField(
      'An outcome, a stage, a note, a truth or the state of an agent.',
      WITNESSES as [string, ...string[]],
    ),
  ).optional(),
  never: listField(
    'What must not be seen: errors, noted- and a note, given-up- and a truth. Default [INTERNAL].',
    unwanted,
  ).optional(),
  always: listField(
    'Invariants that must have been put to the test. All are judged, named or not.',
    invariant,
  ).optional(),
  suspends: listField(
    'Invariants whose assumptions the scenario leaves: they are not judged.',
    invariant,
  ).optional(),
  eventually: listField('Goals after the last fault.', goalSchema).optional(),
  levels: listField('Service levels.', levelSchema).optional(),
});

export const calmSchema = mapField(
  'The storm ends: a core is healed, all other harm stays for good, and the core must work again.',
  {
    at: durationField('When. Default: drawn, around the middle.').optional(),
    core: listField(
      'The clusters of the core. Default: a majority, drawn.',
      wordField('A cluster.', NAME, 'a cluster'),
      1,
    ).optional(),
    within: durationField('How soon it must work again. Default 60s.', 1).optional(),
  },
);

export type Expect = z.output<typeof expectSchema>;
export type Calm = z.output<typeof calmSchema>;
