/** Pods, owners and archives for tests: drawn ones and one that can be read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BaseQuad } from '@rdfjs/types';
import fc from 'fast-check';
import { DataFactory } from 'n3';
import {
  EMPTY_BOOK,
  FIRST_LOCK,
  READING_USE,
  SECOND_LOCK,
  STANDING,
  type Pattern,
  type Withdrawal,
} from '../../../core/policy/consent-documents.ts';
import { lockedPatternHash, patternHash, withdrawalHash } from '../../../core/policy/consent-hashes.ts';
import { deletionHash, podIdOf, policyHash } from '../../../core/policy/pod-documents.ts';
import type { PodPolicy } from '../../../core/policy/pod-terms.ts';
import { LiveIds, openIdentity, signHash, type Identity } from '../../../live/identity.ts';
import type { PodArchive } from '../../../live/portability/archive.ts';
import { FORMS } from '../../../live/portability/forms.ts';
import { GraphReader } from '../../../live/portability/graph.ts';
import type { OwnerDocuments } from '../../../live/portability/owner-documents.ts';
import { iriOfPath, POD_ROOT } from '../../../live/portability/resource-path.ts';
import {
  createTree,
  type ByteResource,
  type Resource,
  type ResourceTree,
} from '../../../live/portability/tree.ts';

export const MADE_AT = '2026-01-31T12:00:00.000Z';
export const POD_NUMBER = 7;

/** Owners with keys, in a folder of their own. */
export class Owners {
  readonly ids = new LiveIds([]);
  readonly folder = mkdtempSync(join(tmpdir(), 'watershed-owners-'));

  of(name: string): Identity {
    return openIdentity(join(this.folder, name));
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }

  policy(owner: Identity, homeRegion = 'eu/fr', version = 1): PodPolicy {
    const terms = {
      owner: this.ids.peerOf(owner.id),
      number: POD_NUMBER,
      version,
      homeRegion,
      policy: {
        allowedRegions: [],
        requiredRegion: null,
        crossBorderAllowed: false,
        encryptionRequired: false,
        retention: { maxDays: null, legalHold: false },
      },
      sinceWallUs: 1_767_225_600_000_000,
    };
    return { terms, signature: signHash(owner, policyHash(this.ids, terms)) };
  }

  /** That somebody may read a pod until 2027, signed by its owner at both locks. */
  pattern(owner: Identity, reader: Identity): Pattern {
    const { ids } = this;
    const of = ids.peerOf(owner.id);
    const terms = {
      ...{ owner: of, number: 1, authorisation: STANDING, proposer: ids.peerOf(reader.id), delegate: of },
      ...{ use: READING_USE, purpose: 'to read it', pods: [podIdOf(ids, of, POD_NUMBER)] },
      ...{ untilWallUs: Date.UTC(2027, 0, 1) * 1_000, uses: 0, wallUs: Date.UTC(2026, 0, 30) * 1_000 },
    };
    const hash = patternHash(ids, terms);
    const understood = signHash(owner, lockedPatternHash(ids, FIRST_LOCK, hash));
    return { terms, understood, authorised: signHash(owner, lockedPatternHash(ids, SECOND_LOCK, hash)) };
  }

  /** What an owner takes back: one thing by its hash, or all. */
  withdrawal(owner: Identity, target: string): Withdrawal {
    const terms = { target, wallUs: Date.UTC(2026, 0, 31) * 1_000 };
    const pod = podIdOf(this.ids, this.ids.peerOf(owner.id), POD_NUMBER);
    return { ...terms, signature: signHash(owner, withdrawalHash(this.ids, pod, terms)) };
  }

  /** What an owner has said of a pod that Bob may read. */
  documents(owner: Identity): OwnerDocuments {
    const consent = { ...EMPTY_BOOK, patterns: [this.pattern(owner, this.of('bob'))] };
    return { policy: this.policy(owner), deletion: null, consent, receipts: [] };
  }

  deleted(owner: Identity): OwnerDocuments {
    const of = this.ids.peerOf(owner.id);
    const signature = signHash(owner, deletionHash(this.ids, of, POD_NUMBER));
    const deletion = { owner: of, number: POD_NUMBER, signature };
    return { policy: null, deletion, consent: EMPTY_BOOK, receipts: [] };
  }

  archive(owner: Identity, tree: ResourceTree, changes: Partial<PodArchive> = {}): PodArchive {
    return {
      ownerId: owner.id,
      number: POD_NUMBER,
      madeAt: MADE_AT,
      form: 'turtle',
      contents: { kind: 'tree', tree },
      documents: this.documents(owner),
      ...changes,
    };
  }
}

export async function graphAt(path: string, turtle: string): Promise<Resource> {
  return { kind: 'graph', path, canonical: await FORMS.turtle.read(turtle, iriOfPath(path), path) };
}

/** A small pod of somebody called Ann. */
export async function podOfAnn(): Promise<ResourceTree> {
  const prefixes = `
    @prefix foaf: <http://xmlns.com/foaf/0.1/>. @prefix schema: <https://schema.org/>. @prefix as: <https://www.w3.org/ns/activitystreams#>.
    @prefix dcterms: <http://purl.org/dc/terms/>. @prefix xsd: <http://www.w3.org/2001/XMLSchema#>.`;
  return createTree(
    [
      await graphAt(
        'profile/card',
        `${prefixes} <#me> a foaf:Person; foaf:name "Ann Lovelace"@EN, "Åsa"@sv; foaf:img <portrait.png>;
          foaf:knows [ foaf:name "Bob"; foaf:age 41 ], [ foaf:name "Bob"; foaf:age 41.0 ]; schema:knowsAbout ("rivers" "locks"@en 3).`,
      ),
      await graphAt(
        'memory/2026/a-day-at-the-river',
        `${prefixes} <> a schema:Event; dcterms:created "2026-01-30T18:00:00Z"^^xsd:dateTime; schema:about <../../frames/water#this>;
          schema:description """It rained, and she said:
  “no dam holds for ever”. \\\\ \\"quoted\\" 🌧""".`,
      ),
      await graphAt(
        'frames/water',
        `${prefixes} <#this> schema:isPartOf <>; schema:name "water", "eau"@fr, "水"@zh-hant.`,
      ),
      await graphAt(
        'actions/walk',
        `${prefixes} <> a as:Travel; as:actor <../profile/card#me>; as:startTime "2026-01-30"^^xsd:date.`,
      ),
      await graphAt(
        'agents/archivist',
        `${prefixes} <> a as:Service; as:name "archivist"; as:duration 1e3, true.`,
      ),
      await graphAt(
        'consent/bob-may-read',
        `${prefixes} <> dcterms:accessRights "read"; dcterms:relation [ dcterms:relation [] ].`,
      ),
      { kind: 'bytes', path: 'profile/portrait.png', mediaType: 'image/png', bytes: PIXEL },
      {
        kind: 'bytes',
        path: 'memory/2026/%C3%BCber%20alles.txt',
        mediaType: 'text/plain',
        bytes: Buffer.from('a note\r\n\u00fc'),
      },
      {
        kind: 'bytes',
        path: 'memory/nothing.bin',
        mediaType: 'application/octet-stream',
        bytes: new Uint8Array(0),
      },
    ],
    ['memory/2027/', 'frames/drafts/'],
  );
}

const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
const XSD = 'http://www.w3.org/2001/XMLSchema#';
const { blankNode, literal, namedNode, quad } = DataFactory;

/** Any text that has bytes: no half characters. */
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('', '"', '\\', '\n', '\r\n', `'''`, '\u0000', '\u0085', '\u2028', '\uffff', ' .', '<a>'),
  fc.constantFrom('_:c14n0', '@en', '007', '\ufeff', 'e\u0301', '\u{1f327}', '\u007f', '\u0019', '\u001f'),
);
const names = texts.filter((name) => !/[\u0000-\u001f\u007f/\\$]/.test(name)).map(encodeURIComponent);
const segments = fc.oneof(
  fc.constantFrom('card', 'a', 'b.ttl', 'c.jsonld', 'd.nq', '__proto__', '1', 'manifest.json'),
  names.filter((name) => !['', '.', '..', 'watershed'].includes(name) && !/\.(acl|acr|meta)$/i.test(name)),
);
export const paths = fc.array(segments, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));

/** IRIs elsewhere and in the pod, with whatever an IRI may have in it. */
const iris = fc.oneof(
  fc.constantFrom(...['type', 'first', 'rest', 'nil'].map((name) => RDF + name)),
  fc.constantFrom(`${XSD}integer`, POD_ROOT, 'urn:a:b', 'mailto:ann@example.org', 'x:', 'tag:a,2026:(b)'),
  paths.map((path) => POD_ROOT + path),
  fc.tuple(paths, segments).map(([path, fragment]) => `${POD_ROOT}${path}#${fragment}`),
  fc.constantFrom('https://example.org/ü?q=1&r=%20#é', 'https://example.org/a/../b', 'https://pod.invalid'),
  fc.constantFrom('https://schema.org/a.b.', 'https://schema.org/a:b~c', 'https://schema.org/', 'HTTP://A/b'),
);
const languages = fc.constantFrom('en', 'EN-gb', 'zh-Hant', 'x-klingon', 'de-1996');
const numbers = fc.constantFrom(
  ...['1', '01', '+1', '-0', '1.0', '.5', '1.', '1e0', '1E-7', 'INF', 'true', 'TRUE', '0', 'no number', ''],
);
const literals = fc.oneof(
  texts.map((value) => literal(value)),
  fc.tuple(texts, languages).map(([value, language]) => literal(value, language)),
  fc
    .tuple(numbers, fc.constantFrom('integer', 'decimal', 'double', 'boolean', 'dateTime'))
    .map(([value, type]) => literal(value, namedNode(XSD + type))),
  fc.tuple(texts, iris).map(([value, type]) => literal(value, namedNode(type))),
  fc.constantFrom('{"a":[1]}', '{ "b" : 1.0 }').map((value) => literal(value, namedNode(`${RDF}JSON`))),
);
const blanks = fc.constantFrom('a', 'b', 'c', 'd').map((name) => blankNode(name));
const nodes = iris.map((iri) => namedNode(iri));
const triples = fc
  .tuple(fc.oneof(nodes, blanks), nodes, fc.oneof(nodes, blanks, literals))
  .map(([subject, predicate, object]) => quad(subject, predicate, object));

/** What a tree is made of; where paths collide the later one is left out. */
export interface DrawnTree {
  readonly graphs: readonly { readonly path: string; readonly triples: readonly BaseQuad[] }[];
  readonly files: readonly Omit<ByteResource, 'kind'>[];
  readonly containers: readonly string[];
}

export const drawnTrees: fc.Arbitrary<DrawnTree> = fc.record({
  graphs: fc.array(fc.record({ path: paths, triples: fc.array(triples, { maxLength: 12 }) }), {
    maxLength: 5,
  }),
  files: fc.array(
    fc.record({
      path: paths,
      mediaType: fc.constantFrom('image/png', 'text/plain', 'application/json', 'font/woff2'),
      bytes: fc.uint8Array({ maxLength: 32 }),
    }),
    { maxLength: 3 },
  ),
  containers: fc.array(
    paths.map((path) => `${path}/`),
    { maxLength: 2 },
  ),
});

export async function treeOf(drawn: DrawnTree): Promise<ResourceTree> {
  const resources: Resource[] = [];
  const containers: string[] = [];
  const fits = (more: readonly Resource[], empty: readonly string[]): boolean => {
    try {
      createTree([...resources, ...more], [...containers, ...empty]);
      return true;
    } catch {
      return false;
    }
  };
  for (const { path, triples: said } of drawn.graphs) {
    const resource: Resource = { kind: 'graph', path, canonical: await canonicalOf(path, said) };
    if (fits([resource], [])) resources.push(resource);
  }
  for (const file of drawn.files) {
    const resource: Resource = { kind: 'bytes', ...file };
    if (fits([resource], [])) resources.push(resource);
  }
  for (const container of drawn.containers) if (fits([], [container])) containers.push(container);
  return createTree(resources, containers);
}

export function canonicalOf(path: string, said: readonly BaseQuad[]): Promise<string> {
  const graph = new GraphReader(path, iriOfPath(path));
  for (const triple of said) graph.add(triple);
  return graph.canonical();
}
