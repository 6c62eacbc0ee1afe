/** N-Quads (https://www.w3.org/TR/n-quads/): a quad a line, its fourth part being the resource that says it. */
import type { Quad } from '@rdfjs/types';
import { Parser } from 'n3';
import { ArchiveFault } from './fault.ts';
import { GraphReader } from './graph.ts';

/** Characters that are handed to a parser at once: so often it is looked at whether there is too much. */
const PIECE = 64 * 1024;
const END_OF_TRIPLE = / \.$/gm;

/** Quads of a canonical text, in its order. */
export function quadsOf(canonical: string): Quad[] {
  return new Parser({ format: 'N-Quads', blankNodePrefix: '' }).parse(canonical);
}

export function writeNQuads(canonical: string, iri: string): string {
  return canonical.replace(END_OF_TRIPLE, ` <${iri}> .`);
}

/** The canonical text of what a file says of a resource. Throws ArchiveFault. */
export function readNQuads(text: string, iri: string, where: string): Promise<string> {
  return readWithN3(text, 'N-Quads', iri, where);
}

/** With the parser that Turtle and N-Quads share. Throws ArchiveFault. */
export async function readWithN3(text: string, format: string, iri: string, where: string): Promise<string> {
  const graph = new GraphReader(where, iri);
  const fault: { found: Error | null } = { found: null };
  let hand = (_piece: string): void => {};
  let end = (): void => {};
  const source = {
    on(event: string, take: (piece: string) => void): void {
      if (event === 'data') hand = take;
      else if (event === 'end') end = take as () => void;
    },
  };
  const parser = new Parser({ format, baseIRI: iri, blankNodePrefix: '' });
  // Like a stream, but in this very step: it ends with the first fault, however much is left.
  parser.parse(source as never, (error, quad) => {
    if (fault.found !== null) return;
    try {
      if (error !== null) fault.found = new ArchiveFault(where, (error as Error).message);
      else if (quad !== null) graph.add(quad);
    } catch (thrown) {
      fault.found = thrown as Error;
    }
  });
  try {
    for (let at = 0; at < text.length && fault.found === null; at += PIECE) hand(text.slice(at, at + PIECE));
    if (fault.found === null) end();
  } catch (error) {
    // The parser stumbles over what it has just complained of, or, worse, not.
    fault.found ??= new ArchiveFault(where, `cannot be read: ${(error as Error).message}`);
  }
  if (fault.found !== null) throw fault.found;
  return graph.canonical();
}
