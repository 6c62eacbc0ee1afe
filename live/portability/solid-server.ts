/**
 * Carries a pod to a Solid server and back, by the Solid Protocol (https://solidproject.org/TR/protocol): each resource is PUT where it lies
 * in the tree, and its IRIs begin with the address of the pod there.
 *
 * A server keeps resources and who may read them. What else an archive has lies in `watershed/`, for the owner alone: so what comes back
 * is, where nobody has changed it, the archive that went there, signature and all.
 */
import { FORMS, textOf, type FormName } from './forms.ts';
import { ArchiveFault } from './fault.ts';
import { formOf, MANIFEST, packSigned, readArchive, SIGNATURE, type PodArchive } from './archive.ts';
import { MAX_CONTAINERS, MAX_RESOURCE_BYTES, MAX_RESOURCES } from './limits.ts';
import { quadsOf } from './n-quads.ts';
import { rebase } from './rebase.ts';
import { iriOfPath, POD_ROOT, RESERVED_CONTAINER } from './resource-path.ts';
import { writeAccess, type AccessLanguage, type SolidAccess } from './solid-access.ts';
import { createTree, type Resource, type ResourceTree } from './tree.ts';
import { writeTreeFiles } from './tree-files.ts';
import { unpackFiles } from './packing.ts';
import type { LiveIds } from '../identity.ts';

/** A place on a Solid server where a pod is to lie, or lies. */
export interface SolidPlace {
  /** Ends with `/`. */
  readonly url: string;
  /** Says who asks: what a server wants for that is between it and the owner. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A Solid server answers otherwise than it should. */
export class SolidFault extends Error {
  override readonly name = 'SolidFault';
}

const LDP = 'http://www.w3.org/ns/ldp#';
const CONTAINER_TYPE = `<${LDP}BasicContainer>; rel="type"`;
const ACP_TYPE = 'http://www.w3.org/ns/solid/acp#AccessControlResource';
/** A server that has not answered by then is given up. */
const PATIENCE_MS = 30_000;

/**
 * Puts a pod where nothing is yet, access first: nothing of it is ever to be read by more than may.
 * Throws SolidFault, having changed nothing of what was there, if something was.
 */
export async function putOnSolidServer(
  packed: Uint8Array,
  { contents }: PodArchive,
  place: SolidPlace,
  access: SolidAccess,
): Promise<void> {
  if (contents.kind === 'none')
    throw new ArchiveFault(MANIFEST, 'the pod is deleted: there is nothing to bring');
  const files = unpackFiles(packed);
  const tree =
    contents.kind === 'tree'
      ? contents.tree
      : createTree([
          { kind: 'bytes', path: 'content', mediaType: 'application/octet-stream', bytes: contents.bytes },
        ]);
  await putContainer(place, '');
  await putAccess(place, '', access);
  for (const container of tree.containers) await putContainer(place, container);
  for (const resource of tree.resources) await putResource(place, resource);
  await putContainer(place, RESERVED_CONTAINER);
  await putAccess(place, RESERVED_CONTAINER, { ...access, readers: [] });
  for (const [name, mediaType] of OWN_FILES)
    await put(place, RESERVED_CONTAINER + name, mediaType, files.get(name)!);
}

const OWN_FILES = [
  [MANIFEST, 'application/json'],
  [SIGNATURE, 'text/plain'],
] as const;

/** What lies on a Solid server: its resources, read in one form, and the archive that it was, if it is still that. */
export interface FoundOnServer {
  readonly tree: ResourceTree;
  /** Null: it came otherwise than from an archive, or has been changed since; then its owner signs a new one. */
  readonly packed: Uint8Array | null;
}

/** Throws SolidFault or ArchiveFault: what a server serves is a stranger's word. */
export async function readFromSolidServer(
  place: SolidPlace,
  form: FormName,
  ids: LiveIds,
): Promise<FoundOnServer> {
  const found = {
    containers: [] as string[],
    resources: [] as Resource[],
    own: new Map<string, Uint8Array>(),
  };
  const waiting = [''];
  for (let container = waiting.pop(); container !== undefined; container = waiting.pop()) {
    for (const path of await listContainer(place, container)) {
      if (path.endsWith('/')) {
        waiting.push(path);
        if (path !== RESERVED_CONTAINER) found.containers.push(path);
      } else if (container === RESERVED_CONTAINER) {
        found.own.set(path.slice(container.length), (await get(place, path, '*/*')).bytes);
      } else found.resources.push(await getResource(place, path, form));
    }
    if (found.resources.length > MAX_RESOURCES || found.containers.length > MAX_CONTAINERS)
      throw new SolidFault(
        `${place.url}: has more than ${MAX_RESOURCES} resources or ${MAX_CONTAINERS} containers`,
      );
  }
  const tree = createTree(found.resources, found.containers);
  return { tree, packed: await restore(tree, found.own, ids) };
}

/** Puts the archive together again that a pod came from; null if it is no longer that. */
async function restore(tree: ResourceTree, own: ReadonlyMap<string, Uint8Array>, ids: LiveIds) {
  const [manifest, signature] = [own.get(MANIFEST), own.get(SIGNATURE)];
  if (manifest === undefined || signature === undefined) return null;
  try {
    const { files } = await writeTreeFiles(tree, FORMS[formOf(manifest)]);
    const packed = packSigned(manifest, Buffer.from(signature).toString('latin1').trimEnd(), files);
    await readArchive(packed, ids);
    return packed;
  } catch (error) {
    if (!(error instanceof ArchiveFault)) throw error;
    return null;
  }
}

async function putContainer(place: SolidPlace, path: string): Promise<void> {
  const answer = await ask(place, 'PUT', path, {
    headers: { 'content-type': 'text/turtle', link: CONTAINER_TYPE, 'if-none-match': '*' },
    body: '',
  });
  if (!answer.ok) throw refused(answer, `${place.url}${path}`);
}

async function putResource(place: SolidPlace, resource: Resource): Promise<void> {
  if (resource.kind === 'bytes') return put(place, resource.path, resource.mediaType, resource.bytes);
  const form = FORMS.turtle;
  const text = await form.write(rebase(resource.canonical, POD_ROOT, place.url), place.url + resource.path);
  return put(place, resource.path, form.mediaType, Buffer.from(text));
}

async function put(place: SolidPlace, path: string, mediaType: string, bytes: Uint8Array): Promise<void> {
  const headers = { 'content-type': mediaType, 'if-none-match': '*' };
  const answer = await ask(place, 'PUT', path, { headers, body: bytes });
  if (!answer.ok) throw refused(answer, `${place.url}${path}`);
}

/** In the language of the server, which it names where it keeps what is said in it. */
async function putAccess(place: SolidPlace, path: string, access: SolidAccess): Promise<void> {
  const { url, language } = await findAccess(place, path);
  const body = writeAccess(language, place.url + path, access);
  const answer = await ask(place, 'PUT', url, { headers: { 'content-type': 'text/turtle' }, body });
  if (!answer.ok) throw refused(answer, url);
}

/** Where a server keeps who may read a resource, and in which language. Throws SolidFault. */
export async function findAccess(
  place: SolidPlace,
  path: string,
): Promise<{ url: string; language: AccessLanguage }> {
  const at = place.url + path;
  const answer = await ask(place, 'HEAD', path);
  if (!answer.ok) throw refused(answer, at);
  const target = linkTo(answer, 'acl');
  if (target === null) throw new SolidFault(`${at}: the server does not say where it keeps who may read it`);
  const url = new URL(target, at).href;
  const about = await ask(place, 'HEAD', url);
  const isAcp = (about.headers.get('link') ?? '').includes(ACP_TYPE) || url.endsWith('.acr');
  return { url, language: isAcp ? 'acp' : 'wac' };
}

function linkTo(answer: Response, relation: string): string | null {
  const links = (answer.headers.get('link') ?? '').matchAll(/<([^>]*)>\s*;\s*rel="?([^",;]+)"?/g);
  for (const [, target, of] of links) if (of === relation) return target!;
  return null;
}

async function listContainer(place: SolidPlace, container: string): Promise<string[]> {
  const iri = place.url + container;
  const { bytes } = await get(place, container, FORMS.turtle.mediaType);
  const quads = quadsOf(await FORMS.turtle.read(textOf(bytes, iri), iri, iri));
  const paths = quads
    .filter(({ subject, predicate }) => subject.value === iri && predicate.value === `${LDP}contains`)
    .map(({ object }) => pathBelow(place, object.value));
  return paths.sort();
}

/** Servers differ in which characters of a path they percent-encode. */
function pathBelow({ url }: SolidPlace, iri: string): string {
  if (!iri.startsWith(url)) throw new SolidFault(`${url}: contains ${iri}, which does not lie there`);
  const segments = iri.slice(url.length).split('/');
  try {
    return segments.map((segment) => encodeURIComponent(decodeURIComponent(segment))).join('/');
  } catch {
    throw new SolidFault(`${iri}: what is percent-encoded is not UTF-8`);
  }
}

async function getResource(place: SolidPlace, path: string, formName: FormName): Promise<Resource> {
  const form = FORMS[formName];
  const { bytes, mediaType } = await get(place, path, `${form.mediaType}, */*;q=0.1`);
  if (mediaType !== form.mediaType) return { kind: 'bytes', path, mediaType, bytes };
  const there = place.url + path;
  const served = await form.read(textOf(bytes, there), there, there);
  const here = rebase(served, place.url, POD_ROOT);
  return { kind: 'graph', path, canonical: await FORMS['n-quads'].read(here, iriOfPath(path), there) };
}

async function get(
  place: SolidPlace,
  path: string,
  accept: string,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const answer = await ask(place, 'GET', path, { headers: { accept } });
  const at = place.url + path;
  if (!answer.ok) throw refused(answer, at);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of answer.body ?? []) {
    pieces.push(piece as Uint8Array);
    length += (piece as Uint8Array).length;
    if (length > MAX_RESOURCE_BYTES) throw new SolidFault(`${at}: has more than ${MAX_RESOURCE_BYTES} bytes`);
  }
  const [mediaType] = (answer.headers.get('content-type') ?? '').split(';');
  return { bytes: Buffer.concat(pieces), mediaType: mediaType!.trim().toLowerCase() };
}

/** @param path below the place, or the URL of what the server keeps beside it */
async function ask(
  { url, headers }: SolidPlace,
  method: string,
  path: string,
  more: { headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<Response> {
  const at = path.includes('://') ? path : url + path;
  if (new URL(at).origin !== new URL(url).origin)
    throw new SolidFault(`${at}: is not on the server of ${url}, and is not told who asks`);
  try {
    return await fetch(at, {
      method,
      headers: { ...headers, ...more.headers },
      ...(more.body === undefined ? {} : { body: more.body as NonNullable<RequestInit['body']> }),
      // A redirection would take the owner's headers along.
      redirect: 'manual',
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    throw new SolidFault(`${at}: ${cause instanceof Error ? cause.message : message}`);
  }
}

function refused({ status, statusText }: Response, at: string): SolidFault {
  const reasons: Record<number, string> = {
    401: 'who asks is not known there',
    403: 'whoever asks may not do that there',
    409: 'something lies there already, and is not replaced',
    412: 'something lies there already, and is not replaced',
  };
  return new SolidFault(`${at}: ${reasons[status] ?? `${status} ${statusText}`}`);
}
