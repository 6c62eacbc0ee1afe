import { z } from 'zod';
import { NODE_TYPES } from '../../core/cluster/manifest.ts';
import { DETECTORS } from '../../core/machine/config.ts';
import { PARAMETERS, type ParameterEntry, type ParameterName } from '../../core/machine/parameters.ts';
import { MAX_CHUNK_BYTES } from '../../core/models/documents.ts';
import { MODEL_ORDERS } from '../../core/models/model-bodies.ts';
import { MAX_DEADLINE_US } from '../../core/routing/want.ts';
import { MAX_OPERATORS } from '../../core/trust/documents.ts';
import { agentsSchema } from './agents-schema.ts';
import { podsSchema } from './pods-schema.ts';
import { calmSchema, expectSchema } from './expect-schema.ts';
import {
  bandwidthField,
  chanceField,
  choiceField,
  countField,
  durationField,
  flagField,
  gapField,
  listField,
  mapField,
  MODEL,
  EXACT_NAME,
  NAME,
  namedField,
  numberField,
  REGION,
  shareField,
  sizeField,
  textField,
  wordField,
} from './fields.ts';
import { faultSchema } from './fault-schema.ts';
import { maliceSchema } from './malice-schema.ts';
import { pairField, placesField } from './place-fields.ts';
import { auditSchema } from './audit-schema.ts';
import { vouchSchema } from './vouch-schema.ts';
import { swarmSchema } from './swarm-schema.ts';
import { formatDuration } from './units.ts';
import { modelName, regionPath, regionsField, TRUST_LEVELS, trustLevel } from './word-fields.ts';

/** Versions of one model in a scenario. */
const MAX_VERSIONS = 16;

/** The scenario language, section by section: what is written, checked one field at a time. */

const text = (about: string) => textField(about);

export const regionSchema = mapField('A region of the world.', {
  label: text('How it is called on the map.'),
  latitude: numberField('Degrees north.', -90, 90),
  longitude: numberField('Degrees east.', -180, 180),
});

export const roundTripsSchema = namedField(
  'To each region: the 95th percentile of the round trip. Half of it is one way.',
  REGION,
  durationField('95th percentile of the round trip.', 2, 120_000_000, 'a time from 2us to 2min'),
);

export const networkSchema = mapField('What the network does when no fault acts.', {
  fixed: chanceField(
    'How much of the 95th percentile of a delay is fixed; the rest is drawn. Default 90%.',
  ).optional(),
  loss: chanceField('Chance that an envelope between two nodes is lost. Default 0%.').optional(),
  duplicate: chanceField('Chance that it is delivered twice. Default 0%.').optional(),
});

const rate = (about: string) => countField(about, 1, 1_000_000_000);
export const modelSchema = mapField('A model of the registry.', {
  about: text('What it is for.').optional(),
  memory: sizeField('Memory that it needs on an accelerator.', 1),
  reads: rate('Tokens of a prompt read a second, for one request.'),
  writes: rate('Tokens of an answer written a second, for one request.'),
  size: sizeField('On disk: a model with a size is published, and moves between nodes.', 1).optional(),
  chunk: sizeField(
    'Of each of its chunks; at most, and by default, 4 MiB.',
    1,
    MAX_CHUNK_BYTES,
    'a size of at most 4 MiB',
  ).optional(),
  licence: text('Under which it is published.').optional(),
  regions: listField(
    'Where copies may be. Default: everywhere.',
    regionPath('A region, or the beginning of its path.'),
    1,
  ).optional(),
  keptIn: listField(
    'Regions that are promised to keep a copy.',
    regionPath('A region, or the beginning of its path.'),
  ).optional(),
  versions: listField(
    'Its versions, from the first on. Default: one.',
    mapField('A version.', {
      size: sizeField('On disk, if it differs.', 1).optional(),
      slow: shareField(
        'How long it takes, as a share of what the rates say. Default 100%.',
        10_000,
        100_000_000,
        'a share from 1% to 10000%',
      ).optional(),
      fails: chanceField('How many of its requests fail. Default 0%.').optional(),
    }),
    1,
  ).optional(),
});

const quantiles = <T extends z.ZodType>(about: string, item: T) =>
  listField(about, item, 2, 'a list of values at evenly spaced quantiles, from 0 to 1,');
const tokens = countField('Tokens.', 0, 10_000_000);
export const demandSchema = mapField('How requests follow one another, and how long they are.', {
  about: text('Where it comes from.').optional(),
  gaps: quantiles('Time between two requests, as a share of the mean.', shareField('Share of the mean.')),
  contextTokens: quantiles('Tokens of the prompt.', tokens),
  generatedTokens: quantiles('Tokens of the answer.', tokens),
  bytesPerToken: countField('Bytes of text a token. Default 4.', 1, 1_000).optional(),
});

const nodeFields = {
  types: listField('What the node is.', choiceField('A type of node.', NODE_TYPES), 1).optional(),
  trust: z
    .union(
      [
        trustLevel('Claimed and attested.'),
        mapField('What the node claims, and what others attest: the lower one counts.', {
          claims: trustLevel('What its manifest claims.'),
          attested: trustLevel('What the attestor of its cluster vouches for.'),
        }),
      ],
      { error: `one of ${TRUST_LEVELS.join(', ')}, or a map of claims and attested` },
    )
    .meta({ description: 'Default experimental.' })
    .optional(),
  runBy: wordField(
    'The organisation that runs it, as its attestor says. Default: not told, and not told apart.',
    NAME,
    EXACT_NAME,
  ).optional(),
  gpuMemory: sizeField('Memory of the accelerator; every compute node has some.', 1).optional(),
  models: listField('Models on its disk and in its memory.', modelName('A model.')).optional(),
  follows: listField(
    'Models that it is to have in the version that their publisher points at, and pulls.',
    modelName('A model.'),
  ).optional(),
  publishes: listField(
    'Models of which their publisher has put every version on its disk, released or not: others pull them from here.',
    modelName('A model.'),
  ).optional(),
  modelDisk: sizeField('Room for models that move. Default: enough.', 1).optional(),
  slots: countField('Requests worked on at once. Default 1.', 1, 4_096).optional(),
  queue: countField('Requests that may wait. Default 16.', 0, 4_096).optional(),
  podStorage: sizeField('Room for pods; every pod host has some.', 1).optional(),
  maxPod: sizeField('The largest pod. Default a tenth of podStorage.', 1).optional(),
  encryption: flagField(
    'Whether it keeps keys, and so may hold pods that must be sealed. Default true.',
  ).optional(),
  bandwidth: bandwidthField('Of its network. Default 1Gb/s.').optional(),
  speed: shareField(
    'How fast it is; 100% by default.',
    10_000,
    100_000_000,
    'a speed from 1% to 10000%',
  ).optional(),
  joins: durationField(
    'When its operator tells it to join. Default: it is a member from the start.',
  ).optional(),
  leaves: durationField('When its operator tells it to leave. Default never.').optional(),
  approvedAfter: durationField(
    'It comes without a certificate, waits with a ticket, and its operators sign that so long after. Default: they have signed before.',
  ).optional(),
  renewed: flagField(
    'Whether the operators of its cluster renew its admission before it runs out. Default true.',
  ).optional(),
  unreachable: flagField('Whether its address cannot be dialled. Default false.').optional(),
  admitted: flagField(
    'Whether the operators of its cluster have admitted it: a node that is not has no certificate. Default true.',
  ).optional(),
};

export const templateSchema = mapField('A node as there are several of.', nodeFields);

const MOST_ALIKE = 100_000;
const groupSchema = mapField('Nodes that are alike, but for what is said here.', {
  like: wordField('Name of the template; the group’s own name by default.', NAME, EXACT_NAME).optional(),
  count: countField('How many. Default 1.', 1, MOST_ALIKE).optional(),
  region: regionPath(
    'Where these nodes lie, inside the region of their cluster. Default: that one.',
  ).optional(),
  ...nodeFields,
});

const exportsField = (about: string) =>
  z
    .union([z.literal('all'), listField('Models.', modelName('A model.'))], {
      error: '"all", or a list of models',
    })
    .meta({ description: about });

export const clusterSchema = mapField('A cluster.', {
  label: text('How people call it.').optional(),
  region: regionPath('Where it lies.'),
  exports: exportsField('Models offered to peered clusters: all, or a list. Default none.').optional(),
  seedClusters: listField(
    'Clusters whose bridges it begins with, besides those that it has a peering with: it hears of the rest.',
    wordField('A cluster.', NAME, EXACT_NAME),
  ).optional(),
  operators: mapField('Who admits nodes to it.', {
    count: countField('How many there are. Default 1.', 1, MAX_OPERATORS).optional(),
    threshold: countField(
      'How many of them it takes to admit a node. Default 1.',
      1,
      MAX_OPERATORS,
    ).optional(),
    term: durationField(
      'An admission holds so long, and then runs out. Default a year.',
      1_000_000,
    ).optional(),
    renewBefore: durationField(
      'They renew it so long before it runs out. Default a quarter of the term.',
      1,
    ).optional(),
  }).optional(),
  auditors: listField(
    'Whose audits count in it. Default: nobody’s.',
    wordField('An auditor.', NAME, EXACT_NAME),
  ).optional(),
  detector: choiceField(
    'How it finds out who is there: members probe one another (swim), or only send heartbeats to the index nodes, for very many (heartbeat). Default swim.',
    DETECTORS,
  ).optional(),
  nodes: namedField(
    'Its nodes, by group: how many of the template of that name, or what differs from it.',
    NAME,
    z.union([countField('How many.', 1, MOST_ALIKE), groupSchema], {
      error: `how many, a whole number from 1 to ${MOST_ALIKE}, or a map`,
    }),
  ),
});

const peeringSchema = mapField('A peering with terms of its own.', {
  between: pairField('Two sides.'),
  exports: namedField(
    'What clusters export to the other side. Default: what they export to all.',
    NAME,
    exportsField('Models: all, or a list.'),
  ).optional(),
  from: durationField('Since when it is in force. Default 0s.').optional(),
  until: durationField('When it ends. Default: never.').optional(),
  inFlight: countField(
    'Requests of one side that the other works on at once. Default: as many as come.',
    1,
    1_000_000,
  ).optional(),
});
export type WrittenPeering = z.output<typeof peeringSchema>;

export const rolloutSchema = mapField('What a publisher or an operator does with a model that moves.', {
  at: durationField('When.'),
  model: modelName('Which model.'),
  version: countField('The version that its publisher releases, or withdraws.', 1, MAX_VERSIONS).optional(),
  withdraw: durationField('Withdrawn: nobody serves the version from so long after.').optional(),
  node: wordField('Whom an order goes to.', REGION, 'a node as france/compute-1').optional(),
  order: choiceField('What its operator tells the node.', MODEL_ORDERS).optional(),
});

export const peeringsSchema = z
  .union(
    [
      z.literal('full-mesh'),
      listField(
        'Peerings.',
        z.union([pairField('Two sides.'), peeringSchema], {
          error: 'a pair as [france, germany], or a map as { between: [france, germany], until: 1min }',
        }),
      ),
    ],
    { error: '"full-mesh", or a list of pairs as [[france, germany]]' },
  )
  .meta({
    description: 'Who has agreed to ask whom: full-mesh, or pairs of clusters or regions. Default none.',
  });

const askSchema = mapField('What is asked for.', {
  model: modelName('The model asked.'),
  weight: countField('How often, in proportion to the others. Default 1.', 1, 1_000_000).optional(),
  minTrust: trustLevel('The least trust of whoever sees the prompt. Default experimental.').optional(),
  regions: regionsField(
    'Where it may be computed: home (the region of the cluster asked), anywhere, or regions. Default home.',
  ).optional(),
});

/** The mean time between two requests of one cluster: a rate above is a slip of the pen. */
const LEAST_GAP_US = 10;

export const usersSchema = mapField('People who ask.', {
  in: placesField('The clusters they ask: this many people in each.'),
  people: countField('How many, in each cluster.', 1, 1_000_000),
  rate: gapField(
    'Requests of them all, in each cluster: at most 100000/s.',
    LEAST_GAP_US,
    Number.MAX_SAFE_INTEGER,
    'a rate of at most 100000/s',
  ),
  from: durationField('When they begin. Default 10s: by then nodes have found one another.').optional(),
  until: durationField('When they stop. Default: early enough for all to be answered.').optional(),
  demand: wordField('How requests follow one another, and how long they are.', NAME, EXACT_NAME),
  deadline: durationField(
    'How long an answer may take. Default 30s.',
    1,
    MAX_DEADLINE_US,
    'a time of at most 60s',
  ).optional(),
  asks: listField('What they ask for.', askSchema, 1),
});

/** `heartbeat` for the parameter heartbeatUs: its value carries the unit. */
export function keyOfParameter(name: string): string {
  return name.replace(/(Us|Ppm)$/, '');
}

function parameterField({ unit, least, most, about, source, default: usual }: ParameterEntry) {
  const shown = unit === 'us' ? formatDuration(usual) : unit === 'ppm' ? `${usual / 10_000}%` : usual;
  const said = `${about} (${source}). Default ${shown}.`;
  if (unit === 'count') return countField(said, least, most).optional();
  if (unit === 'ppm') return chanceField(said).optional();
  const bounds = `a time from ${formatDuration(least)} to ${formatDuration(most)}`;
  return durationField(said, least, most, bounds).optional();
}

export const parametersSchema = mapField(
  'Numbers of the protocol, where they differ from the default.',
  Object.fromEntries(
    (Object.keys(PARAMETERS) as ParameterName[]).map((name) => [
      keyOfParameter(name),
      parameterField(PARAMETERS[name]),
    ]),
  ),
);

/** A year. */
export const MAX_DURATION_US = 31_536_000_000_000;

/** How many files a scenario may include. */
export const MAX_INCLUDED = 32;

/** Sections that may stand in an included file. */
const shared = {
  regions: namedField('Regions, by path.', REGION, regionSchema).optional(),
  roundTrips: namedField('Round trips from each region.', REGION, roundTripsSchema).optional(),
  insideRegion: durationField(
    '95th percentile of the round trip inside a region. Default 2ms.',
    2,
  ).optional(),
  models: namedField('Models, by name.', MODEL, modelSchema).optional(),
  demands: namedField('Demands, by name.', NAME, demandSchema).optional(),
  templates: namedField('Kinds of node, by name.', NAME, templateSchema).optional(),
};

export const librarySchema = mapField('What several scenarios include.', shared);

export const scenarioSchema = mapField('A scenario: a federation, its users, and what goes wrong.', {
  scenario: wordField('Its name.', NAME, EXACT_NAME),
  about: text('The story, for people.').optional(),
  seed: countField('Chance begins here. Default 1.', 0, Number.MAX_SAFE_INTEGER).optional(),
  duration: durationField('How long is simulated.', 1, MAX_DURATION_US, 'a time from 1us to 365d'),
  include: listField('Files to include.', text('A file.'))
    .max(MAX_INCLUDED, { error: `a list of at most ${MAX_INCLUDED} files` })
    .meta({ description: 'Files with regions, models and the like; their paths begin where this one lies.' })
    .optional(),
  network: networkSchema.optional(),
  ...shared,
  clusters: namedField('Clusters, by name.', NAME, clusterSchema),
  peerings: peeringsSchema.optional(),
  rollouts: listField('What is done with models that move.', rolloutSchema).optional(),
  users: listField('Who asks.', usersSchema).optional(),
  vouches: listField('Who vouches for whom.', vouchSchema).optional(),
  audits: listField('Who has audited whom.', auditSchema).optional(),
  agents: listField('Who has agents act for them.', agentsSchema).optional(),
  pods: listField('Who entrusts pods to their cluster.', podsSchema).optional(),
  faults: listField('What goes wrong.', faultSchema).optional(),
  malice: listField('Who is malicious.', maliceSchema).optional(),
  swarm: swarmSchema.optional(),
  expect: expectSchema.optional(),
  calm: calmSchema.optional(),
  parameters: parametersSchema.optional(),
});

export type ScenarioSection = keyof typeof scenarioSchema.shape;
export const LIBRARY_SECTIONS = Object.keys(shared) as (keyof typeof shared)[];
export type Region = z.output<typeof regionSchema>;
export type Model = z.output<typeof modelSchema>;
export type Demand = z.output<typeof demandSchema>;
export type Template = z.output<typeof templateSchema>;
export type Group = z.output<typeof groupSchema>;
export type Cluster = z.output<typeof clusterSchema>;
export type Users = z.output<typeof usersSchema>;
