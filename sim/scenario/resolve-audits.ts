import { MAX_AUDITS } from '../../core/trust/standing-documents.ts';
import type { Audits } from './audit-schema.ts';
import type { Ground } from './fault-stage.ts';
import { resolveNodeWords } from './resolve-node-faults.ts';
import type { ResolvedAudit } from './resolved-audits.ts';
import type { Item } from './sections.ts';
import { formatDuration } from './units.ts';

const PROMISED_PPM = 999_000;
/** An audit that holds for longer than a year does not count. */
const YEAR_US = 366 * 86_400_000_000;

/** One audit for each node that is named. */
export function resolveAudits(items: readonly Item<Audits>[], stage: Ground): ResolvedAudit[] {
  const counts = new Map<string, number>();
  return items.flatMap(({ place, value }) => {
    if (value === null) return [];
    const { by, promises: promisedPpm = PROMISED_PPM, discloses: disclosure = 'accounts' } = value;
    const { from: fromUs = 0, until: untilUs = fromUs + YEAR_US } = value;
    if (untilUs <= fromUs)
      stage.problems.add(
        place.at('until'),
        'it ends before it begins',
        `a time after ${formatDuration(fromUs)}`,
      );
    return resolveNodeWords(value.of, place.at('of'), stage).map((subject) => {
      const count = (counts.get(subject) ?? 0) + 1;
      counts.set(subject, count);
      if (count === MAX_AUDITS + 1)
        stage.problems.add(
          place.at('of'),
          `${subject} has more than ${MAX_AUDITS} audits`,
          `at most ${MAX_AUDITS} of one node`,
        );
      return { by, subject, promisedPpm, disclosure, fromUs, untilUs };
    });
  });
}
