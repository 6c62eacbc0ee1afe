/**
 * In N-Quads, IRIs that begin with one root begin with another: a pod comes to lie somewhere, or is taken from there. Names of blank nodes
 * and order are no longer canonical then.
 */
export function rebase(quads: string, from: string, to: string): string {
  const [old, fresh] = [`<${from}`, `<${to}`];
  return quads
    .split('\n')
    .map((line) => {
      // A line has one literal at most, and nothing else in it has a quotation mark.
      const start = line.indexOf('"');
      if (start < 0) return line.replaceAll(old, fresh);
      const end = line.lastIndexOf('"');
      return (
        line.slice(0, start).replaceAll(old, fresh) +
        line.slice(start, end) +
        line.slice(end).replaceAll(old, fresh)
      );
    })
    .join('\n');
}
