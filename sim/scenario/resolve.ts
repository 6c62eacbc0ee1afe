import type { z } from 'zod';
import { DEFAULT_PARAMETERS, type ParameterName, type Parameters } from '../../core/machine/parameters.ts';
import { MAX_MODELS } from '../../core/cluster/manifest.ts';
import { faultSchema } from './fault-schema.ts';
import { MODEL, NAME, oneOf, REGION } from './fields.ts';
import type { Problems } from './problems.ts';
import { calmSchema, expectSchema } from './expect-schema.ts';
import { resolveCalm, resolveExpect } from './resolve-expect.ts';
import { resolveFaults } from './resolve-faults.ts';
import { maliceSchema } from './malice-schema.ts';
import { auditSchema } from './audit-schema.ts';
import { resolveAudits } from './resolve-audits.ts';
import { resolveVouches } from './resolve-vouches.ts';
import { vouchSchema } from './vouch-schema.ts';
import { resolveMalice } from './resolve-malice.ts';
import { resolveSwarm } from './resolve-swarm.ts';
import { resolveNetwork, resolveRegions } from './resolve-network.ts';
import { movesOf, resolveRollouts } from './resolve-models.ts';
import { resolveNodes } from './resolve-nodes.ts';
import { exportsOf, resolvePeerings } from './resolve-peerings.ts';
import { resolveUsers } from './resolve-users.ts';
import { agentsSchema } from './agents-schema.ts';
import { resolveAgents } from './resolve-agents.ts';
import { podsSchema } from './pods-schema.ts';
import { resolvePods } from './resolve-pods.ts';
import type {
  ResolvedCluster,
  ResolvedModel,
  ResolvedNode,
  ResolvedOperators,
  ResolvedPeering,
  ResolvedScenario,
} from './resolved.ts';
import {
  clusterSchema,
  demandSchema,
  keyOfParameter,
  librarySchema,
  modelSchema,
  networkSchema,
  parametersSchema,
  peeringsSchema,
  regionSchema,
  rolloutSchema,
  roundTripsSchema,
  scenarioSchema,
  templateSchema,
  usersSchema,
  type Cluster,
  type Model,
} from './schema.ts';
import { SectionReader, type Items } from './sections.ts';
import { swarmSchema } from './swarm-schema.ts';
import { Place, type Source } from './source.ts';

type Operators = NonNullable<Cluster['operators']>;

/** Resolves what was read; null if something is wrong, which is then among the problems. */
export function resolveSections(
  reader: SectionReader,
  included: readonly Source[],
  problems: Problems,
): ResolvedScenario | null {
  checkKeys(reader.main, Object.keys(scenarioSchema.shape), problems);
  for (const source of included) checkKeys(source, Object.keys(librarySchema.shape), problems);
  const { shape } = scenarioSchema;
  const name = reader.required('scenario', shape.scenario);
  const about = reader.required('about', shape.about);
  const seed = reader.required('seed', shape.seed);
  const duration = reader.required('duration', shape.duration);
  reader.required('include', shape.include);
  const { regions, roundTrips, models, demands, templates, insideUs } = readLibrary(reader);
  const clusters = reader.named(
    'clusters',
    clusterSchema,
    NAME,
    'small letters, digits and hyphens, as us-east',
  );
  const usedRegions = resolveRegions(regions, clusters, problems);
  const network = resolveNetwork(
    reader.single('network', networkSchema),
    insideUs,
    roundTrips,
    usedRegions,
    regions,
    problems,
  );
  const nodes = resolveNodes(clusters, { templates, models, problems });
  const peerings = resolvePeerings(reader.single('peerings', peeringsSchema), {
    clusters,
    models,
    durationUs: duration ?? Number.MAX_SAFE_INTEGER,
    problems,
  });
  checkClusters(reader.main, clusters, nodes, peerings, models, problems);
  // Where the duration is wrong, nothing is said of what lies beyond it.
  const durationUs = duration ?? Number.MAX_SAFE_INTEGER;
  const town = { durationUs, regions, models, demands, clusters, nodes, problems };
  const workloads = reader.listed('users', usersSchema).flatMap((users) => resolveUsers(users, town));
  const agents = reader.listed('agents', agentsSchema).flatMap((owned) => resolveAgents(owned, town));
  const pods = reader.listed('pods', podsSchema).flatMap((owned) => resolvePods(owned, town));
  const rollouts = resolveRollouts(reader.listed('rollouts', rolloutSchema), town);
  const faults = resolveFaults(reader.listed('faults', faultSchema), town);
  const malice = resolveMalice(reader.listed('malice', maliceSchema), town);
  const audits = resolveAudits(reader.listed('audits', auditSchema), town);
  const vouches = resolveVouches(reader.listed('vouches', vouchSchema), town);
  const swarm = resolveSwarm(reader.single('swarm', swarmSchema), town);
  const prospect = { durationUs, clusters, faults, swarm, problems };
  const expectations = resolveExpect(reader.single('expect', expectSchema), prospect);
  const calm = resolveCalm(reader.single('calm', calmSchema), prospect);
  const parameters = resolveParameters(reader.single('parameters', parametersSchema)?.value);
  if (problems.list.length > 0) return null;
  return {
    format: 1,
    name: name!,
    about: (about ?? '').trim(),
    seed: seed ?? 1,
    durationUs,
    parameters,
    regions: usedRegions,
    network,
    models: [...models.values()].map(({ name, value }) =>
      resolveModel(name, value!, [...usedRegions.map(({ path }) => path)]),
    ),
    clusters: [...clusters.values()].map(({ name, value }) => resolveCluster(name, value!)),
    nodes: [...nodes.values()].flatMap((ofCluster) => ofCluster!),
    peerings,
    ...(rollouts.length > 0 ? { rollouts } : {}),
    workloads,
    ...(vouches.length > 0 ? { vouches } : {}),
    ...(audits.length > 0 ? { audits } : {}),
    ...(agents.length > 0 ? { agents } : {}),
    ...(pods.length > 0 ? { pods } : {}),
    faults,
    ...(malice.length > 0 ? { malice } : {}),
    ...(swarm === null ? {} : { swarm }),
    expectations,
    ...(calm === null ? {} : { calm }),
  };
}

function checkKeys(source: Source, known: readonly string[], problems: Problems): void {
  const keys = Object.keys(source.data).filter((key) => !known.includes(key) && !key.startsWith('x-'));
  if (keys.length === 0) return;
  const message = oneOf(known);
  problems.addIssues(new Place(source, []), source.data, [
    { code: 'unrecognized_keys', keys, path: [], message },
  ]);
}

/** The sections that an included file may have. */
function readLibrary(reader: SectionReader) {
  const inside = reader.single('insideRegion', librarySchema.shape.insideRegion);
  return {
    insideUs: inside?.value ?? null,
    regions: reader.named('regions', regionSchema, REGION, 'a region, as eu/fr'),
    roundTrips: reader.named('roundTrips', roundTripsSchema, REGION, 'a region, as eu/fr'),
    models: reader.named('models', modelSchema, MODEL, 'a name as lifeos/sense-maker-v1'),
    demands: reader.named('demands', demandSchema, NAME, 'small letters, digits and hyphens'),
    templates: reader.named('templates', templateSchema, NAME, 'small letters, digits and hyphens'),
  };
}

/** Checks a file that scenarios include by itself: each entry, not what the entries name. */
export function checkLibrary(source: Source, problems: Problems): void {
  checkKeys(source, Object.keys(librarySchema.shape), problems);
  readLibrary(new SectionReader(source, [], problems));
}

/** What each cluster must have to work, and how much of it all the protocol can carry. */
function checkClusters(
  main: Source,
  clusters: Items<Cluster>,
  nodes: ReadonlyMap<string, readonly ResolvedNode[] | null>,
  peerings: readonly ResolvedPeering[],
  models: Items<Model>,
  problems: Problems,
): void {
  if (clusters.size === 0 && problems.areNamesKnown) {
    problems.areNamesKnown = false;
    problems.addOfKey(new Place(main, ['clusters']), 'there is no cluster', 'at least one under clusters');
  }
  if (models.size > MAX_MODELS) {
    const place = [...models.values()][MAX_MODELS].place;
    problems.addOfKey(place, `this is model ${MAX_MODELS + 1}`, `at most ${MAX_MODELS} models`);
  }
  for (const { name, place, value } of clusters.values()) {
    const own = nodes.get(name) ?? null;
    if (value === null) continue;
    checkOperators(place, value, own ?? [], problems);
    if (own === null) continue;
    const has = (type: string): boolean => own.some(({ types }) => types.includes(type));
    if (!has('index'))
      problems.addOfKey(place.at('nodes'), `${name} has no index node`, 'one, to know who offers what');
    if (!has('bridge') && peerings.some(({ between }) => between.includes(name)))
      problems.addOfKey(place.at('nodes'), `${name} has a peering and no bridge`, 'one, to cross by');
    if (!Array.isArray(value.exports)) continue;
    value.exports.forEach((model, i) => {
      if (!models.has(model)) problems.addUnknown(place.at('exports', i), 'model', model, models.keys());
    });
  }
}

/** As many as must sign there must be, and what runs out is renewed before it does. */
function checkOperators(
  place: Place,
  { operators = {} }: Cluster,
  nodes: readonly ResolvedNode[],
  problems: Problems,
): void {
  const { count = 1, threshold = 1, term, renewBefore } = operators;
  const here = place.at('operators');
  if (threshold > count)
    problems.add(here, `${threshold} of ${count} operators`, 'a threshold of at most count');
  if (renewBefore !== undefined && (term === undefined || renewBefore >= term))
    problems.add(here.at('renewBefore'), 'no admission runs out after that', 'a term, and a time within it');
  if (term === undefined && nodes.some(({ isRenewed }) => isRenewed === false))
    problems.addOfKey(place.at('nodes'), 'admissions here do not run out', 'a term under operators');
}

/** Who renews does so, unless told otherwise, when a quarter of the term is left. */
function resolveOperators({ count = 1, threshold = 1, term, renewBefore }: Operators): ResolvedOperators {
  if (term === undefined) return { count, threshold };
  return { count, threshold, termUs: term, renewBeforeUs: renewBefore ?? Math.ceil(term / 4) };
}

function resolveModel(name: string, model: Model, everywhere: readonly string[]): ResolvedModel {
  const { memory, reads, writes } = model;
  const moves = movesOf(model, everywhere);
  const rates = { readTokensPerSecond: reads, writeTokensPerSecond: writes };
  return { name, requiredMemoryBytes: memory, ...rates, ...(moves === null ? {} : { moves }) };
}

function resolveCluster(
  name: string,
  { label, region, exports, operators, auditors, seedClusters, detector }: Cluster,
): ResolvedCluster {
  return {
    name,
    label:
      label ??
      name.replace(
        /(^|-)([a-z])/g,
        (_, dash: string, letter: string) => (dash ? ' ' : '') + letter.toUpperCase(),
      ),
    region,
    exports: exportsOf(exports),
    ...(seedClusters === undefined ? {} : { seedClusters }),
    ...(operators === undefined ? {} : { operators: resolveOperators(operators) }),
    ...(auditors === undefined ? {} : { auditors }),
    ...(detector === undefined ? {} : { detector }),
  };
}

function resolveParameters(changed: z.output<typeof parametersSchema> | null | undefined): Parameters {
  const given = (changed ?? {}) as Record<string, number | undefined>;
  return Object.fromEntries(
    Object.entries(DEFAULT_PARAMETERS).map(([name, value]) => [name, given[keyOfParameter(name)] ?? value]),
  ) as Record<ParameterName, number>;
}
