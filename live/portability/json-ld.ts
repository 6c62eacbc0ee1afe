/** JSON-LD (https://www.w3.org/TR/json-ld11/), expanded: without a context, so that nothing need be loaded to read it. */
import type { Quad, Term } from '@rdfjs/types';
import { JsonLdParser } from 'jsonld-streaming-parser';
import { ArchiveFault } from './fault.ts';
import { GraphReader, HALF_CHARACTER } from './graph.ts';
import { MAX_JSON_DEPTH } from './limits.ts';
import { quadsOf } from './n-quads.ts';

const RDF_TYPE = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#type';
const XSD_STRING = 'http://www.w3.org/2001/XMLSchema#string';

/** A context elsewhere could change from one reading to the next, and tells its host who reads. */
const NOTHING_IS_LOADED = {
  load(url: string): never {
    throw new Error(`the context ${url} would have to be loaded: write it out in the file`);
  },
};

/** An object of JSON-LD that stands for one subject. */
type NodeObject = Record<string, unknown[] | string>;

/**
 * Each subject once, each value with all that it is: no number or list of JSON stands for triples, and JSON inside a literal stays text,
 * because how it is written would be lost otherwise.
 */
export function writeJsonLd(canonical: string): string {
  const nodes = new Map<string, NodeObject>();
  for (const { subject, predicate, object } of quadsOf(canonical)) {
    const id = nameOf(subject);
    let node = nodes.get(id);
    if (node === undefined) nodes.set(id, (node = { '@id': id }));
    const isType = predicate.value === RDF_TYPE && object.termType !== 'Literal';
    const values = (node[isType ? '@type' : predicate.value] ??= []) as unknown[];
    values.push(isType ? nameOf(object) : valueOf(object));
  }
  return `${JSON.stringify([...nodes.values()], null, 2)}\n`;
}

function valueOf(object: Quad['object']): object {
  if (object.termType !== 'Literal') return { '@id': nameOf(object) };
  const { value, language, datatype } = object;
  if (language !== '') return { '@value': value, '@language': language };
  return datatype.value === XSD_STRING ? { '@value': value } : { '@value': value, '@type': datatype.value };
}

function nameOf({ termType, value }: Term): string {
  return termType === 'BlankNode' ? `_:${value}` : value;
}

/** The canonical text of what a file says of a resource, IRIs relative to it. Throws ArchiveFault. */
export async function readJsonLd(text: string, iri: string, where: string): Promise<string> {
  checkJson(text, where);
  const graph = new GraphReader(where, iri);
  const parser = new JsonLdParser({
    baseIRI: iri,
    documentLoader: NOTHING_IS_LOADED,
    // Otherwise what is not understood would be dropped without a word.
    strictValues: true,
    rdfstar: false,
  });
  parser.end(text);
  try {
    for await (const quad of parser) graph.add(quad as Quad);
  } catch (error) {
    throw error instanceof ArchiveFault ? error : new ArchiveFault(where, (error as Error).message);
  }
  return graph.canonical();
}

/** JSON that nests without end would be followed into by recursion, and half a character would be replaced without a word. */
function checkJson(text: string, where: string): void {
  let depth = 0;
  let isText = false;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') isText = !isText;
    else if (isText) i += letter === '\\' ? 1 : 0;
    else if (letter === '[' || letter === '{') depth++;
    else if (letter === ']' || letter === '}') depth--;
    if (depth > MAX_JSON_DEPTH) throw new ArchiveFault(where, `nests deeper than ${MAX_JSON_DEPTH}`);
  }
  const isHalf = (value: unknown): boolean => typeof value === 'string' && HALF_CHARACTER.test(value);
  try {
    JSON.parse(text, (key: string, value: unknown) => {
      if (isHalf(key) || isHalf(value))
        throw new SyntaxError('a text has half a character (a lone surrogate)');
      return value;
    });
  } catch (error) {
    throw new ArchiveFault(where, `is no JSON: ${(error as Error).message}`);
  }
}
