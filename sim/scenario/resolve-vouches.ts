import { MAX_SUBJECTS } from '../../core/trust/standing-documents.ts';
import type { Ground } from './fault-stage.ts';
import { resolveNodeWords } from './resolve-node-faults.ts';
import { trustOf } from './resolve-nodes.ts';
import type { ResolvedVouch } from './resolved-vouches.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';
import type { Vouches } from './vouch-schema.ts';

/** Each voucher with each of those for whom it vouches, each pair once. */
export function resolveVouches(items: readonly Item<Vouches>[], stage: Ground): ResolvedVouch[] {
  const found = new Map<string, ResolvedVouch>();
  const counts = new Map<string, number>();
  for (const { place, value } of items) {
    if (value === null) continue;
    const { from: fromUs = 0, until: untilUs = null, withdrawn: withdrawnUs = null } = value;
    for (const [key, endUs] of [
      ['until', untilUs],
      ['withdrawn', withdrawnUs],
    ] as const)
      if (endUs !== null && endUs <= fromUs)
        stage.problems.add(
          place.at(key),
          'it ends before it begins',
          `a time after ${formatDuration(fromUs)}`,
        );
    const subjects = resolveNodeWords(value.for, place.at('for'), stage);
    for (const by of resolveNodeWords(value.by, place.at('by'), stage))
      for (const subject of subjects) {
        const key = `${by} ${subject}`;
        const count = (counts.get(by) ?? 0) + 1;
        counts.set(by, count);
        if (by === subject) stage.problems.add(place.at('for'), `${by} vouches for itself`, 'another node');
        else if (found.has(key))
          stage.problems.add(place.at('for'), `${by} vouches for ${subject} already`, 'each pair once');
        else if (count === MAX_SUBJECTS + 1)
          stage.problems.add(
            place.at('by'),
            `${by} vouches for more than ${MAX_SUBJECTS} nodes`,
            `at most ${MAX_SUBJECTS}, and five at once`,
          );
        found.set(key, { by, subject, level: trustOf(value.as), fromUs, untilUs, withdrawnUs });
      }
  }
  return [...found.values()];
}
