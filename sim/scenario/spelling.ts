/** The candidate that a misspelt word is nearest to, or null if none is near enough to be meant. */
export function nearestSpelling(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate === word) continue;
    const distance = isSameWord(word, candidate) ? 0 : editDistance(word, candidate, bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best ?? onlyCompletion(word, candidates);
}

/** What goes on as the word begins, if that is one thing: `asia-pac` for `asia`. */
function onlyCompletion(word: string, candidates: readonly string[]): string | null {
  if (word.length < 3) return null;
  const longer = candidates.filter((candidate) => candidate.startsWith(word));
  const shortest = longer.reduce((best, next) => (next.length < best.length ? next : best), longer[0] ?? '');
  return shortest !== '' && longer.every((candidate) => candidate.startsWith(shortest)) ? shortest : null;
}

/** Letters apart from case and separators: `gpu_memory` is `gpuMemory`. */
function isSameWord(left: string, right: string): boolean {
  const bare = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '');
  return bare(left) === bare(right);
}

/**
 * How many letters must be put in, taken out, replaced, or swapped with their neighbour to get from one word to
 * the other (optimal string alignment); `limit` or more where that is many.
 */
export function editDistance(left: string, right: string, limit = Infinity): number {
  if (Math.abs(left.length - right.length) >= limit) return limit;
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, j) => j);
  for (let i = 1; i <= left.length; i++) {
    const row = [i];
    for (let j = 1; j <= right.length; j++) {
      const isSame = left[i - 1] === right[j - 1];
      let least = Math.min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      if (isSwap) least = Math.min(least, before[j - 2] + 1);
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[right.length];
}
