import type { Problems } from './problems.ts';
import { checkSelector } from './resolve-network.ts';
import { trustOf } from './resolve-nodes.ts';
import { placeOfWord, resolvePlaces } from './resolve-places.ts';
import type { QuantileTable, ResolvedAsk, ResolvedNode, ResolvedWorkload } from './resolved.ts';
import { MAX_DURATION_US, type Cluster, type Demand, type Model, type Region, type Users } from './schema.ts';
import type { Item, Items } from './sections.ts';
import type { Place } from './source.ts';
import { formatDuration } from './units.ts';

const FROM_US = 10_000_000;
const DEADLINE_US = 30_000_000;
/** Between the last deadline and the end, by default: time for the last answers to be given up. */
const REST_US = 10_000_000;
const BYTES_PER_TOKEN = 4;

export interface Town {
  readonly durationUs: number;
  readonly regions: Items<Region>;
  readonly models: Items<Model>;
  readonly demands: Items<Demand>;
  readonly clusters: Items<Cluster>;
  readonly nodes: ReadonlyMap<string, readonly ResolvedNode[] | null>;
  readonly problems: Problems;
}

/** One workload for each cluster that the users ask. */
export function resolveUsers({ place, value }: Item<Users>, town: Town): ResolvedWorkload[] {
  if (value === null) return [];
  const { problems, clusters, demands, durationUs } = town;
  const names = resolvePlaces(value.in, place.at('in'), clusters, problems);
  names.forEach((name) => checkGateway(name, place.at('in'), value.in, town));
  const demand = demands.get(value.demand);
  if (demand === undefined) problems.addUnknown(place.at('demand'), 'demand', value.demand, demands.keys());
  const deadlineUs = value.deadline ?? DEADLINE_US;
  const fromUs = value.from ?? FROM_US;
  const untilUs = value.until ?? Math.max(0, durationUs - deadlineUs - REST_US);
  checkTimes(place, value, fromUs, untilUs, durationUs, problems);
  const shape = demand?.value ?? null;
  if (demand === undefined || shape === null) return [];
  const { gaps, contextTokens, generatedTokens, bytesPerToken } = shape;
  const gapQuantiles = scaleToMean(gaps);
  if (gapQuantiles === null) {
    problems.add(demand.place.at('gaps'), 'no time is ever between two requests', 'some gap above 0%');
    return [];
  }
  // Where the duration is not known, it is taken to be endless.
  if (untilUs <= MAX_DURATION_US)
    checkAmount(place, (names.length * (untilUs - fromUs)) / value.rate, problems);
  return names.map((cluster) => ({
    cluster,
    users: value.people,
    fromUs,
    untilUs,
    meanGapUs: value.rate,
    gapQuantiles,
    contextTokens,
    generatedTokens,
    bytesPerToken: bytesPerToken ?? BYTES_PER_TOKEN,
    deadlineUs,
    asks: value.asks.map((ask, i) => resolveAsk(ask, place.at('asks', i), cluster, town)),
  }));
}

export function checkGateway(name: string, place: Place, words: readonly string[], town: Town): void {
  const nodes = town.nodes.get(name) ?? null;
  if (nodes === null || nodes.some(({ types }) => types.includes('gateway'))) return;
  const i = words.indexOf(name);
  const at = placeOfWord(place, words, Math.max(0, i));
  town.problems.add(at, `${name} has no gateway for users to ask`, 'a node of type gateway in it');
}

function checkTimes(
  place: Place,
  users: Users,
  fromUs: number,
  untilUs: number,
  durationUs: number,
  problems: Problems,
): void {
  if (users.until !== undefined && untilUs > durationUs)
    problems.add(
      place.at('until'),
      'they ask beyond the end of the scenario',
      `at most ${formatDuration(durationUs)}`,
    );
  if (fromUs < untilUs) return;
  const at =
    users.from !== undefined ? place.at('from') : users.until !== undefined ? place.at('until') : place;
  problems.add(
    at,
    `they would ask from ${formatDuration(fromUs)} until ${formatDuration(untilUs)}`,
    'some time between the two',
    users.until === undefined ? 'without "until" they stop a deadline and 10s before the end' : '',
  );
}

/** Every request is kept to the end of the run: so many fit into memory. */
const MOST_REQUESTS = 20_000_000;

function checkAmount(place: Place, requests: number, problems: Problems): void {
  if (requests <= MOST_REQUESTS) return;
  const about = `these users would ask about ${Math.round(requests / 1e6)} million times`;
  const expected = `at most ${MOST_REQUESTS / 1e6} million requests in one run`;
  problems.add(place.at('rate'), about, expected, 'a lower rate, fewer clusters or a shorter time');
}

function resolveAsk(
  { model, weight, minTrust, regions }: Users['asks'][number],
  place: Place,
  cluster: string,
  town: Town,
): ResolvedAsk {
  if (!town.models.has(model))
    town.problems.addUnknown(place.at('model'), 'model', model, town.models.keys());
  return {
    model,
    weight: weight ?? 1,
    minTrust: trustOf(minTrust ?? 'experimental'),
    allowedRegions: resolveRegions(regions, place.at('regions'), cluster, town),
  };
}

/** Where something may be computed for people of a cluster; without a word: in the region of the cluster. */
export function resolveRegions(
  regions: readonly string[] | 'home' | 'anywhere' | undefined,
  place: Place,
  cluster: string,
  town: Town,
): string[] {
  if (regions === 'anywhere') return [...new Set([...town.regions.keys()].map((path) => path.split('/')[0]))];
  if (regions === undefined || regions === 'home') return [town.clusters.get(cluster)?.value?.region ?? ''];
  regions.forEach((selector, i) => checkSelector(place.at(i), selector, town.regions, town.problems));
  return [...regions];
}

/** Scales a table so that its mean is 1,000,000 ppm: then the rate is kept, whatever its shape. Null if it is all zero. */
function scaleToMean(table: QuantileTable): QuantileTable | null {
  let sum = 0;
  for (let i = 1; i < table.length; i++) sum += (table[i - 1] + table[i]) / 2;
  const mean = sum / (table.length - 1);
  return mean === 0 ? null : table.map((value) => Math.round((value * 1_000_000) / mean));
}
