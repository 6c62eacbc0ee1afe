/**
 * The triples of one resource, in the one text that equal graphs share: canonical N-Quads by RDFC-1.0 (https://www.w3.org/TR/rdf-canon/),
 * in which names of blank nodes and order do not matter.
 */
import type { BaseQuad, Literal, Term } from '@rdfjs/types';
import { canonize } from 'rdf-canonize';
import { ArchiveFault } from './fault.ts';
import { MAX_CLOSER_LOOKS, MAX_IRI, MAX_RESOURCE_BYTES, MAX_TRIPLES_OF_RESOURCE } from './limits.ts';

/** Absolute, and of characters that an IRI may have (RFC 3987) and the three forms can write without an escape. */
const IRI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\u0000-\u0020<>"{}|\\^`\u007f-\u009f]*$/;
/** A surrogate without its other half: no bytes of UTF-8 stand for it. */
export const HALF_CHARACTER = /\p{Surrogate}/u;
const LANGUAGE = /^[a-z]{1,8}(-[a-z0-9]{1,8})*$/;

const LANGUAGE_TYPES = ['langString', 'dirLangString'].map(
  (name) => `http://www.w3.org/1999/02/22-rdf-syntax-ns#${name}`,
);

interface PlainTerm {
  readonly termType: string;
  readonly value: string;
  readonly language?: string;
  readonly datatype?: PlainTerm;
}

interface PlainQuad {
  readonly subject: PlainTerm;
  readonly predicate: PlainTerm;
  readonly object: PlainTerm;
  readonly graph: PlainTerm;
}

const DEFAULT_GRAPH: PlainTerm = { termType: 'DefaultGraph', value: '' };

/** Takes the triples of one resource as a parser finds them, and refuses what a graph of a pod cannot have. */
export class GraphReader {
  private readonly where: string;
  private readonly iri: string;
  /** By what they say: a graph is a set, and who says a thing twice would otherwise hash it twice. */
  private readonly quads = new Map<string, PlainQuad>();
  /** rdf-canonize 5 leaves names alone that begin as its own do, so none comes to it that a file has given. */
  private readonly blankNodes = new Map<string, string>();
  private characters = 0;

  /**
   * @param where what to say where a fault is
   * @param iri of the resource: the one graph that its quads may name
   */
  constructor(where: string, iri: string) {
    this.where = where;
    this.iri = iri;
  }

  /** Throws ArchiveFault. */
  add({ subject, predicate, object, graph }: BaseQuad): void {
    if (this.quads.size >= MAX_TRIPLES_OF_RESOURCE)
      throw this.fault(`a resource has at most ${MAX_TRIPLES_OF_RESOURCE} triples`);
    if (graph.termType !== 'DefaultGraph' && graph.value !== this.iri)
      throw this.fault(
        `a resource says its own graph, and not ${graph.termType === 'BlankNode' ? '_:' : ''}${graph.value}`,
      );
    const plain = {
      subject: this.termOf(subject, 'subject', ['NamedNode', 'BlankNode']),
      predicate: this.termOf(predicate, 'predicate', ['NamedNode']),
      object: this.termOf(object, 'object', ['NamedNode', 'BlankNode', 'Literal']),
      graph: DEFAULT_GRAPH,
    };
    this.quads.set(JSON.stringify([plain.subject, plain.predicate.value, plain.object]), plain);
    // Canonical text can be no shorter; so short names of long IRIs come to an end here.
    if (this.characters > MAX_RESOURCE_BYTES)
      throw this.fault(`written out it has more than ${MAX_RESOURCE_BYTES} bytes`);
  }

  /** The canonical text: a sorted line a triple, `\n` after each. Throws ArchiveFault. */
  async canonical(): Promise<string> {
    let text: string;
    try {
      text = await canonize([...this.quads.values()], {
        algorithm: 'RDFC-1.0',
        format: 'application/n-quads',
        maxDeepIterations: MAX_CLOSER_LOOKS + this.quads.size,
      });
    } catch (error) {
      throw this.fault(`its blank nodes are too much alike to tell apart: ${(error as Error).message}`);
    }
    if (Buffer.byteLength(text) > MAX_RESOURCE_BYTES)
      throw this.fault(`written out it has more than ${MAX_RESOURCE_BYTES} bytes`);
    return text;
  }

  private termOf(term: Term, place: string, allowed: readonly string[]): PlainTerm {
    const { termType, value } = term;
    if (!allowed.includes(termType)) throw this.fault(`a ${place} cannot be a ${termType}`);
    this.characters += value.length;
    if (termType === 'NamedNode') return { termType, value: this.checkIri(value) };
    if (termType === 'Literal') return this.literalOf(term as Literal);
    let name = this.blankNodes.get(value);
    if (name === undefined) this.blankNodes.set(value, (name = `b${this.blankNodes.size}`));
    return { termType, value: name };
  }

  private literalOf({ value, language, direction, datatype }: Literal): PlainTerm {
    if (HALF_CHARACTER.test(value)) throw this.fault('a literal has half a character (a lone surrogate)');
    if (direction) throw this.fault('the direction of a text (RDF 1.2) is not carried');
    // Languages are compared without regard to case (RDF 1.1 Concepts, 3.3).
    const lower = language.toLowerCase();
    if (language !== '' && !LANGUAGE.test(lower)) throw this.fault(`“${language}” is no language tag`);
    if (language === '' && LANGUAGE_TYPES.includes(datatype.value))
      throw this.fault('a text of a language says which one');
    const ofType: PlainTerm = { termType: 'NamedNode', value: this.checkIri(datatype.value) };
    return { termType: 'Literal', value, language: lower, datatype: ofType };
  }

  private checkIri(iri: string): string {
    if (iri.length > MAX_IRI) throw this.fault(`an IRI has at most ${MAX_IRI} characters`);
    if (!IRI.test(iri) || HALF_CHARACTER.test(iri))
      throw this.fault(`${JSON.stringify(iri)} is no absolute IRI`);
    return iri;
  }

  private fault(message: string): ArchiveFault {
    return new ArchiveFault(this.where, message);
  }
}
