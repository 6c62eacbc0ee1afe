/** 83_400_000 as `1:23`, or with tenths as `1:23.4`; from an hour on, `1:02:03`. */
export function formatClock(timeUs: number, withTenths = false): string {
  const unitUs = withTenths ? 100_000 : 1_000_000;
  const units = Math.max(0, Math.floor(timeUs / unitUs));
  const seconds = withTenths ? Math.floor(units / 10) : units;
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(seconds / 3_600);
  const text = hours > 0 ? `${hours}:${parts.join(':')}` : `${Number(parts[0])}:${parts[1]}`;
  return withTenths ? `${text}.${units % 10}` : text;
}

/** A span: `3 ms`, `0.34 s`, `12.3 s`, `2 min 5 s`. */
export function formatSpan(spanUs: number): string {
  if (spanUs < 100_000) return `${Math.round(spanUs / 1_000)} ms`;
  if (spanUs < 9_995_000) return `${(spanUs / 1_000_000).toFixed(2)} s`;
  if (spanUs < 60_000_000) return `${(spanUs / 1_000_000).toFixed(1)} s`;
  const seconds = Math.round(spanUs / 1_000_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** The clock in words, for those who listen. */
export function speakClock(timeUs: number): string {
  const seconds = Math.max(0, Math.floor(timeUs / 1_000_000));
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} minutes ${seconds % 60} seconds` : `${seconds} seconds`;
}

export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}
