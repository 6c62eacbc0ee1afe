import { formatClock } from '../page/clock.ts';

/** `a`, `a and b`, `a, b and c`. */
export function listOf(names: readonly string[]): string {
  if (names.length < 2) return names.join('');
  return `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}`;
}

export function at(timeUs: number): string {
  return formatClock(timeUs, true);
}

/** Names that share a reason, in one line each. */
export function gather<T>(
  items: readonly T[],
  reasonOf: (item: T) => string,
  nameOf: (item: T) => string,
): { readonly names: readonly string[]; readonly reason: string }[] {
  const byReason = new Map<string, string[]>();
  for (const item of items) {
    const names = byReason.get(reasonOf(item)) ?? [];
    byReason.set(reasonOf(item), names);
    names.push(nameOf(item));
  }
  return [...byReason].map(([reason, names]) => ({ names, reason }));
}
