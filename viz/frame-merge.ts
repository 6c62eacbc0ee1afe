import type { Frame } from '../sim/frame.ts';

/** One frame for several that follow one another: counts are added up, and the state is that of the last. */
export function mergeFrames(frames: readonly Frame[]): Frame {
  const last = frames[frames.length - 1];
  if (frames.length === 1) return last;
  const outcomes: Record<string, number> = {};
  const podsEnded: Record<string, number> = {};
  const servedBy = { local: 0, cluster: 0, federation: 0 };
  const traffic = new Map<string, [number, number, number, number]>();
  for (const frame of frames) {
    addCounts(outcomes, frame.outcomes);
    addCounts(podsEnded, frame.podsEnded ?? {});
    servedBy.local += frame.servedBy.local;
    servedBy.cluster += frame.servedBy.cluster;
    servedBy.federation += frame.servedBy.federation;
    for (const [from, to, sent, lost] of frame.traffic) {
      const sum = traffic.get(`${from} ${to}`);
      if (sum === undefined) traffic.set(`${from} ${to}`, [from, to, sent, lost]);
      else {
        sum[2] += sent;
        sum[3] += lost;
      }
    }
  }
  const changes = frames.flatMap((frame) => frame.changes ?? []);
  const ofPods = last.podsEnded === undefined ? {} : { podsEnded };
  return { ...last, changes, outcomes, servedBy, traffic: [...traffic.values()], ...ofPods };
}

function addCounts(sums: Record<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
}

/**
 * Halves the older half of a list of frames by merging them in pairs. A window that has been open for long
 * keeps every total and all of the recent detail in bounded room.
 */
export function thinFrames(frames: readonly Frame[]): Frame[] {
  const kept = frames.slice(frames.length >> 1);
  const older = frames.slice(0, frames.length >> 1);
  const merged: Frame[] = [];
  for (let i = 0; i < older.length; i += 2) merged.push(mergeFrames(older.slice(i, i + 2)));
  return [...merged, ...kept];
}
