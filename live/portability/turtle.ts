/** Turtle (https://www.w3.org/TR/turtle/), the form that people read best and that every Solid server takes. */
import { Writer } from 'n3';
import { quadsOf, readWithN3 } from './n-quads.ts';
import { POD_ROOT } from './resource-path.ts';

/** Short names, of which a file declares those that it uses. */
const PREFIXES: Readonly<Record<string, string>> = {
  acl: 'http://www.w3.org/ns/auth/acl#',
  as: 'https://www.w3.org/ns/activitystreams#',
  dcterms: 'http://purl.org/dc/terms/',
  foaf: 'http://xmlns.com/foaf/0.1/',
  ldp: 'http://www.w3.org/ns/ldp#',
  pim: 'http://www.w3.org/ns/pim/space#',
  pod: POD_ROOT,
  prov: 'http://www.w3.org/ns/prov#',
  rdf: 'http://www.w3.org/1999/02/22-rdf-syntax-ns#',
  rdfs: 'http://www.w3.org/2000/01/rdf-schema#',
  schema: 'https://schema.org/',
  solid: 'http://www.w3.org/ns/solid/terms#',
  vcard: 'http://www.w3.org/2006/vcard/ns#',
  xsd: 'http://www.w3.org/2001/XMLSchema#',
};

export function writeTurtle(canonical: string): string {
  const quads = quadsOf(canonical);
  const used = Object.entries(PREFIXES).filter(([, iri]) => canonical.includes(`<${iri}`));
  const writer = new Writer({ format: 'text/turtle', prefixes: Object.fromEntries(used) });
  for (const { subject, predicate, object } of quads) writer.addQuad(subject, predicate, object);
  let text = '';
  writer.end((error, written: string) => {
    if (error) throw error;
    text = written;
  });
  return text;
}

/** The canonical text of what a file says of a resource, IRIs relative to it. Throws ArchiveFault. */
export function readTurtle(text: string, iri: string, where: string): Promise<string> {
  return readWithN3(text, 'text/turtle', iri, where);
}
