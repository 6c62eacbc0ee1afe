import type { Agents } from './agents-schema.ts';
import { resolvePlaces } from './resolve-places.ts';
import { trustOf } from './resolve-nodes.ts';
import { checkGateway, resolveRegions, type Town } from './resolve-users.ts';
import type { ResolvedAgents } from './resolved-agents.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';

const FROM_US = 10_000_000;
const TIME_US = 60_000_000;
const CONTEXT_TOKENS = 500;
const GENERATED_TOKENS = 200;
/** What an agent may need beyond its budget: to be begun, and to be fetched. */
const REST_US = 60_000_000;

/** One group of owners for each cluster that is named. */
export function resolveAgents({ place, value }: Item<Agents>, town: Town): ResolvedAgents[] {
  if (value === null) return [];
  const { problems, clusters, durationUs, models } = town;
  const names = resolvePlaces(value.in, place.at('in'), clusters, problems);
  names.forEach((name) => checkGateway(name, place.at('in'), value.in, town));
  value.steps.forEach((model, i) => {
    if (!models.has(model)) problems.addUnknown(place.at('steps', i), 'model', model, models.keys());
  });
  const budgetUs = value.time ?? TIME_US;
  const fromUs = value.from ?? FROM_US;
  const untilUs = value.until ?? Math.max(0, durationUs - budgetUs - REST_US);
  if (fromUs >= untilUs)
    problems.add(
      place,
      `agents would be begun from ${formatDuration(fromUs)} until ${formatDuration(untilUs)}`,
      'some time between the two',
      'without "until" none is begun later than its time and a minute before the end',
    );
  const { stopped = 0, revoked = 0, unasked = 0, pods = 0 } = value;
  if (stopped + revoked + unasked > 1_000_000)
    problems.add(place, 'stopped, revoked and unasked are more than 100% together', 'at most 100% together');
  const contextTokens = value.contextTokens ?? CONTEXT_TOKENS;
  const maxTokens = value.generatedTokens ?? GENERATED_TOKENS;
  return names.map((cluster) => ({
    cluster,
    people: value.people,
    fromUs,
    untilUs,
    meanGapUs: value.rate,
    steps: value.steps,
    contextTokens,
    maxTokens,
    budgetTokens: value.tokens ?? value.steps.length * (contextTokens + maxTokens),
    budgetUs,
    minTrust: trustOf(value.minTrust ?? 'experimental'),
    allowedRegions: resolveRegions(value.regions, place.at('regions'), cluster, town),
    stoppedPpm: stopped,
    revokedPpm: revoked,
    unaskedPpm: unasked,
    ...(pods === 0 ? {} : { pods }),
  }));
}
