/** The IRIs of a pod, when it comes to lie somewhere or is taken from there. */

const LITERAL_OR_IRI = /"(?:[^"\\]|\\.)*"|<[^>]*>/g;

/** In N-Quads, what begins with one root begins with another. Names of blank nodes and order are no longer canonical then. */
export function rebase(quads: string, from: string, to: string): string {
  return quads.replace(LITERAL_OR_IRI, (token) =>
    token.startsWith(from, 1) && token.startsWith('<') ? `<${to}${token.slice(1 + from.length)}` : token,
  );
}
