import type { z } from 'zod';
import { MAX_CHUNK_BYTES } from '../../core/models/documents.ts';
import { MODEL_ORDERS } from '../../core/models/model-bodies.ts';
import type { MovingModel, ResolvedRollout } from './resolved.ts';
import type { Town } from './resolve-users.ts';
import type { Model, rolloutSchema } from './schema.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';

type Written = z.output<typeof rolloutSchema>;

/** How a model moves; null: it has no size, and lies where it is installed. */
export function movesOf(model: Model, everywhere: readonly string[]): MovingModel | null {
  const { size, chunk, licence, about, regions, keptIn, versions } = model;
  if (size === undefined) return null;
  return {
    chunkBytes: chunk ?? MAX_CHUNK_BYTES,
    licence: licence ?? '',
    purpose: about ?? '',
    regions: regions ?? everywhere,
    keptIn: keptIn ?? [],
    versions: (versions ?? [{}]).map((version) => ({
      sizeBytes: version.size ?? size,
      slowPpm: version.slow ?? 1_000_000,
      failsPpm: version.fails ?? 0,
    })),
  };
}

export function resolveRollouts(items: readonly Item<Written>[], town: Town): ResolvedRollout[] {
  const found = items.flatMap((item) => resolveRollout(item, town));
  return found.sort((left, right) => left.atUs - right.atUs);
}

function resolveRollout({ place, value }: Item<Written>, town: Town): ResolvedRollout[] {
  if (value === null) return [];
  const { problems, models, durationUs, nodes } = town;
  const { at, model, version, withdraw, node, order } = value;
  const before = problems.list.length;
  if (at >= durationUs)
    problems.add(place.at('at'), 'this comes after the end', `a time before ${formatDuration(durationUs)}`);
  const known = models.get(model);
  if (known === undefined) problems.addUnknown(place.at('model'), 'model', model, models.keys());
  else if (known.value?.size === undefined)
    problems.add(place.at('model'), `${model} has no size, and does not move`, 'a model with a size');
  if ((version === undefined) === (order === undefined))
    problems.add(
      place,
      version === undefined ? 'nothing is done here' : 'two things at once',
      'version, or order and node',
    );
  if ((order === undefined) !== (node === undefined))
    problems.add(place, 'an order goes to a node', 'order and node together');
  if (withdraw !== undefined && version === undefined)
    problems.add(place.at('withdraw'), 'withdraw without a version', 'the version that is withdrawn');
  const count = known?.value?.versions?.length ?? 1;
  if (version !== undefined && version > count)
    problems.add(place.at('version'), `${model} has no version ${version}`, `one of its ${count} versions`);
  const all = [...nodes.values()].flatMap((ofCluster) => ofCluster ?? []);
  if (node !== undefined && problems.areNamesKnown && all.every(({ name }) => name !== node))
    problems.addUnknown(
      place.at('node'),
      'node',
      node,
      all.map(({ name }) => name),
    );
  if (problems.list.length > before) return [];
  return [
    {
      atUs: at,
      model,
      version: version ?? 0,
      withdrawUs: withdraw ?? null,
      node: node ?? '',
      order: order === undefined ? null : MODEL_ORDERS.indexOf(order),
    },
  ];
}
