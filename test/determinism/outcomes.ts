import type { Tally } from '../../sim/tally.ts';
import type { World } from '../../sim/world.ts';

/** What a run came to beside its digest, whether it ran in one piece or in several: no number that a part gives out is in it. */
export function outcomesOf(parts: readonly World[]): unknown {
  const requests = parts.flatMap(({ users }) =>
    users.requests.map(
      ({ user, n, askedUs, endedUs, code, attempt, gateway, answer }) =>
        `${user} ${n}: ${askedUs} to ${endedUs}, ${code}, attempt ${attempt} at ${gateway}, by ${answer?.servedBy}`,
    ),
  );
  return {
    requests: requests.sort((left, right) => (left < right ? -1 : 1)),
    tally: parts.map(({ tally }) => numbersOf(tally)).reduce(addEach),
    faults: parts[0].faults.counts.map(({ label, kind, fired, affected }, i) => ({
      label,
      fired,
      // What heals touches other faults, which act in every part.
      affected:
        kind === 'heal' ? affected : parts.reduce((sum, { faults }) => sum + faults.counts[i].affected, 0),
    })),
    disks: parts
      .flatMap(({ own }) =>
        own.map(({ spec, platter }) => [
          spec.name,
          JSON.stringify(platter.records.keys().map((key) => [key, platter.records.get(key)])),
        ]),
      )
      .sort(),
  };
}

function numbersOf({ sent, handled, dropped, duplicated, traffic, untransmitted }: Tally): number[] {
  return [...sent, ...handled, ...Object.values(dropped), duplicated, ...traffic, ...untransmitted];
}

function addEach(left: number[], right: number[]): number[] {
  return left.map((value, i) => value + right[i]);
}
