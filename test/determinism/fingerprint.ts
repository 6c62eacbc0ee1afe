/**
 * One text for all that can be reached from an object, cycles and shared parts included: if it is what it was, nobody has
 * changed anything in there.
 */
export function fingerprintOf(root: object): string {
  const numbers = new Map<unknown, number>();
  const lines: string[] = [];
  const name = (value: unknown): string => {
    if (typeof value === 'function') return 'function';
    if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
    let number = numbers.get(value);
    if (number === undefined) {
      number = numbers.size;
      numbers.set(value, number);
      waiting.push(value);
    }
    return `#${number}`;
  };
  const waiting: object[] = [];
  name(root);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const parts: string[] = [];
    if (ArrayBuffer.isView(next)) parts.push((next as Float64Array).join());
    else if (next instanceof Map) for (const [key, item] of next) parts.push(`${name(key)} → ${name(item)}`);
    else if (next instanceof Set) for (const item of next) parts.push(name(item));
    else for (const [key, item] of Object.entries(next)) parts.push(`${key}: ${name(item)}`);
    lines.push(`#${numbers.get(next)} ${parts.join(', ')}`);
  }
  return lines.join('\n');
}
