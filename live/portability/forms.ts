/** The three forms in which the graphs of a pod are written. */
import { ArchiveFault } from './fault.ts';
import { readJsonLd, writeJsonLd } from './json-ld.ts';
import { MAX_RESOURCE_BYTES } from './limits.ts';
import { readNQuads, writeNQuads } from './n-quads.ts';
import { readTurtle, writeTurtle } from './turtle.ts';

export type FormName = 'turtle' | 'json-ld' | 'n-quads';

export interface Form {
  readonly name: FormName;
  readonly mediaType: string;
  /** Of file names, with the dot. */
  readonly ending: string;
  /** @param iri of the resource that says it */
  write(canonical: string, iri: string): string | Promise<string>;
  read(text: string, iri: string, where: string): Promise<string>;
}

export const FORMS: Readonly<Record<FormName, Form>> = {
  turtle: { name: 'turtle', mediaType: 'text/turtle', ending: '.ttl', write: writeTurtle, read: readTurtle },
  'json-ld': {
    name: 'json-ld',
    mediaType: 'application/ld+json',
    ending: '.jsonld',
    write: writeJsonLd,
    read: readJsonLd,
  },
  'n-quads': {
    name: 'n-quads',
    mediaType: 'application/n-quads',
    ending: '.nq',
    write: writeNQuads,
    read: readNQuads,
  },
};
export const FORM_NAMES = Object.keys(FORMS) as FormName[];

/** RDF in forms that are not read here: carried as bytes, a Solid server would read them as triples after all. */
const OTHER_FORMS = [
  ...['application/rdf+xml', 'application/trig', 'application/n-triples', 'text/n3', 'text/n-quads'],
  ...['application/xhtml+xml+rdfa', 'application/hal+json'],
];
/** The types of RFC 6838 and those that IANA has added: https://www.iana.org/assignments/media-types */
const MEDIA_TYPE =
  /^(application|audio|example|font|haptics|image|message|model|multipart|text|video)\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/;

/** Throws ArchiveFault when bytes of that type cannot be a resource. */
export function checkMediaType(mediaType: string, where: string): void {
  if (!MEDIA_TYPE.test(mediaType))
    throw new ArchiveFault(
      where,
      `${JSON.stringify(mediaType)} is no known media type, in small letters and without parameters`,
    );
  const form = FORM_NAMES.find((name) => FORMS[name].mediaType === mediaType);
  if (form !== undefined)
    throw new ArchiveFault(where, `${mediaType} is read as triples, not carried as bytes`);
  if (OTHER_FORMS.includes(mediaType))
    throw new ArchiveFault(
      where,
      `${mediaType} is RDF in a form that is not read here: turn it into Turtle, JSON-LD or N-Quads`,
    );
}

/** Throws ArchiveFault. */
export function textOf(bytes: Uint8Array, where: string): string {
  if (bytes.length > MAX_RESOURCE_BYTES)
    throw new ArchiveFault(where, `has more than ${MAX_RESOURCE_BYTES} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ArchiveFault(where, 'is not UTF-8');
  }
}
